import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { afterAll, beforeAll } from "vitest";

import { openEmbedded } from "../../clickhouse/embedded.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { insertRows } from "../../clickhouse/insert.ts";
import { migrate } from "../../clickhouse/migrate.ts";
import { keyHourOf } from "../../schemas/key-hour.ts";
import type { ObservationRow, ScoreRow, TraceRow } from "../../schemas/rows.ts";
import { authenticate, type KeyInfo, type KeyRing } from "../runtime/auth.ts";
import { recordingLogger, type LogLine } from "../runtime/http/testing.ts";
import type { Logger } from "../runtime/logger.ts";
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
  readonly lines: LogLine[];
  /** Asks with the key of a project; null asks without a key. */
  get(project: string | null, target: string, init?: RequestInit): Promise<Answer>;
  /** The ids of a list; rejects unless it is answered with 200. */
  ids(project: string, target: string): Promise<string[]>;
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
  let directory = "";
  let app: ReturnType<typeof createQueryApp>;
  const fixture: QueryFixture = {
    db: undefined as unknown as Db,
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
    traces: (...rows) => insertRows(fixture.db, "traces", rows.map(traceRow)),
    observations: (...rows) => insertRows(fixture.db, "observations", rows.map(observationRow)),
    scores: (...rows) => insertRows(fixture.db, "scores", rows.map(scoreRow)),
  };
  beforeAll(async () => {
    directory = await mkdtemp(path.join(tmpdir(), "sluice-query-"));
    fixture.db = await openEmbedded({
      directory,
      readers: 2,
      memoryBytesMax: 2 * 1024 ** 3,
      readDefaults: {},
    });
    await migrate(fixture.db);
    app = createQueryApp(depsOf(fixture.db, log));
  });
  afterAll(async () => {
    await fixture.db.close();
    await rm(directory, { recursive: true, force: true });
  });
  return fixture;
}

/** What the fixture's app is made of; a test may change parts of it. */
export function depsOf(db: Db, log: Logger): QueryDeps {
  return {
    db,
    authenticate: (header) => authenticate(header, keyRing),
    log,
    limits: { readTimeoutMs: 10_000, readMemoryBytes: 1024 ** 3 },
    now: () => now,
  };
}

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

function traceRow(stated: Partial<TraceRow>): TraceRow {
  const timestamp = stated.timestamp ?? now - minuteMs;
  return {
    ...merged(stated, timestamp),
    timestamp,
    name: "",
    user_id: "",
    session_id: "",
    release: "",
    version: "",
    tags: [],
    public: false,
    bookmarked: false,
    input: "",
    output: "",
    ...stated,
  };
}

function observationRow(stated: Partial<ObservationRow>): ObservationRow {
  const start_time = stated.start_time ?? now - minuteMs;
  return {
    ...merged(stated, start_time),
    trace_id: "t1",
    parent_id: "",
    type: "SPAN",
    name: "",
    start_time,
    end_time: null,
    completion_start_time: null,
    version: "",
    level: "DEFAULT",
    status_message: "",
    input: "",
    output: "",
    model: "",
    model_params: "",
    prompt_name: "",
    prompt_version: null,
    provided_usage: {},
    provided_cost: {},
    model_id: "",
    prompt_id: "",
    pricing: "",
    usage_details: {},
    cost_details: {},
    tok_in: 0,
    tok_out: 0,
    tok_total: 0,
    total_cost: null,
    ...stated,
  };
}

function scoreRow(stated: Partial<ScoreRow>): ScoreRow {
  const timestamp = stated.timestamp ?? now - minuteMs;
  return {
    ...merged(stated, timestamp),
    trace_id: "",
    timestamp,
    observation_id: "",
    session_id: "",
    dataset_run_id: "",
    name: "accuracy",
    source: "API",
    data_type: "NUMERIC",
    value: 0,
    string_value: "",
    comment: "",
    config_id: "",
    queue_id: "",
    execution_trace_id: "",
    author_user_id: "",
    ...stated,
  };
}

type Bookkeeping = Omit<
  Pick<TraceRow, keyof TraceRow & keyof ObservationRow & keyof ScoreRow>,
  "name" | "trace_id" | "timestamp"
>;

function merged(stated: { created_at?: number }, time: number): Bookkeeping {
  const created_at = stated.created_at ?? Math.min(time, now);
  return {
    project_id: "p1",
    key_hour: keyHourOf(time, created_at, undefined) / 1000,
    id: "id",
    environment: "default",
    metadata: {},
    key_id: "pk-p1",
    sdk_name: "",
    sdk_version: "",
    created_at,
    updated_at: created_at,
    clocks: "",
    deleted_at: 0,
    ver: "1",
    is_deleted: 0,
  };
}
