import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import type { ObservationRow, ScoreRow, TraceRow } from "../schemas/rows.ts";
import { openDevServer } from "./dev-server/dev-server.ts";
import type { DevServer } from "./dev-server/dev-server.ts";
import { openEmbedded, type EmbeddedOptions } from "./embedded.ts";
import type { Db } from "./engine.ts";
import { openServer } from "./server.ts";
import type { ServerOptions } from "./server.ts";

/** The engine on a directory of its own, which `close` removes. */
export async function openTestDb(
  options: Partial<EmbeddedOptions> = {},
): Promise<Db & { readonly directory: string }> {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-clickhouse-"));
  const db = await openEmbedded({
    directory,
    readers: 3,
    memoryBytesMax: 1024 ** 3,
    readDefaults: { timeMs: 15_000, memoryBytes: 512 * 1024 ** 2 },
    ...options,
  });
  return {
    ...db,
    directory,
    async close() {
      await db.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** Who may use the server of {@link openTestServer}. */
export const testUser = { user: "tester", password: "it's a: secret/ä" };

/** A development server on a directory of its own, in this process; `close` removes it. */
export async function openTestServer(): Promise<DevServer> {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-clickhouse-"));
  const server = await openDevServer({
    directory,
    port: 0,
    ...testUser,
    memoryBytesMax: 1024 ** 3,
    statementsMax: 3,
  });
  return {
    ...server,
    async close() {
      await server.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** The port to a server. */
export function connectTo(url: string, options: Partial<ServerOptions> = {}): Promise<Db> {
  return openServer({
    url,
    ...testUser,
    compress: false,
    cluster: null,
    consistentReads: false,
    connectionsMax: 8,
    readDefaults: { timeMs: 60_000, memoryBytes: 512 * 1024 ** 2 },
    ...options,
  });
}

/** 2024-05-06T07:00:00Z in seconds. */
export const someHour = Date.UTC(2024, 4, 6, 7) / 1000;

const merged = {
  project_id: "project-1",
  key_hour: someHour,
  id: "id-1",
  environment: "default",
  metadata: {},
  key_id: "",
  sdk_name: "",
  sdk_version: "",
  created_at: someHour * 1000 + 1,
  updated_at: someHour * 1000 + 2,
  clocks: "",
  deleted_at: 0,
  ver: "1",
  is_deleted: 0,
} as const;

export function traceRow(row: Partial<TraceRow> = {}): TraceRow {
  return {
    ...merged,
    timestamp: someHour * 1000,
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
    ...row,
  };
}

export function observationRow(row: Partial<ObservationRow> = {}): ObservationRow {
  return {
    ...merged,
    trace_id: "trace-1",
    parent_id: "",
    type: "SPAN",
    name: "",
    start_time: someHour * 1000,
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
    usage_attributes: {},
    provided_cost: {},
    registry_position: 0,
    otel: "",
    marked_root: false,
    model_id: "",
    prompt_id: "",
    pricing: "",
    usage_details: {},
    cost_details: {},
    tok_in: 0,
    tok_out: 0,
    tok_total: 0,
    total_cost: null,
    ...row,
  };
}

export function scoreRow(row: Partial<ScoreRow> = {}): ScoreRow {
  return {
    ...merged,
    trace_id: "trace-1",
    timestamp: someHour * 1000,
    observation_id: "",
    session_id: "",
    dataset_run_id: "",
    name: "",
    source: "API",
    data_type: "NUMERIC",
    value: 0,
    string_value: "",
    comment: "",
    config_id: "",
    queue_id: "",
    execution_trace_id: "",
    author_user_id: "",
    ...row,
  };
}

/** Texts that break what escapes too little, too much or twice. */
export const hostileTexts: readonly string[] = [
  "",
  "plain",
  "it's",
  'a "quoted" one',
  "back\\slash",
  "trailing backslash \\",
  "\\",
  "\\\\",
  "\\N",
  "\\'",
  "'; DROP TABLE t; --",
  "\\'; DROP TABLE t; --",
  "' OR 1 = 1 --",
  "{other:String}",
  "{text:String} and '{text:String}'",
  "['a','b']",
  "line\nbreak\r\n, tab\t, form\f, bell\b\u0007, escape\u001b",
  "NUL \0 within",
  "\0",
  "\\0 \\n \\t \\x41 \\u0041",
  "; SELECT 2",
  "-- comment",
  "/* comment */",
  "`name` and $$heredoc$$",
  "null",
  "NULL",
  "\ufeffa byte order mark, \u2028 and \u2029",
  "‘curly’ “quotes” − minus",
  "naïve e\u0301 שלום \u202eabc",
  "emoji 🧑‍🚀🇨🇭 and 𝒳",
  "x".repeat(65_536),
  "'\\\n".repeat(16_384),
  "🧑‍🚀'".repeat(8_192),
];
