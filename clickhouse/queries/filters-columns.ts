import type { StoredColumn } from "./filters-predicates.ts";

/** Where each column of a catalogue lies (schemas/filter-columns.ts). */
export type FilterSql = Readonly<Record<string, FilterSource>>;

/** On the row itself, on the trace of an observation, or on what the observations or the scores of a trace add up to. */
export type FilterSource =
  | { readonly of: "row" | "trace" | "observations"; readonly column: StoredColumn }
  | { readonly of: "scores"; readonly scores: ScoreColumn };

/** See filters-scores.ts. */
export type ScoreColumn = "averages" | "categories" | "booleans";

export const traceFilterSql: FilterSql = {
  bookmarked: own(flag("bookmarked")),
  id: own(text("id")),
  name: own(optional("name")),
  timestamp: own(moment("timestamp")),
  userId: own(optional("user_id")),
  sessionId: own(optional("session_id")),
  metadata: own(map("metadata")),
  version: own(optional("version")),
  release: own(optional("release")),
  environment: own(text("environment")),
  tags: own(texts("tags")),
  level: summed(optional(worstLevel())),
  warningCount: summed(count("WARNING")),
  errorCount: summed(count("ERROR")),
  defaultCount: summed(count("DEFAULT")),
  debugCount: summed(count("DEBUG")),
  inputTokens: summed(number("sum(tok_in)", 3)),
  outputTokens: summed(number("sum(tok_out)", 3)),
  totalTokens: summed(number("sum(tok_total)", 3)),
  inputCost: summed(number(`sum(${costOf("input")})`, 12)),
  outputCost: summed(number(`sum(${costOf("output")})`, 12)),
  totalCost: summed(number("ifNull(sum(total_cost), 0)", 12)),
  // As lists show it: from the first start to the last moment, be it a start or an end.
  latency: summed(
    number(
      "toDecimal128(dateDiff('millisecond', min(start_time), max(greatest(start_time, ifNull(end_time, start_time)))), 3) / 1000",
      3,
    ),
  ),
  scores_avg: { of: "scores", scores: "averages" },
  score_categories: { of: "scores", scores: "categories" },
  score_booleans: { of: "scores", scores: "booleans" },
  // Nothing here evaluates.
  evaluatorId: own(optional("''")),
  ruleId: own(optional("''")),
};

export const observationFilterSql: FilterSql = observationSql("null");

/** Here a text that is missing also equals '' (read-api §2.4). */
export const observationV2FilterSql: FilterSql = {
  ...observationSql("both"),
  release: ofTrace(optional("release", "both")),
  input: own(optional("input", "both")),
  output: own(optional("output", "both")),
  hasInput: own(flag("input != ''")),
  hasOutput: own(flag("output != ''")),
  hasParentObservation: own(flag("parent_id != ''")),
  isRootObservation: own(flag("(parent_id = '' OR marked_root)")),
  // Nothing here experiments.
  experimentDatasetId: own(optional("''", "both")),
  experimentId: own(optional("''", "both")),
  experimentName: own(optional("''", "both")),
  isExperimentItemRootSpan: own(flag("false")),
  ingestionApiKey: own(optional("key_id", "both")),
  ingestionSdkName: own(optional("sdk_name", "both")),
  ingestionSdkVersion: own(optional("sdk_version", "both")),
  ingestionSource: own(optional("''", "both")),
};

export const scoreFilterSql: FilterSql = {
  id: own(text("id")),
  timestamp: own(moment("timestamp")),
  environment: own(text("environment")),
  traceId: own(optional("trace_id")),
  observationId: own(optional("observation_id")),
  sessionId: own(optional("session_id")),
  name: own(text("name")),
  // A text has no number.
  value: own({ ...number("if(data_type = 'TEXT', NULL, value)", null), nullable: true }),
  booleanValue: own(optional("if(data_type = 'BOOLEAN', if(value = 0, 'false', 'true'), '')")),
  source: own(text("source")),
  comment: own(optional("comment")),
  authorUserId: own(optional("author_user_id")),
  dataType: own(text("data_type")),
  stringValue: own(optional("string_value")),
  metadata: own(map("metadata")),
  evaluatorId: own(optional("''")),
};

function observationSql(empty: "null" | "both"): FilterSql {
  const outputTokens = tokens("output", "tok_out");
  return {
    id: own(text("id")),
    type: own(text("type")),
    name: own(optional("name", empty)),
    traceId: own(optional("trace_id", empty)),
    parentObservationId: own(optional("parent_id", empty)),
    startTime: own(moment("start_time")),
    // An end before the start is shown as the start.
    endTime: own({
      kind: "moment",
      sql: "if(isNull(end_time), NULL, greatest(start_time, end_time))",
      nullable: true,
    }),
    environment: own(text("environment")),
    level: own(text("level")),
    statusMessage: own(optional("status_message", empty)),
    version: own(optional("version", empty)),
    timeToFirstToken: own(
      nullable(
        "toDecimal128(dateDiff('millisecond', start_time, completion_start_time), 3) / 1000",
        3,
      ),
    ),
    latency: own(nullable("toDecimal128(latency_ms, 3) / 1000", 3)),
    tokensPerSecond: own(
      nullable(`toDecimal128(${outputTokens}, 3) * 1000 / nullIf(latency_ms, 0)`, 3),
    ),
    inputTokens: own(nullable(tokens("input", "tok_in"), 3)),
    outputTokens: own(nullable(outputTokens, 3)),
    totalTokens: own(nullable("if(mapContains(usage_details, 'total'), tok_total, NULL)", 3)),
    inputCost: own(
      nullable(`if(${hasPart("cost_details", "input")}, ${costOf("input")}, NULL)`, 12),
    ),
    outputCost: own(
      nullable(`if(${hasPart("cost_details", "output")}, ${costOf("output")}, NULL)`, 12),
    ),
    totalCost: own(nullable("total_cost", 12)),
    model: own(optional("model", empty)),
    modelId: own(optional("model_id", empty)),
    promptName: own(optional("prompt_name", empty)),
    promptVersion: own(nullable("prompt_version", null)),
    metadata: own(map("metadata")),
    // Tools are not taken out of inputs and outputs: no observation has any.
    toolDefinitions: own(number("0", null)),
    toolCalls: own(number("0", null)),
    toolNames: own(texts("CAST([], 'Array(String)')")),
    calledToolNames: own(texts("CAST([], 'Array(String)')")),
    userId: ofTrace(optional("user_id", empty)),
    sessionId: ofTrace(optional("session_id", empty)),
    traceName: ofTrace(optional("name", empty)),
    traceTags: ofTrace(texts("tags")),
    traceEnvironment: ofTrace(optional("environment", empty)),
  };
}

function own(column: StoredColumn) {
  return { of: "row" as const, column };
}

function ofTrace(column: StoredColumn) {
  return { of: "trace" as const, column };
}

function summed(column: StoredColumn) {
  return { of: "observations" as const, column };
}

function text(sql: string): StoredColumn {
  return { kind: "text", sql, empty: "value" };
}

/** A text that may be missing. */
function optional(sql: string, empty: "null" | "both" = "null"): StoredColumn {
  return { kind: "text", sql, empty };
}

type NumberColumn = Extract<StoredColumn, { kind: "number" }>;

function number(sql: string, digits: NumberColumn["digits"]): NumberColumn {
  return { kind: "number", sql, nullable: false, digits };
}

function nullable(sql: string, digits: NumberColumn["digits"]): NumberColumn {
  return { kind: "number", sql, nullable: true, digits };
}

function moment(sql: string): StoredColumn {
  return { kind: "moment", sql, nullable: false };
}

function flag(sql: string): StoredColumn {
  return { kind: "flag", sql };
}

function texts(sql: string): StoredColumn {
  return { kind: "texts", sql };
}

function map(sql: string): StoredColumn {
  return { kind: "map", sql };
}

function count(level: string): StoredColumn {
  return number(`countIf(level = '${level}')`, null);
}

function worstLevel(): string {
  const found = ["ERROR", "WARNING", "DEFAULT"].map(
    (level) => `countIf(level = '${level}') > 0, '${level}'`,
  );
  return `multiIf(${found.join(", ")}, 'DEBUG')`;
}

/** The parts of a cost, or of the usage, are the keys that contain a word in any case (read-api §2.5). */
function costOf(part: "input" | "output"): string {
  return `arraySum(mapValues(mapFilter((part, amount) -> positionCaseInsensitive(part, '${part}') > 0, cost_details)))`;
}

function tokens(part: "input" | "output", sum: string): string {
  return `if(${hasPart("usage_details", part)}, ${sum}, NULL)`;
}

function hasPart(details: "usage_details" | "cost_details", part: "input" | "output"): string {
  return `arrayExists(part -> positionCaseInsensitive(part, '${part}') > 0, mapKeys(${details}))`;
}
