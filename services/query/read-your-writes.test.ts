import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { formatPosition, positionAfter } from "../../schemas/position.ts";
import { openMemoryLog } from "../runtime/event-log/memory-log.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import { recordingLogger } from "../runtime/http/testing.ts";
import { localWatermarks } from "../runtime/watermarks.ts";
import type { LocalWatermarks, Watermarks } from "../runtime/watermarks.ts";
import { createQueryApp } from "./app.ts";
import { basic, depsOf, queryFixture } from "./testing.ts";

const query = queryFixture();

let log: EventLog;
let marks: LocalWatermarks;
/** How long each wait may last, as the routes asked. */
let waits: number[] = [];

beforeAll(async () => {
  log = await openMemoryLog({ partitions: 1 });
  marks = localWatermarks(log);
});

afterAll(() => log.close());

/** The service beside a writer that stores when the test says so. */
function ask(
  project: string,
  path: string,
  minPosition: string | null = null,
  watermarks: Watermarks = {
    pending: () => marks.pending(),
    reached(position, timeoutMs) {
      waits.push(timeoutMs);
      // A slow machine must not end a wait that the test is about to end.
      return marks.reached(position, timeoutMs * 100);
    },
  },
): Promise<Response> {
  const app = createQueryApp({ ...depsOf(query.db, recordingLogger().log), watermarks });
  const headers = new Headers({ authorization: basic(`pk-${project}`, project) });
  if (minPosition !== null) headers.set("x-sluice-min-position", minPosition);
  waits = [];
  return Promise.resolve(app.request(`/api/public/${path}`, { headers }));
}

/** Accepts an event that is not stored yet; gives the text of its position. */
async function accept(): Promise<string> {
  const position = positionAfter(
    log.generation,
    await log.append([{ key: "k", value: Buffer.from("event") }]),
  );
  return position ? formatPosition(position) : "";
}

async function storeAll(): Promise<void> {
  marks.advance(0, (await log.ends()).get(0) ?? 0n);
}

/** Whether an answer is there by the time that the engine has answered a query of ours. */
async function isSettled(answer: Promise<Response>): Promise<boolean> {
  let settled = false;
  void answer.then(() => (settled = true));
  await query.get("idle", "/api/public/traces");
  return settled;
}

describe("a read that names a position", () => {
  test("it waits until what was written up to there is stored, then shows it", async () => {
    const position = await accept();
    const answer = ask("list", "traces", position);
    expect(await isSettled(answer)).toBe(false);
    await query.traces({ project_id: "list", id: "t1" });
    await storeAll();
    const response = await answer;
    expect(response.status).toBe(200);
    expect(await response.json()).toMatchObject({ data: [{ id: "t1" }] });
    expect(waits).toEqual([5_000]);
  });

  test("it is answered at once when that is stored, whatever was written since", async () => {
    const position = await accept();
    await storeAll();
    await accept();
    expect((await ask("list", "scores", position)).status).toBe(200);
  });

  test("after five seconds it is told how far behind the writer is, and to try again", async () => {
    const behind: Watermarks = {
      pending: async () => null,
      reached: async () => ({ status: "behind", records: 1234n }),
    };
    const response = await ask("list", "traces", "g1-0:5000", behind);
    expect(response.status).toBe(503);
    expect(response.headers.get("x-sluice-lag")).toBe("1234");
    expect(response.headers.get("retry-after")).toBe("1");
    expect(await response.json()).toEqual({
      message: expect.stringContaining("1234"),
      error: "ServiceUnavailableError",
    });
  });

  test.each(["", "0", "g1", "g1-0:1;", "g1-0:1, g1-0:2", "' OR 1=1 --"])(
    "the malformed position %j is 400",
    async (position) => {
      const response = await ask("list", "traces", position);
      expect(response.status).toBe(400);
      expect(await response.json()).toMatchObject({ error: "InvalidRequestError" });
      expect(waits).toEqual([]);
    },
  );

  test.each([
    ["g9-0:0", /generation 9/],
    ["g1-4:0", /partition 4/],
    ["g1-0:99999", /nothing there/],
  ])(
    "the position %s, which the log has never given out, is 400 with the reason",
    async (position, reason) => {
      const response = await ask("list", "traces", position);
      expect(response.status).toBe(400);
      expect(await response.json()).toEqual({
        message: expect.stringMatching(reason),
        error: "InvalidRequestError",
      });
    },
  );

  test("without a key nobody waits", async () => {
    const response = await ask("nobody", "traces", await accept());
    expect(response.status).toBe(401);
    expect(waits).toEqual([]);
  });
});

/** Each by-id read of the row "x" of a project, and how that row comes to be. */
const reads = [
  { path: "traces/x", insert: (project_id: string) => query.traces({ project_id, id: "x" }) },
  {
    path: "observations/x",
    insert: (project_id: string) => query.observations({ project_id, id: "x" }),
  },
  {
    path: "x/observations/x/cost",
    insert: (project_id: string) => query.observations({ project_id, id: "x" }),
  },
  {
    path: "x/traces/x/tree",
    insert: (project_id: string) => query.observations({ project_id, id: "o", trace_id: "x" }),
  },
  {
    path: "sessions/x",
    insert: (project_id: string) => query.traces({ project_id, id: "t", session_id: "x" }),
  },
  {
    path: "scores/x",
    insert: (project_id: string) => query.scores({ project_id, id: "x", trace_id: "t" }),
  },
  {
    path: "v2/scores/x",
    insert: (project_id: string) => query.scores({ project_id, id: "x", trace_id: "t" }),
  },
];

describe.each(reads)("GET /$path without a position", ({ path, insert }) => {
  test("what is accepted and not stored yet is waited for, up to a second", async () => {
    await accept();
    const answer = ask(path, path);
    expect(await isSettled(answer)).toBe(false);
    await insert(path);
    await storeAll();
    expect((await answer).status).toBe(200);
    expect(waits).toEqual([1_000]);
  });

  test("while the writer has nothing to do, nothing is 404 at once", async () => {
    await storeAll();
    expect((await ask("idle", path)).status).toBe(404);
    expect(waits).toEqual([]);
  });
});

test("what is accepted after a read has come is not waited for by it", async () => {
  await storeAll();
  const late: Watermarks = {
    async pending() {
      const position = await marks.pending();
      await accept();
      return position;
    },
    reached: () => Promise.reject(new Error("nobody needs to wait")),
  };
  expect((await ask("idle", "traces/late", null, late)).status).toBe(404);
});

test("what is found is shown at once, however far behind the writer is", async () => {
  await query.traces({ project_id: "found", id: "t1" });
  await accept();
  expect((await ask("found", "traces/t1")).status).toBe(200);
  expect(waits).toEqual([]);
});

test("a writer that stays behind does not keep a 404 from its client", async () => {
  const stuck: Watermarks = {
    pending: () => marks.pending(),
    reached: async () => ({ status: "behind", records: 1n }),
  };
  await accept();
  expect((await ask("idle", "traces/t1", null, stuck)).status).toBe(404);
});
