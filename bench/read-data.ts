import { once } from "node:events";

import { openEmbedded } from "../clickhouse/embedded.ts";
import type { Db } from "../clickhouse/engine.ts";
import { migrate } from "../clickhouse/migrate.ts";
import { project } from "./processes.ts";

/** What the process of this file is told. */
export interface ReadData {
  /** The engine's own directory; made when missing. */
  readonly directory: string;
  readonly traces: number;
  /** Epoch milliseconds: everything lies in the days before. */
  readonly endsAt: number;
}

/** What it answers. */
export interface ReadDataResult {
  readonly elapsedMs: number;
  /** Rows with an older version beside them that no merge has removed yet, in all tables. */
  readonly unmerged: number;
  readonly parts: number;
  readonly bytesOnDisk: number;
}

const historyDays = 90;
const observationsPerTrace = 5;
/** Traces that follow one another share a session, its user and its project. */
const tracesPerSession = 4;
/** One insert: some hours of a large customer, so that the parts are of all sizes when the merges are done. */
const tracesPerInsert = 20_000;
/** One row in so many is written a second time, as an update. */
const updatedEvery = 14;
const quietPollMs = 1_000;

async function main(): Promise<void> {
  const [task] = (await once(process, "message")) as [ReadData];
  process.send?.(await run(task));
}

/** Makes traces, their observations and scores inside the engine: the same task gives the same rows. */
async function run({ directory, traces, endsAt }: ReadData): Promise<ReadDataResult> {
  const db = await openEmbedded({
    directory,
    readers: 1,
    memoryBytesMax: 6 * 1024 ** 3,
    readDefaults: {},
  });
  try {
    await migrate(db);
    const startedAt = performance.now();
    for (let from = 0; from < traces; from += tracesPerInsert) {
      await insertStretch(db, {
        from,
        to: Math.min(from + tracesPerInsert, traces),
        traces,
        endsAt,
      });
      progress(from / traces, startedAt);
    }
    process.stderr.write("\n");
    await quiet(db);
    return { elapsedMs: performance.now() - startedAt, ...(await shapeOf(db)) };
  } finally {
    await db.close();
  }
}

/** Traces by number, the oldest first; `to` is not among them. */
interface Stretch {
  readonly from: number;
  readonly to: number;
  readonly traces: number;
  readonly endsAt: number;
}

/** As the writer does: scores, observations, traces; then those that an update touched once more. */
async function insertStretch(db: Db, stretch: Stretch): Promise<void> {
  for (const isUpdate of [false, true]) {
    await db.exec(scoresSql(stretch, isUpdate));
    await db.exec(observationsSql(stretch, isUpdate));
    await db.exec(tracesSql(stretch, isUpdate));
  }
}

function tracesSql(stretch: Stretch, isUpdate: boolean): string {
  return `INSERT INTO sluice.traces (project_id, key_hour, id, timestamp, name, user_id, session_id, environment,
      release, version, tags, metadata, input, output, created_at, updated_at, ver)
    SELECT project_id, key_hour, trace_id, at,
      ['support chat', 'search', 'summary', 'agent run', 'translate'][1 + hash % 5],
      ${userSql},
      if(session % 10 < 6, concat('session-', lower(hex(sipHash64(session, 'session')))), ''),
      environment,
      concat('2026.', toString(number * 20 DIV ${stretch.traces})),
      '',
      arraySort(arrayDistinct(['chat', concat('team-', toString(hash % 8)), concat('case-', toString(intHash64(number) % 20000))])),
      map('tenant', concat('tenant-', toString(toUInt32(1000 * pow(hash % 65536 / 65536, 2)))),
        'region', ['eu', 'us', 'ap'][1 + hash % 3],
        'request', lower(hex(hash)),
        'build', concat('b', toString(number DIV 50000))),
      ${textSql("number", 1, 40)},
      ${textSql("number", 2, 60)},
      at, ${isUpdate ? "at + INTERVAL 5 SECOND" : "at"},
      ${verSql("number", isUpdate)}
    FROM (${tracesFromSql(stretch)})
    ${isUpdate ? `WHERE hash % ${updatedEvery} = 0` : ""}`;
}

function observationsSql(stretch: Stretch, isUpdate: boolean): string {
  return `INSERT INTO sluice.observations (project_id, key_hour, trace_id, id, parent_id, type, name, start_time, end_time,
      environment, level, metadata, input, output, model, usage_details, cost_details, tok_in, tok_out, tok_total,
      total_cost, created_at, updated_at, ver)
    SELECT project_id, toStartOfHour(starts), trace_id, lower(hex(sipHash64(trace_id, part))),
      if(part = 0, '', lower(hex(sipHash64(trace_id, 0)))),
      ['SPAN', 'GENERATION', 'TOOL', 'GENERATION', 'RETRIEVER'][1 + part],
      ['handle', 'plan', 'look up order', 'answer', 'retrieve documents'][1 + part],
      at + toIntervalMillisecond(part * 250) AS starts,
      starts + toIntervalMillisecond(100 + hash % 2000),
      environment,
      if((hash + part) % 50 = 0, 'ERROR', 'DEFAULT'),
      map('step', toString(part), 'worker', concat('w', toString(hash % 32))),
      ${textSql(`number * ${observationsPerTrace} + part`, 3, 50)},
      ${textSql(`number * ${observationsPerTrace} + part`, 4, 60)},
      if(part IN (1, 3), ['gpt-4o-mini', 'claude-sonnet-4', 'mistral-large'][1 + hash % 3], ''),
      if(part IN (1, 3), map('input', tokens, 'output', intDiv(tokens, 4), 'total', tokens + intDiv(tokens, 4)), map()),
      if(part IN (1, 3), map('total', toDecimal128(tokens, 12) / 1000000), map()),
      if(part IN (1, 3), 200 + hash % 3000, 0) AS tokens, intDiv(tokens, 4), tokens + intDiv(tokens, 4),
      if(part IN (1, 3), toDecimal128(tokens, 12) / 1000000, NULL),
      starts, ${isUpdate ? "starts + INTERVAL 5 SECOND" : "starts"},
      ${verSql(`number * ${observationsPerTrace} + part`, isUpdate)}
    FROM (${tracesFromSql(stretch)}) ARRAY JOIN range(${observationsPerTrace}) AS part
    ${isUpdate ? `WHERE (hash + part) % ${updatedEvery} = 0` : ""}`;
}

/** Every other trace has a score. */
function scoresSql(stretch: Stretch, isUpdate: boolean): string {
  return `INSERT INTO sluice.scores (project_id, key_hour, trace_id, id, timestamp, name, source, data_type, value, comment,
      environment, created_at, updated_at, ver)
    SELECT project_id, key_hour, trace_id, lower(hex(sipHash64(trace_id, 'score'))), at,
      ['helpful', 'faithful'][1 + hash % 2], 'API', 'NUMERIC', hash % 11 / 10, ${textSql("number", 5, 10)},
      environment, at, at, ${verSql("number", isUpdate)}
    FROM (${tracesFromSql(stretch)})
    WHERE number % 2 = 0 ${isUpdate ? `AND hash % ${updatedEvery} = 0` : ""}`;
}

/** What all rows of a trace follow from. The history grows denser: the last day has about twice the average. */
function tracesFromSql({ from, to, traces, endsAt }: Stretch): string {
  const historyMs = historyDays * 86_400_000;
  const age = `toInt64(${historyMs} * pow(1 - (number + 0.5) / ${traces}, 1.25))`;
  return `SELECT number, cityHash64(number) AS hash, number DIV ${tracesPerSession} AS session,
      ${projectSql} AS project_id,
      lower(hex(sipHash128(number))) AS trace_id,
      fromUnixTimestamp64Milli(${endsAt} - ${age}, 'UTC') AS at,
      toStartOfHour(at) AS key_hour,
      ['production', 'production', 'production', 'staging'][1 + session % 4] AS environment
    FROM numbers(${from}, ${to - from})`;
}

/** The measured project has seven rows in ten. */
const projectSql = `multiIf(cityHash64(session, 'project') % 100 < 70, '${project.id}', cityHash64(session, 'project') % 100 < 90, 'other-1',
      cityHash64(session, 'project') % 100 < 99, 'other-2', 'other-3')`;

/** 50,000 users, some of them hundreds of times as busy as others. */
const userSql =
  "concat('user-', toString(toUInt32(50000 * pow(cityHash64(session, 'user') % 1000003 / 1000003, 2))))";

/** Prose of `count` words or a little more, about seven bytes each. */
function textSql(seed: string, salt: number, count: number): string {
  const length = `${count} + cityHash64(${seed}, ${salt}) % 32`;
  return `arrayStringConcat(arrayMap(n -> arrayElement(${words}, 1 + cityHash64(${seed}, ${salt}, n) % ${wordCount}), range(${length})), ' ')`;
}

const wordList = (
  "the order was sent on Monday and should arrive within three working days unless carrier reports delay please " +
  "check parcel number before you ask again because our team cannot see later changes customer wants refund then " +
  "explain policy politely summarise steps return label warehouse invoice payment naïve 東京 ✓"
).split(" ");
const wordCount = wordList.length;
const words = `[${wordList.map((word) => `'${word}'`).join(",")}]`;

/** Positions of a log in which an update comes after all that was there before. */
function verSql(place: string, isUpdate: boolean): string {
  return `1 + (${place}) * 2 + ${isUpdate ? 1 : 0}`;
}

/** Resolves when no merge has begun for a few seconds: the rest stays as it is. */
async function quiet(db: Db): Promise<void> {
  for (let quietPolls = 0; quietPolls < 5;) {
    await new Promise((resolve) => setTimeout(resolve, quietPollMs));
    const [merges] = await db.query<{ running: string }>(
      "SELECT count() AS running FROM system.merges",
    );
    quietPolls = Number(merges?.running) === 0 ? quietPolls + 1 : 0;
  }
}

async function shapeOf(db: Db): Promise<Omit<ReadDataResult, "elapsedMs">> {
  const [parts] = await db.query<{ stored: string; parts: string; bytes: string }>(
    `SELECT sum(rows) AS stored, count() AS parts, sum(bytes_on_disk) AS bytes
     FROM system.parts WHERE database = 'sluice' AND active`,
  );
  const [live] = await db.query<{ live: string }>(
    `SELECT (SELECT count() FROM sluice.traces FINAL) + (SELECT count() FROM sluice.observations FINAL)
       + (SELECT count() FROM sluice.scores FINAL) AS live`,
  );
  return {
    unmerged: Number(parts?.stored) - Number(live?.live),
    parts: Number(parts?.parts),
    bytesOnDisk: Number(parts?.bytes),
  };
}

function progress(share: number, startedAt: number): void {
  const seconds = Math.round((performance.now() - startedAt) / 1000);
  process.stderr.write(`\r  making data: ${Math.round(share * 100)} %, ${seconds} s `);
}

void main();
