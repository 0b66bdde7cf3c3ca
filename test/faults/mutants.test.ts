import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";

import { post, postNew, postUntilTaken, startLoad } from "./clients.ts";
import { createIssuer } from "./events.ts";
import type { Issued, Kind } from "./events.ts";
import { mutants, slowInserts, slowWrites } from "./patches.ts";
import { createRig, exportRows, variantForTest } from "./rig.ts";
import { readWrites, recordWrites } from "./strace.ts";
import type { Patch } from "./variant.ts";
import { untilTrue } from "./wait.ts";

/**
 * Each case runs twice: the build as it is must pass, and the build with the mutation must fail. The second half is
 * what shows that the first one, and the cases beside this file, can fail at all.
 */

describe("a gateway that is killed while the log is being written", () => {
  const name = "ack before the append";

  async function run(...patches: Patch[]): Promise<readonly string[]> {
    const { place, book, ...rig } = await createRig();
    const doomed = await rig.start(await variantForTest(slowWrites(1000), ...patches));
    const load = startLoad(place.url, book, { run: "M1", clients: 4, attemptsMax: 1, pauseMs: 0 });
    await untilTrue(() => book.acked >= 150);
    await doomed.kill();
    await load.stop();
    await rig.start();
    const { problems } = await rig.close({
      name: patches.length === 0 ? "kill -9 in the append" : `mutant: ${name}`,
      faults: 1,
      floor: { acked: 100, faults: 1 },
      healedAt: performance.now(),
    });
    return problems;
  }

  test("loses nothing that it acknowledged", async () => {
    expect(await run()).toEqual([]);
  });

  test(`is caught when it answers first (${name})`, async () => {
    expect(await run(mutants[name])).toContainEqual(expect.stringMatching(/^LOST_ACKED/));
  });
});

describe("E5: every answer", () => {
  const name = "ack before fsync";
  const requests = 12;

  /** Requests that were answered before the fsync that covers them had come back. */
  async function run(...patches: Patch[]): Promise<number> {
    const dir = await mkdtemp(join(tmpdir(), "sluice-strace-"));
    onTestFinished(() => rm(dir, { recursive: true, force: true }));
    const recording = join(dir, "calls");
    const { place, book, ...rig } = await createRig();
    const server = await rig.start({
      ...(await variantForTest(...patches)),
      under: recordWrites(recording),
    });
    const issuer = createIssuer("E5", Date.now());
    const ids: string[] = [];
    for (let n = 0; n < requests; n += 1) {
      const issued = issuer.next("trace");
      book.issue(issued);
      ids.push(issued.event.id);
      await postUntilTaken(place.url, book, [issued]);
    }
    await server.stop();
    const calls = await readWrites(recording);
    const early = ids.filter((id) => {
      const written = calls.find(
        ({ name: call, text }) => call === "pwrite64" && text.includes(`${id}\\"`),
      );
      const answered = calls.find(
        ({ name: call, text }) => call !== "pwrite64" && text.includes(`{\\"id\\":\\"${id}\\"`),
      );
      if (!written || !answered)
        throw new Error(`The recording lacks the write or answer of ${id}.`);
      const descriptor = /\((\d+),/.exec(written.text)?.[1];
      return !calls.some(
        ({ text, begin, end }) =>
          text.startsWith(`fdatasync(${descriptor})`) &&
          / = 0( \(DELAYED\))?$/.test(text) &&
          begin > written.end &&
          end < answered.begin,
      );
    });
    console.log(
      `E5 ${patches.length === 0 ? "as built" : `mutant: ${name}`}: ${early.length} of ${requests} answers came before their fsync`,
    );
    return early.length;
  }

  test("comes after the fsync of what it acknowledges", async () => {
    expect(await run()).toBe(0);
  });

  test(`is caught when it does not wait (${name})`, async () => {
    expect(await run(mutants[name])).toBeGreaterThan(0);
  });
});

describe("a stop while inserts are slow", () => {
  const name = "commit before insert";

  async function run(...patches: Patch[]): Promise<readonly string[]> {
    const { place, book, ...rig } = await createRig();
    const slow = await rig.start(await variantForTest(slowInserts(3000), ...patches));
    const load = startLoad(place.url, book, { run: "M3", clients: 2, attemptsMax: 1 });
    await untilTrue(() => book.acked >= 150);
    await load.stop();
    await slow.stop();
    await rig.start();
    const { problems } = await rig.close({
      name: patches.length === 0 ? "SIGTERM, slow inserts" : `mutant: ${name}`,
      faults: 1,
      floor: { acked: 100, faults: 1 },
      healedAt: performance.now(),
    });
    return problems;
  }

  test("loses nothing that was acknowledged", async () => {
    expect(await run()).toEqual([]);
  });

  test(`is caught when the offset runs ahead of the rows (${name})`, async () => {
    expect(await run(mutants[name])).toContainEqual(expect.stringMatching(/^LOST_ACKED/));
  });
});

describe("half of a surrogate pair", () => {
  const name = "no toWellFormed";

  async function run(...patches: Patch[]): Promise<readonly string[]> {
    const { place, book, ...rig } = await createRig();
    await rig.start(await variantForTest(...patches));
    const issuer = createIssuer("M4", Date.now());
    await postNew(place.url, book, issuer, 5);
    const broken = withText(issuer.next("trace"), "half \ud83d pair", "half \ufffd pair");
    book.issue(broken.stored);
    const body = JSON.stringify({ batch: [broken.sent.event] });
    expect(await post(place.url, book, [broken.stored], body)).toBeNull();
    const { problems } = await rig.close({
      name: patches.length === 0 ? "lone surrogate" : `mutant: ${name}`,
      faults: 1,
      floor: { acked: 6, faults: 1 },
    });
    return problems;
  }

  test("is stored as U+FFFD, with everything around it", async () => {
    expect(await run()).toEqual([]);
  });

  test(`is caught when it reaches the engine (${name})`, async () => {
    expect(await run(mutants[name])).not.toEqual([]);
  });
});

describe("updates that find a cold cache", () => {
  const name = "every id taken as new";

  async function run(...patches: Patch[]): Promise<readonly string[]> {
    const { place, book, ...rig } = await createRig();
    const options = await variantForTest(...patches);
    const first = await rig.start(options);
    const issuer = createIssuer("M5", Date.now());
    const issue = (...kinds: Kind[]): Issued[] => kinds.map((kind) => issuer.next(kind));
    const creates = issue("trace", "span", "generation", "span", "generation");
    for (const issued of creates) book.issue(issued);
    await postUntilTaken(place.url, book, creates);
    await exportRows(place);
    await first.stop();
    await rig.start(options);
    const updates = issue("span-update", "generation-update", "span-update", "generation-update");
    for (const issued of updates) book.issue(issued);
    await postUntilTaken(place.url, book, updates);
    const { problems } = await rig.close({
      name: patches.length === 0 ? "update after a restart" : `mutant: ${name}`,
      faults: 1,
      floor: { acked: 9, faults: 1 },
    });
    return problems;
  }

  test("are merged with what is stored", async () => {
    expect(await run()).toEqual([]);
  });

  test(`are caught when the stored row is not looked up (${name})`, async () => {
    expect(await run(mutants[name])).not.toEqual([]);
  });
});

/** The same event with another text, and how it must be stored. */
function withText(issued: Issued, sent: string, stored: string): { sent: Issued; stored: Issued } {
  const make = (text: string): Issued => ({
    ...issued,
    text,
    columns: { input: text },
    event: {
      ...issued.event,
      body: { ...issued.event.body, input: text, metadata: { [issued.mark]: text } },
    },
  });
  return { sent: make(sent), stored: make(stored) };
}
