import type { Facts, ObservationFact, ScoreFact, TraceFact } from "./facts.ts";

/** What a column holds, with how it is compared. */
export type Held =
  | { readonly text: string | null; readonly missing: "never null" | "" | "v2" }
  /** In units of the last digit that is compared. */
  | { readonly scaled: bigint | null; readonly digits: number }
  | { readonly double: number | null }
  | { readonly moment: number | null }
  | { readonly flag: boolean }
  | { readonly list: readonly string[] }
  | { readonly map: Readonly<Record<string, string>> }
  | { readonly numbers: readonly (readonly [string, number])[] }
  | { readonly categories: readonly string[] }
  | { readonly booleans: readonly (readonly [string, boolean])[] };

export type Columns = Readonly<Record<string, Held>>;

export function traceColumns(one: TraceFact, parts: Facts): Columns {
  const observations = parts.observations.filter(({ traceId }) => traceId === one.id);
  const scores = parts.scores.filter(({ traceId }) => traceId === one.id);
  const levels = observations.map(({ level }) => level);
  const counted = (level: string): Held => ({
    double: levels.filter((each) => each === level).length,
  });
  const worst = ["ERROR", "WARNING", "DEFAULT", "DEBUG"].find((level) => levels.includes(level));
  const starts = observations.map(({ start }) => start);
  const moments = [
    ...starts,
    ...observations.map(({ start, end }) => Math.max(start, end ?? start)),
  ];
  const sums = (of: (each: ObservationFact) => Record<string, Held>, column: string): Held => {
    const held = observations.map((each) => of(each)[column]);
    const digits = column.endsWith("Cost") ? 12 : 3;
    return {
      scaled: held.reduce(
        (sum, each) => sum + ((each && "scaled" in each && each.scaled) || 0n),
        0n,
      ),
      digits,
    };
  };
  const amounts = [
    "inputTokens",
    "outputTokens",
    "totalTokens",
    "inputCost",
    "outputCost",
    "totalCost",
  ];
  return {
    bookmarked: { flag: one.bookmarked },
    id: text(one.id, "never null"),
    name: text(one.name),
    timestamp: { moment: one.timestamp },
    userId: text(one.userId),
    sessionId: text(one.sessionId),
    metadata: { map: one.metadata },
    version: text(one.version),
    release: text(one.release),
    environment: text(one.environment, "never null"),
    tags: { list: one.tags },
    level: text(worst ?? null),
    warningCount: counted("WARNING"),
    errorCount: counted("ERROR"),
    defaultCount: counted("DEFAULT"),
    debugCount: counted("DEBUG"),
    ...Object.fromEntries(amounts.map((column) => [column, sums(amountColumns, column)])),
    latency: {
      scaled: starts.length > 0 ? BigInt(Math.max(...moments) - Math.min(...starts)) : 0n,
      digits: 3,
    },
    scores_avg: { numbers: averages(scores) },
    score_categories: {
      categories: [
        ...new Set(
          scores
            .filter(({ dataType }) => dataType === "CATEGORICAL")
            .map(({ name, stringValue }) => `${name}:${stringValue}`),
        ),
      ],
    },
    score_booleans: {
      booleans: scores
        .filter(({ dataType }) => dataType === "BOOLEAN")
        .map(({ name, value }) => [name, value === 1]),
    },
    evaluatorId: text(null),
    ruleId: text(null),
  };
}

function averages(scores: readonly ScoreFact[]): (readonly [string, number])[] {
  const groups = new Map<string, { name: string; values: number[] }>();
  for (const { name, dataType, value } of scores) {
    if (dataType !== "NUMERIC" && dataType !== "BOOLEAN") continue;
    const group = groups.get(`${dataType} ${name}`) ?? { name, values: [] };
    groups.set(`${dataType} ${name}`, group);
    group.values.push(value ?? 0);
  }
  return [...groups.values()].map(({ name, values }) => [
    name,
    values.reduce((sum, value) => sum + value, 0) / values.length,
  ]);
}

export function observationColumns(
  one: ObservationFact,
  facts: Facts,
  missing: "" | "v2",
): Columns {
  const trace = facts.traces.find(({ id }) => id === one.traceId);
  const end = one.end === null ? null : Math.max(one.end, one.start);
  const latency = end === null ? null : BigInt(end - one.start);
  const amounts = amountColumns(one);
  const output = amounts["outputTokens"];
  const tokens = output && "scaled" in output ? output.scaled : null;
  return {
    id: text(one.id, "never null"),
    type: text(one.type, "never null"),
    name: text(one.name, missing),
    traceId: text(one.traceId, missing),
    parentObservationId: text(one.parentId, missing),
    startTime: { moment: one.start },
    endTime: { moment: end },
    environment: text(one.environment, "never null"),
    level: text(one.level, "never null"),
    statusMessage: text(one.statusMessage, missing),
    version: text(one.version, missing),
    timeToFirstToken: {
      scaled: one.completionStart === null ? null : BigInt(one.completionStart - one.start),
      digits: 3,
    },
    latency: { scaled: latency, digits: 3 },
    tokensPerSecond: {
      scaled: tokens !== null && latency ? (tokens * 1000n) / latency : null,
      digits: 3,
    },
    ...amounts,
    model: text(one.model, missing),
    providedModelName: text(one.model, missing),
    modelId: text(one.modelId, missing),
    promptName: text(one.promptName, missing),
    promptVersion: { double: one.promptVersion },
    metadata: { map: one.metadata },
    toolDefinitions: { double: 0 },
    toolCalls: { double: 0 },
    toolNames: { list: [] },
    calledToolNames: { list: [] },
    userId: text(trace?.userId ?? null, missing),
    sessionId: text(trace?.sessionId ?? null, missing),
    traceName: text(trace?.name ?? null, missing),
    traceTags: { list: trace?.tags ?? [] },
    tags: { list: trace?.tags ?? [] },
    traceEnvironment: text(trace?.environment ?? null, missing),
    release: text(trace?.release ?? null, missing),
    input: text(one.input, missing),
    output: text(one.output, missing),
    hasInput: { flag: one.input !== null },
    hasOutput: { flag: one.output !== null },
    hasParentObservation: { flag: one.parentId !== null },
    isRootObservation: { flag: one.parentId === null },
    experimentDatasetId: text(null, missing),
    experimentId: text(null, missing),
    experimentName: text(null, missing),
    isExperimentItemRootSpan: { flag: false },
    ingestionApiKey: text(null, missing),
    ingestionSdkName: text(one.sdkName, missing),
    ingestionSdkVersion: text(null, missing),
    ingestionSource: text(null, missing),
  };
}

type IsPart = (key: string) => boolean;

function amountColumns({ usage, cost }: ObservationFact): Record<string, Held> {
  const tokens = (isPart: IsPart): Held => ({ scaled: sumOf(usage, isPart, 10n ** 3n), digits: 3 });
  const usd = (isPart: IsPart): Held => ({ scaled: sumOf(cost, isPart, 10n ** 10n), digits: 12 });
  return {
    inputTokens: tokens(names("input")),
    outputTokens: tokens(names("output")),
    totalTokens: tokens(isTotal),
    inputCost: usd(names("input")),
    outputCost: usd(names("output")),
    totalCost: usd(isTotal),
  };
}

function sumOf(map: Readonly<Record<string, number>>, isPart: IsPart, unit: bigint): bigint | null {
  const parts = Object.keys(map).filter((key) => isPart(key));
  const sum = parts.reduce((total, key) => total + BigInt(map[key] ?? 0), 0n);
  return parts.length > 0 ? sum * unit : null;
}

function names(part: string): IsPart {
  return (key) => key.toLowerCase().includes(part);
}

function isTotal(key: string): boolean {
  return key === "total";
}

export function scoreColumns(one: ScoreFact): Columns {
  return {
    id: text(one.id, "never null"),
    timestamp: { moment: one.timestamp },
    environment: text(one.environment, "never null"),
    traceId: text(one.traceId),
    observationId: text(one.observationId),
    sessionId: text(one.sessionId),
    name: text(one.name, "never null"),
    value: { double: one.value },
    booleanValue: text(one.dataType === "BOOLEAN" ? String(one.value === 1) : null),
    source: text(one.source, "never null"),
    comment: text(one.comment),
    authorUserId: text(one.authorUserId),
    dataType: text(one.dataType, "never null"),
    stringValue: text(one.stringValue),
    metadata: { map: one.metadata },
    evaluatorId: text(null),
  };
}

export function text(value: string | null, missing: "never null" | "" | "v2" = ""): Held {
  return { text: value, missing };
}
