import { afterAll, beforeAll } from "vitest";

import type { Db } from "../../clickhouse/engine.ts";
import { insertRows } from "../../clickhouse/insert.ts";
import { migrate } from "../../clickhouse/migrate.ts";
import { rowCounts } from "../../clickhouse/queries/row-counts.ts";
import { observationRow, openTestDb, scoreRow, traceRow } from "../../clickhouse/testing.ts";
import { keyHourOf } from "../../schemas/key-hour.ts";
import { Registry } from "../../schemas/registry.ts";
import type { ObservationRow, ScoreRow, TraceRow } from "../../schemas/rows.ts";
import { authenticate, type KeyInfo, type KeyRing } from "../runtime/auth.ts";
import { createMemoryTopic, openMemoryLog } from "../runtime/event-log/memory-log.ts";
import type { EventLog } from "../runtime/event-log/port.ts";
import { recordingLogger, type LogLine } from "../runtime/http/testing.ts";
import type { Logger } from "../runtime/logger.ts";
import { openRegistry } from "../runtime/registry.ts";
import type { RegistryFold } from "../runtime/registry.ts";
import type { Watermarks } from "../runtime/watermarks.ts";
import { createQueryApp } from "./app.ts";
import type { QueryDeps } from "./route.ts";

/** The moment at which the tests ask. */
export const now = Date.UTC(2026, 6, 1, 12, 30);
export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;
export const dayMs = 24 * hourMs;

/** The keys of a trace in a list and by itself. */
export const traceKeys = [
  "id",
  "projectId",
  "timestamp",
  "createdAt",
  "updatedAt",
  "name",
  "release",
  "version",
  "userId",
  "sessionId",
  "externalId",
  "environment",
  "public",
  "bookmarked",
  "tags",
  "input",
  "output",
  "metadata",
  "observations",
  "scores",
  "totalCost",
  "latency",
  "htmlPath",
].toSorted();

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  // oxlint-disable-next-line typescript/no-explicit-any -- a test states the shape it expects
  readonly body: any;
}

export interface QueryFixture {
  db: Db;
  /** Empty: what a test configures it puts in. */
  registry: RegistryFold;
  readonly lines: LogLine[];
  /** Asks with the key of a project; null asks without a key. */
  get(project: string | null, target: string, init?: RequestInit): Promise<Answer>;
  /** The ids of a list; rejects unless it is answered with 200. */
  ids(project: string, target: string): Promise<string[]>;
  /** What routes have put into the log. */
  logged(): Buffer[];
  traces(...rows: Partial<TraceRow>[]): Promise<void>;
  observations(...rows: Partial<ObservationRow>[]): Promise<void>;
  scores(...rows: Partial<ScoreRow>[]): Promise<void>;
}

/**
 * The query service over a real engine in a directory of its own, for all tests of a file. Every project that a test
 * names exists, so each test takes a name of its own and sees nothing of the others.
 */
export function queryFixture(): QueryFixture {
  const { log, lines } = recordingLogger();
  const topic = createMemoryTopic(1);
  let events: EventLog;
  let registryLog: EventLog;
  let app: ReturnType<typeof createQueryApp>;
  const fixture: QueryFixture = {
    db: undefined as unknown as Db,
    registry: undefined as unknown as RegistryFold,
    lines,
    async get(project, target, init = {}) {
      const headers = new Headers(init.headers);
      if (project !== null) headers.set("authorization", basic(`pk-${project}`, project));
      const response = await app.request(target, { ...init, headers });
      const text = await response.text();
      return {
        status: response.status,
        headers: response.headers,
        body: text === "" ? null : JSON.parse(text),
      };
    },
    async ids(project, target) {
      const { status, body } = await fixture.get(project, target);
      if (status !== 200) throw new Error(`${target}: ${status} ${JSON.stringify(body)}`);
      return body.data.map((row: { id: string }) => row.id);
    },
    traces: (...rows) => insertRows(fixture.db, "traces", rows.map(trace)),
    logged: () => topic.partitions.flat().map(({ value }) => value),
    observations: (...rows) => insertRows(fixture.db, "observations", rows.map(observation)),
    scores: (...rows) => insertRows(fixture.db, "scores", rows.map(score)),
  };
  beforeAll(async () => {
    fixture.db = await openTestDb();
    await migrate(fixture.db);
    events = await openMemoryLog({ partitions: 1, topic });
    registryLog = await openMemoryLog({ partitions: 1 });
    fixture.registry = await openRegistry(registryLog, () => now);
    app = createQueryApp(depsOf(fixture.db, log, events, fixture.registry));
  });
  afterAll(async () => {
    await fixture.registry.close();
    await registryLog.close();
    await events.close();
    await fixture.db.close();
  });
  return fixture;
}

/** What the fixture's app is made of; a test may change parts of it. */
export function depsOf(
  db: Db,
  log: Logger,
  events: QueryDeps["events"] = noLog,
  registry: RegistryFold = noRegistry,
): QueryDeps {
  return {
    db,
    counts: rowCounts(),
    events,
    watermarks: noWriter,
    registry,
    authenticate: (header) => authenticate(header, keyRing),
    log,
    limits: { readTimeoutMs: 60_000, readMemoryBytes: 1024 ** 3, readRowsMax: 50_000_000 },
    now: () => now,
  };
}

/** For routes that only read. */
const noLog: QueryDeps["events"] = {
  append: () => Promise.reject(new Error("this test has no log")),
};

/** Rows that a test inserts itself are readable at once. */
const noWriter: Watermarks = {
  reached: async () => ({ status: "reached" }),
  pending: async () => null,
};

/** For routes that need no configuration. */
const noRegistry: RegistryFold = {
  registry: new Registry(),
  position: () => "0",
  reached: () => Promise.resolve(),
  caughtUp: () => Promise.resolve(),
  submit: () => Promise.reject(new Error("this test has no registry")),
  close: () => Promise.resolve(),
};

export function basic(publicKey: string, secretKey: string): string {
  return `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString("base64")}`;
}

/** A project's secret is its id; `org` is the key of an organization, and `nobody` is no key at all. */
const keyRing: KeyRing = {
  bySecret: async (secret) => keyOf(secret),
  byPublicKey: async (publicKey) => keyOf(publicKey.replace(/^pk-/, "")),
};

function keyOf(project: string): KeyInfo | null {
  if (project === "nobody") return null;
  const organization = { id: "org-1", name: "Organization" };
  if (project === "org") return { keyId: "pk-org", project: null, organization };
  return {
    keyId: `pk-${project}`,
    project: { id: project, name: `Name of ${project}` },
    organization,
  };
}

interface Times {
  readonly key_hour: number;
  readonly created_at: number;
  readonly updated_at: number;
}

/** What the writer would make of a row of that time, unless the test states it. */
function timesOf(time: number, stated: { created_at?: number }): Times {
  const created_at = stated.created_at ?? Math.min(time, now);
  const key_hour = keyHourOf(time, created_at, undefined) / 1000;
  return { key_hour, created_at, updated_at: created_at };
}

function trace(stated: Partial<TraceRow>): TraceRow {
  const timestamp = stated.timestamp ?? now - minuteMs;
  return traceRow({ timestamp, ...timesOf(timestamp, stated), ...stated });
}

function observation(stated: Partial<ObservationRow>): ObservationRow {
  const start_time = stated.start_time ?? now - minuteMs;
  return observationRow({ trace_id: "t1", start_time, ...timesOf(start_time, stated), ...stated });
}

function score(stated: Partial<ScoreRow>): ScoreRow {
  const timestamp = stated.timestamp ?? now - minuteMs;
  return scoreRow({ trace_id: "", timestamp, ...timesOf(timestamp, stated), ...stated });
}
