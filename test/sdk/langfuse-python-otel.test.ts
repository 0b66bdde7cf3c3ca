import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentServer } from "./clients.ts";
import { bareObservation, bareScore, bareTrace, momentSince, zeroPrices } from "./expected.ts";
import { everythingStored, named } from "./integrations.ts";
import type { ShownTrace } from "./integrations.ts";
import { readBoth } from "./python-reads.ts";
import { everyGroup, readsOf3, readsOf4, readsOf5 } from "./python-otel-reads.ts";
import type { Ids } from "./python-otel-reads.ts";
import { parts, rootMetadata, sender, traceScores } from "./python-otel-story.ts";
import type { Read } from "./python-reads.ts";
import { installMsMax, langfuseEnv, pythonWith } from "./python.ts";
import type { Python } from "./python.ts";

/** What a version of the SDK says about a trace, and how it reads. */
interface Sdk {
  readonly version: string;
  /** What the trace shows apart from what all versions tell. */
  readonly trace: object;
  readonly metadata: object;
  readonly reads: (ids: Ids) => readonly Read[];
}

const told = { input: { asked: "Where?" }, output: "told" };
const sdks: readonly Sdk[] = [
  { version: "3.15.0", trace: told, metadata: { seats: 4 }, reads: readsOf3 },
  { version: "4.18.0", trace: told, metadata: {}, reads: readsOf4 },
  {
    version: "5.0.4",
    // It says nothing about the trace's own input and output: they are those of its root.
    trace: { input: { question: "Where?", draft: null }, output: "On its way." },
    metadata: {},
    reads: readsOf5,
  },
];

let server: StartedServer;

expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
});
afterAll(() => server.stop());

describe.each(sdks)("langfuse $version for Python", (sdk) => {
  const session = `session of ${sdk.version}`;
  let python: Python;
  let since: number;
  let shown: ShownTrace;

  beforeAll(async () => {
    python = await pythonWith([`langfuse==${sdk.version}`]);
    since = Date.now();
    const id = await python.run("langfuse-otel.py", [session], langfuseEnv(server));
    await everythingStored(server);
    shown = (await server.get(`/api/public/traces/${String(id)}`)).body as ShownTrace;
  }, installMsMax);

  test("A trace told over OTLP is read back with every field that was given.", () => {
    const { observations, scores, ...trace } = shown;
    const stamps = { createdAt: momentSince(since), updatedAt: momentSince(since) };
    const root = named(shown, "answer");
    expect(trace).toStrictEqual({
      ...bareTrace,
      ...stamps,
      id: shown.id,
      timestamp: root["startTime"],
      name: "support chat",
      userId: "user-1",
      sessionId: session,
      version: "7",
      release: "r-42",
      environment: "staging",
      public: true,
      tags: ["beta", "paid"],
      ...sdk.trace,
      metadata: { ...rootMetadata, plan: "pro", ...sdk.metadata, ...sender(sdk.version) },
      totalCost: 0.503,
      latency: root["latency"],
      htmlPath: `/project/${project.id}/traces/${shown.id}`,
    });
    expect(observations).toHaveLength(parts.length);
    for (const { parent, metadata, ...fields } of parts) {
      const part = named(shown, fields.name);
      expect(part).toStrictEqual({
        ...bareObservation,
        ...zeroPrices,
        ...stamps,
        id: expect.stringMatching(/^[0-9a-f]{16}$/),
        traceId: shown.id,
        parentObservationId: parent === undefined ? null : named(shown, parent).id,
        startTime: momentSince(since),
        endTime: momentSince(since),
        latency: secondsBetween(part["startTime"], part.endTime),
        environment: "staging",
        version: "7",
        metadata: { ...metadata, ...sender(sdk.version) },
        ...fields,
        ...(fields.name === "draft" && {
          completionStartTime: momentSince(since),
          timeToFirstToken: secondsBetween(part["startTime"], part["completionStartTime"]),
        }),
      });
    }
    expect((scores as ShownScores).toSorted(byName)).toStrictEqual(
      traceScores.map(({ onRoot, ...fields }) => ({
        ...bareScore,
        ...stamps,
        id: expect.any(String),
        traceId: shown.id,
        observationId: onRoot ? root.id : null,
        timestamp: momentSince(since),
        environment: "staging",
        ...fields,
      })),
    );
  });

  test("The newer generation of reads gives the same observations.", async () => {
    const where = `/api/public/v2/observations?traceId=${shown.id}&fields=${everyGroup}`;
    const { body } = await server.get(`${where}&expandMetadata=resourceAttributes,scope`);
    const { data } = body as { data: readonly { readonly [field: string]: unknown }[] };
    expect(data).toHaveLength(parts.length);
    for (const newer of data) {
      const { usage: _usage, unit: _unit, ...older } = named(shown, String(newer["name"]));
      const common = Object.keys(newer).filter((field) => field in older && !(field in zeroPrices));
      // At least these: what an observation is, what went in and out, and what it used.
      expect(common).toEqual(
        expect.arrayContaining([
          "id",
          "type",
          "input",
          "output",
          "model",
          "usageDetails",
          "costDetails",
          "metadata",
          "latency",
        ]),
      );
      const picked = (from: object) =>
        Object.fromEntries(Object.entries(from).filter(([field]) => common.includes(field)));
      const payload = { input: valueOf(newer["input"]), output: valueOf(newer["output"]) };
      expect({ ...picked(newer), ...payload }).toStrictEqual(picked(older));
      expect(newer).toMatchObject({
        userId: "user-1",
        sessionId: session,
        traceName: "support chat",
        tags: ["beta", "paid"],
        release: "r-42",
        isRootObservation: newer["name"] === "answer",
      });
    }
  });

  test("Its models hold all that its read methods are answered, and it raises what is refused.", async () => {
    const first = await server.get(`/api/public/v2/observations?limit=5&traceId=${shown.id}`);
    const ids = {
      trace: shown.id,
      session: encodeURIComponent(session),
      observation: named(shown, "draft").id,
      score: (shown["scores"] as ShownScores)[0]?.id ?? "",
      cursor: (first.body as { meta: { cursor: string } }).meta.cursor,
    };
    const { bySdk, byServer } = await readBoth(server, python, sdk.reads(ids));
    expect(bySdk).toStrictEqual(byServer);
  });
});

type ShownScores = readonly { readonly id: string; readonly name: string }[];

function secondsBetween(start: unknown, end: unknown): number {
  return (Date.parse(String(end)) - Date.parse(String(start))) / 1000;
}

/** The newer generation gives payloads as they are stored, which is JSON or plain text. */
function valueOf(stored: unknown): unknown {
  try {
    return JSON.parse(String(stored));
  } catch {
    return stored;
  }
}

function byName(one: { readonly name: string }, other: { readonly name: string }): number {
  return one.name.localeCompare(other.name);
}
