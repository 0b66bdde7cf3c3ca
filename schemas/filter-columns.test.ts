import { expect, test } from "vitest";

import {
  observationFilterColumns,
  observationV2FilterColumns,
  scoreFilterColumns,
  traceFilterColumns,
} from "./filter-columns.ts";

const amounts = "inputTokens outputTokens totalTokens inputCost outputCost totalCost";
const observation = `id type name traceId parentObservationId startTime endTime environment level statusMessage version
  timeToFirstToken latency tokensPerSecond ${amounts} model modelId promptName promptVersion metadata
  toolDefinitions toolCalls toolNames calledToolNames userId sessionId traceName traceTags traceEnvironment`;

const lists = [
  {
    list: "traces",
    catalogue: traceFilterColumns,
    ids: `bookmarked id name timestamp userId sessionId metadata version release environment tags level warningCount
      errorCount defaultCount debugCount ${amounts} latency scores_avg score_categories score_booleans evaluatorId
      ruleId`,
    aliases: {
      traceId: "id",
      traceName: "name",
      traceTags: "tags",
      tokens: "totalTokens",
      "User ID": "userId",
    },
  },
  {
    list: "observations",
    catalogue: observationFilterColumns,
    ids: observation,
    aliases: { tokens: "totalTokens", "Trace Tags": "traceTags" },
  },
  {
    list: "v2 observations",
    catalogue: observationV2FilterColumns,
    ids: `${observation} release input output hasInput hasOutput hasParentObservation isRootObservation
      experimentDatasetId experimentId experimentName isExperimentItemRootSpan ingestionApiKey ingestionSdkName
      ingestionSdkVersion ingestionSource`,
    aliases: { providedModelName: "model", tags: "traceTags" },
  },
  {
    list: "scores",
    catalogue: scoreFilterColumns,
    ids: `id timestamp environment traceId observationId sessionId name value booleanValue source comment authorUserId
      dataType stringValue metadata evaluatorId`,
    aliases: { "Trace ID": "traceId" },
  },
];

test.each(lists)(
  "read-api §2.5: the columns of $list, each name for one",
  ({ catalogue, ids, aliases }) => {
    expect(catalogue.columns.map(({ id }) => id)).toEqual(ids.split(/\s+/));
    const names = catalogue.columns.flatMap((column) => [column.id, ...column.aliases]);
    expect(new Set(names).size).toBe(names.length);
    for (const [alias, id] of Object.entries(aliases)) {
      expect(catalogue.columns.find((column) => column.aliases.includes(alias))?.id).toBe(id);
    }
  },
);
