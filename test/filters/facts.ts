import type { ObservationRow, ScoreRow, TraceRow } from "../../schemas/rows.ts";

/**
 * A made-up project as its clients know it: null is what they left out. The same seed gives the same facts. Times are
 * epoch milliseconds.
 */
export interface TraceFact {
  readonly id: string;
  readonly timestamp: number;
  readonly name: string | null;
  readonly userId: string | null;
  readonly sessionId: string | null;
  readonly release: string | null;
  readonly version: string | null;
  readonly environment: string;
  readonly tags: readonly string[];
  readonly bookmarked: boolean;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ObservationFact {
  readonly id: string;
  readonly traceId: string | null;
  readonly parentId: string | null;
  readonly type: string;
  readonly name: string | null;
  readonly start: number;
  readonly end: number | null;
  readonly completionStart: number | null;
  readonly environment: string;
  readonly level: string;
  readonly statusMessage: string | null;
  readonly version: string | null;
  readonly model: string | null;
  readonly modelId: string | null;
  readonly promptName: string | null;
  readonly promptVersion: number | null;
  readonly usage: Readonly<Record<string, number>>;
  /** Whole USD cents. */
  readonly cost: Readonly<Record<string, number>>;
  readonly input: string | null;
  readonly output: string | null;
  readonly sdkName: string | null;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface ScoreFact {
  readonly id: string;
  readonly timestamp: number;
  readonly traceId: string | null;
  readonly observationId: string | null;
  readonly sessionId: string | null;
  readonly name: string;
  readonly source: string;
  readonly dataType: string;
  readonly value: number | null;
  readonly stringValue: string | null;
  readonly comment: string | null;
  readonly authorUserId: string | null;
  readonly environment: string;
  readonly metadata: Readonly<Record<string, string>>;
}

export interface Facts {
  readonly traces: readonly TraceFact[];
  readonly observations: readonly ObservationFact[];
  readonly scores: readonly ScoreFact[];
}

/** Numbers from 0 to 1 that are the same in every run (mulberry32). */
export type Random = () => number;

export function randomOf(seed: number): Random {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

export function oneOf<Item>(random: Random, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error("there is nothing to choose from");
  return item;
}

/** Names that share parts, cases and signs, so that every operator finds some and misses some. */
export const words = [
  "alpha",
  "Alpha",
  "alphabet",
  "beta gamma",
  "it's",
  'a "quoted" one',
  "50%_off",
  "back\\slash",
  "näive e\u0301",
  "שלום 🧑‍🚀",
  "'; DROP TABLE traces; --",
  "{x:String}",
];
export const keys = ["k", "K", "it's", "deep.key", "ключ"];
export const environments = ["default", "production", "staging"];
export const scoreNames = ["quality", "it's", "a:b"];

export function factsOf(seed: number, now: number): Facts {
  const random = randomOf(seed);
  const maybe = (items: readonly string[]): string | null =>
    random() < 0.3 ? null : oneOf(random, items);
  // Dense in the last hours and thin over weeks, so that every window is needed.
  const moment = (): number => now - Math.floor(random() ** 4 * 25 * 86_400_000) - 1;
  const metadata = (): Record<string, string> =>
    Object.fromEntries(
      keys
        .filter(() => random() < 0.4)
        .map((key) => [key, random() < 0.15 ? "" : oneOf(random, words)]),
    );
  const traces = Array.from({ length: 70 }, (_, i): TraceFact => ({
    id: `trace-${i}`,
    timestamp: moment(),
    name: maybe(words),
    userId: maybe(["u1", "u2", "it's"]),
    sessionId: maybe(["s1", "s2"]),
    release: maybe(["r1", "r10"]),
    version: maybe(["v1", "V1"]),
    environment: oneOf(random, environments),
    tags: words.filter(() => random() < 0.1),
    bookmarked: random() < 0.3,
    metadata: metadata(),
  }));
  const observations = Array.from({ length: 160 }, (_, i) => {
    const trace = oneOf(random, traces);
    const traceId = random() < 0.9 ? trace.id : oneOf(random, ["not stored", null]);
    // Some start up to two hours before their trace, where a page that asks for a time may not count them.
    const offset = random() < 0.7 ? random() * 5000 : random() * -7_200_000;
    const start = trace.timestamp + Math.floor(offset);
    return observationOf(random, i, traceId, start, metadata());
  });
  const scores = Array.from({ length: 110 }, (_, i) => {
    const trace = random() < 0.8 ? oneOf(random, traces) : null;
    return scoreOf(random, i, trace, moment(), metadata());
  });
  return { traces, observations, scores };
}

const types = [
  "SPAN",
  "GENERATION",
  "EVENT",
  "AGENT",
  "TOOL",
  "CHAIN",
  "RETRIEVER",
  "EVALUATOR",
  "EMBEDDING",
  "GUARDRAIL",
];

function observationOf(
  random: Random,
  i: number,
  traceId: string | null,
  start: number,
  metadata: Record<string, string>,
): ObservationFact {
  const maybe = <Item>(make: () => Item): Item | null => (random() < 0.3 ? null : make());
  const usage = maybe(() => ({
    ...(random() < 0.8 ? { input: Math.floor(random() * 50) } : {}),
    ...(random() < 0.3 ? { INPUT_cached: 7 } : {}),
    ...(random() < 0.8 ? { output: Math.floor(random() * 20) } : {}),
    ...(random() < 0.8 ? { total: Math.floor(random() * 80) } : {}),
  }));
  const cost = maybe(() => ({
    ...(random() < 0.8 ? { input: Math.floor(random() * 300) } : {}),
    ...(random() < 0.3 ? { cached_Input: 10 } : {}),
    ...(random() < 0.8 ? { output: Math.floor(random() * 300) } : {}),
    ...(random() < 0.8 ? { total: Math.floor(random() * 600) } : {}),
  }));
  return {
    id: `observation-${i}`,
    traceId,
    parentId: maybe(() => `observation-${Math.floor(random() * 5)}`),
    type: types[i % types.length] ?? "",
    name: maybe(() => oneOf(random, words)),
    start,
    // Some ends lie before their start: readers show them as the start.
    end: maybe(() => start - 200 + Math.floor(random() * 4000)),
    completionStart: maybe(() => start + Math.floor(random() * 2000)),
    environment: oneOf(random, environments),
    level: oneOf(random, ["DEFAULT", "DEFAULT", "DEBUG", "WARNING", "ERROR"]),
    statusMessage: maybe(() => oneOf(random, words)),
    version: maybe(() => oneOf(random, ["v1", "v2"])),
    model: maybe(() => oneOf(random, ["gpt-4o", "gpt-4o-mini", "claude"])),
    modelId: maybe(() => oneOf(random, ["m1", "m2"])),
    promptName: maybe(() => oneOf(random, words)),
    promptVersion: maybe(() => 1 + Math.floor(random() * 3)),
    usage: usage ?? {},
    cost: cost ?? {},
    input: maybe(() => `${oneOf(random, words)} ${oneOf(random, words)}`),
    output: maybe(() => oneOf(random, words)),
    sdkName: maybe(() => oneOf(random, ["python", "javascript"])),
    metadata,
  };
}

function scoreOf(
  random: Random,
  i: number,
  trace: TraceFact | null,
  timestamp: number,
  metadata: Record<string, string>,
): ScoreFact {
  const maybe = (items: readonly string[]): string | null =>
    random() < 0.3 ? null : oneOf(random, items);
  const dataType = oneOf(random, [
    "NUMERIC",
    "NUMERIC",
    "BOOLEAN",
    "CATEGORICAL",
    "TEXT",
    "CORRECTION",
  ]);
  const isTrue = random() < 0.5;
  const held: Record<string, { value: number | null; stringValue: string | null }> = {
    // Quarters, so that averages are the same numbers wherever they are computed.
    NUMERIC: { value: Math.floor(random() * 8) / 4, stringValue: null },
    BOOLEAN: { value: isTrue ? 1 : 0, stringValue: isTrue ? "True" : "False" },
    CATEGORICAL: {
      value: Math.floor(random() * 3),
      stringValue: oneOf(random, ["good", "bad", "b:c"]),
    },
    TEXT: { value: null, stringValue: oneOf(random, words) },
    CORRECTION: { value: 0, stringValue: oneOf(random, words) },
  };
  return {
    id: `score-${i}`,
    timestamp: trace ? trace.timestamp + Math.floor(random() * 10_000) : timestamp,
    traceId: trace?.id ?? null,
    observationId: trace ? maybe(["observation-1", "observation-2"]) : null,
    sessionId: trace ? null : "s1",
    name: oneOf(random, scoreNames),
    source: oneOf(random, ["API", "EVAL", "ANNOTATION"]),
    dataType,
    ...(held[dataType] ?? { value: null, stringValue: null }),
    comment: maybe(words),
    authorUserId: maybe(["author 1", "author 2"]),
    environment: oneOf(random, environments),
    metadata,
  };
}

/** What the writer would store of the facts. */
export function rowsOf(project_id: string, facts: Facts) {
  return {
    traces: facts.traces.map((fact): Partial<TraceRow> => ({
      project_id,
      id: fact.id,
      timestamp: fact.timestamp,
      name: fact.name ?? "",
      user_id: fact.userId ?? "",
      session_id: fact.sessionId ?? "",
      release: fact.release ?? "",
      version: fact.version ?? "",
      environment: fact.environment,
      tags: fact.tags,
      bookmarked: fact.bookmarked,
      metadata: fact.metadata,
    })),
    observations: facts.observations.map((fact): Partial<ObservationRow> => ({
      project_id,
      id: fact.id,
      trace_id: fact.traceId ?? "",
      parent_id: fact.parentId ?? "",
      type: fact.type,
      name: fact.name ?? "",
      start_time: fact.start,
      end_time: fact.end,
      completion_start_time: fact.completionStart,
      environment: fact.environment,
      level: fact.level,
      status_message: fact.statusMessage ?? "",
      version: fact.version ?? "",
      model: fact.model ?? "",
      model_id: fact.modelId ?? "",
      prompt_name: fact.promptName ?? "",
      prompt_version: fact.promptVersion,
      usage_details: { ...fact.usage },
      tok_in: (fact.usage["input"] ?? 0) + (fact.usage["INPUT_cached"] ?? 0),
      tok_out: fact.usage["output"] ?? 0,
      tok_total: fact.usage["total"] ?? 0,
      cost_details: Object.fromEntries(
        Object.entries(fact.cost).map(([part, cents]) => [part, (cents / 100).toFixed(2)]),
      ),
      total_cost: fact.cost["total"] === undefined ? null : (fact.cost["total"] / 100).toFixed(2),
      input: fact.input ?? "",
      output: fact.output ?? "",
      sdk_name: fact.sdkName ?? "",
      metadata: fact.metadata,
    })),
    scores: facts.scores.map((fact): Partial<ScoreRow> => ({
      project_id,
      id: fact.id,
      timestamp: fact.timestamp,
      trace_id: fact.traceId ?? "",
      observation_id: fact.observationId ?? "",
      session_id: fact.sessionId ?? "",
      name: fact.name,
      source: fact.source,
      data_type: fact.dataType,
      value: fact.value ?? 0,
      string_value: fact.stringValue ?? "",
      comment: fact.comment ?? "",
      author_user_id: fact.authorUserId ?? "",
      environment: fact.environment,
      metadata: fact.metadata,
    })),
  };
}
