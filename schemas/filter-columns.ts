import type { FilterCatalogue, FilterColumn, FilterColumnType } from "./filters.ts";

/** What the filter of each list may ask (read-api §2.5). Types decide which conditions fit a column. */

export const traceFilterColumns: FilterCatalogue = {
  columns: [
    column("bookmarked", "boolean", "⭐️", "Bookmarked"),
    column("id", "string", "ID", "traceId", "Trace ID"),
    column("name", "string", "Name", "traceName", "Trace Name"),
    column("timestamp", "datetime", "Timestamp"),
    column("userId", "string", "User ID", "user_id"),
    column("sessionId", "string", "Session ID", "session_id"),
    column("metadata", "stringObject", "Metadata"),
    column("version", "string", "Version"),
    column("release", "string", "Release"),
    column("environment", "stringOptions", "Environment"),
    column("tags", "arrayOptions", "Tags", "traceTags", "Trace Tags"),
    column("level", "stringOptions", "Level"),
    column("warningCount", "number", "Warning Level Count"),
    column("errorCount", "number", "Error Level Count"),
    column("defaultCount", "number", "Default Level Count"),
    column("debugCount", "number", "Debug Level Count"),
    ...amounts(),
    column("latency", "number", "Latency (s)", "Latency"),
    column("scores_avg", "numberObject", "Scores (numeric)"),
    column("score_categories", "categoryOptions", "Scores (categorical)"),
    column("score_booleans", "booleanObject", "Scores (boolean)"),
    column("evaluatorId", "stringOptions", "Evaluator ID"),
    column("ruleId", "stringOptions", "Rule ID"),
  ],
  byType: {
    scores: {
      numberObject: "scores_avg",
      categoryOptions: "score_categories",
      stringOptions: "score_categories",
      booleanObject: "score_booleans",
    },
  },
  searchesText: false,
};

export const observationFilterColumns: FilterCatalogue = {
  columns: observationColumns({ model: [], tags: [] }),
  searchesText: false,
};

export const observationV2FilterColumns: FilterCatalogue = {
  columns: [
    ...observationColumns({
      model: ["providedModelName", "Provided Model Name"],
      tags: ["tags", "Tags"],
    }),
    column("release", "string", "Release"),
    column("input", "string", "Input"),
    column("output", "string", "Output"),
    column("hasInput", "boolean", "Has Input"),
    column("hasOutput", "boolean", "Has Output"),
    column("hasParentObservation", "boolean", "Has Parent Observation"),
    column("isRootObservation", "boolean", "Is Root Observation"),
    column("experimentDatasetId", "string", "Experiment Dataset ID"),
    column("experimentId", "string", "Experiment ID"),
    column("experimentName", "string", "Experiment Name"),
    column("isExperimentItemRootSpan", "boolean", "Is Experiment Item Root Span"),
    column("ingestionApiKey", "string", "Ingestion API Key"),
    column("ingestionSdkName", "string", "Ingestion SDK Name"),
    column("ingestionSdkVersion", "string", "Ingestion SDK Version"),
    column("ingestionSource", "string", "Ingestion Source"),
  ],
  searchesText: true,
};

export const scoreFilterColumns: FilterCatalogue = {
  columns: [
    column("id", "string", "ID"),
    column("timestamp", "datetime", "Timestamp"),
    column("environment", "stringOptions", "Environment"),
    column("traceId", "string", "Trace ID", "trace_id"),
    column("observationId", "string", "Observation ID", "observation_id"),
    column("sessionId", "string", "Session ID", "session_id"),
    column("name", "string", "Name"),
    column("value", "number", "Value"),
    column("booleanValue", "stringOptions", "Boolean Value"),
    column("source", "stringOptions", "Source"),
    column("comment", "string", "Comment"),
    column("authorUserId", "string", "Author User ID", "Author", "author_user_id"),
    column("dataType", "stringOptions", "Data Type", "data_type"),
    column("stringValue", "string", "String Value", "string_value"),
    column("metadata", "stringObject", "Metadata"),
    column("evaluatorId", "stringOptions", "Evaluator ID"),
  ],
  searchesText: false,
};

/** What both versions of the list have; the second knows two columns by more names. */
function observationColumns(more: {
  readonly model: readonly string[];
  readonly tags: readonly string[];
}): FilterColumn[] {
  return [
    column("id", "string", "ID"),
    column("type", "stringOptions", "Type"),
    column("name", "string", "Name"),
    column("traceId", "string", "Trace ID"),
    column("parentObservationId", "string", "Parent Observation ID"),
    column("startTime", "datetime", "Start Time"),
    column("endTime", "datetime", "End Time"),
    column("environment", "stringOptions", "Environment"),
    column("level", "stringOptions", "Level"),
    column("statusMessage", "string", "Status Message"),
    column("version", "string", "Version"),
    column("timeToFirstToken", "number", "Time To First Token (s)"),
    column("latency", "number", "Latency (s)", "Latency"),
    column("tokensPerSecond", "number", "Tokens per second"),
    ...amounts(),
    column("model", "string", "Model", ...more.model),
    column("modelId", "string", "Model ID", "internalModelId"),
    column("promptName", "string", "Prompt Name"),
    column("promptVersion", "number", "Prompt Version"),
    column("metadata", "stringObject", "Metadata"),
    column("toolDefinitions", "number", "Tool Definitions"),
    column("toolCalls", "number", "Tool Calls"),
    column("toolNames", "arrayOptions", "Tool Names"),
    column("calledToolNames", "arrayOptions", "Called Tool Names"),
    column("userId", "string", "User ID"),
    column("sessionId", "string", "Session ID"),
    column("traceName", "string", "Trace Name"),
    column("traceTags", "arrayOptions", "Trace Tags", ...more.tags),
    column("traceEnvironment", "stringOptions", "Trace Environment"),
  ];
}

/** What traces and observations have used and cost. */
function amounts(): FilterColumn[] {
  return [
    column("inputTokens", "number", "Input Tokens"),
    column("outputTokens", "number", "Output Tokens"),
    column("totalTokens", "number", "Total Tokens", "tokens", "Tokens"),
    column("inputCost", "number", "Input Cost ($)"),
    column("outputCost", "number", "Output Cost ($)"),
    column("totalCost", "number", "Total Cost ($)"),
  ];
}

function column(id: string, type: FilterColumnType, ...aliases: string[]): FilterColumn {
  return { id, type, aliases };
}
