import { z } from "zod";

import { scoreConfigTypes } from "../score-configs.ts";
import {
  text,
  orNull,
  count,
  amount,
  amountOrNull,
  moment,
  momentOrNull,
  anything,
  metadata,
  counts,
  amounts,
  decimalOrNull,
  type,
  level,
} from "./answer-parts.ts";
import { costExplanation, model } from "./answers-pricing.ts";
import type { ObservationV2 } from "./observation-v2.ts";
import type { Observation } from "./observation.ts";
import type { PageMeta } from "./pagination.ts";
import type { ShownScoreConfig } from "./score-config.ts";
import type { ScoreSubject, ScoreV3 } from "./score-v3.ts";
import {
  scoreDataTypes,
  scoreSources,
  type ScoreTraceV1,
  type ScoreTraceV2,
  type ScoreV1,
  type ScoreV2,
} from "./score.ts";
import type { Session, SessionDetail } from "./session.ts";
import type { TreeMeta, TreeNode } from "./trace-tree.ts";
import type { Trace, TraceDetail, TraceListItem } from "./trace.ts";

/**
 * What answers look like, for `/openapi.json` and for the tests that hold answers against it. Each schema `satisfies`
 * the type that its mapper returns, so that neither can lack what the other has. Keys that are not here do not occur.
 */

const observation = z.strictObject({
  id: text,
  projectId: text,
  traceId: orNull,
  parentObservationId: orNull,
  type,
  name: orNull,
  environment: text,
  startTime: moment,
  endTime: momentOrNull,
  completionStartTime: momentOrNull,
  createdAt: moment,
  updatedAt: moment,
  version: orNull,
  level,
  statusMessage: orNull,
  input: anything,
  output: anything,
  metadata,
  model: orNull,
  modelParameters: anything,
  modelId: orNull,
  promptId: orNull,
  promptName: orNull,
  promptVersion: z.int().nullable(),
  usageDetails: counts,
  costDetails: amounts,
  usage: z.strictObject({ unit: z.literal("TOKENS"), input: count, output: count, total: count }),
  unit: z.literal("TOKENS"),
  promptTokens: count,
  completionTokens: count,
  totalTokens: count,
  usagePricingTierId: orNull,
  usagePricingTierName: orNull,
  inputPrice: amountOrNull,
  outputPrice: amountOrNull,
  totalPrice: amountOrNull,
  calculatedInputCost: amountOrNull,
  calculatedOutputCost: amountOrNull,
  calculatedTotalCost: amount,
  latency: amountOrNull,
  timeToFirstToken: amountOrNull,
}) satisfies z.ZodType<Observation>;

const observationV2 = z.strictObject({
  id: text,
  traceId: orNull,
  startTime: moment,
  endTime: momentOrNull,
  projectId: text,
  parentObservationId: orNull,
  type,
  name: orNull.exactOptional(),
  level: level.exactOptional(),
  statusMessage: orNull.exactOptional(),
  version: orNull.exactOptional(),
  environment: text.exactOptional(),
  bookmarked: z.boolean().exactOptional(),
  public: z.boolean().exactOptional(),
  userId: orNull.exactOptional(),
  sessionId: orNull.exactOptional(),
  isRootObservation: z.boolean().exactOptional(),
  completionStartTime: momentOrNull.exactOptional(),
  createdAt: moment.exactOptional(),
  updatedAt: moment.exactOptional(),
  input: orNull.exactOptional(),
  output: orNull.exactOptional(),
  metadata: metadata.exactOptional(),
  model: orNull.exactOptional(),
  providedModelName: orNull.exactOptional(),
  internalModelId: orNull.exactOptional(),
  modelParameters: anything.exactOptional(),
  usageDetails: counts.exactOptional(),
  costDetails: amounts.exactOptional(),
  totalCost: amountOrNull.exactOptional(),
  usagePricingTierId: orNull.exactOptional(),
  usagePricingTierName: orNull.exactOptional(),
  inputUsage: count.exactOptional(),
  outputUsage: count.exactOptional(),
  totalUsage: count.exactOptional(),
  inputCost: amountOrNull.exactOptional(),
  outputCost: amountOrNull.exactOptional(),
  promptId: orNull.exactOptional(),
  promptName: orNull.exactOptional(),
  promptVersion: z.int().nullable().exactOptional(),
  traceName: orNull.exactOptional(),
  tags: z.array(text).exactOptional(),
  release: orNull.exactOptional(),
  modelId: orNull,
  inputPrice: decimalOrNull,
  outputPrice: decimalOrNull,
  totalPrice: decimalOrNull,
  latency: amountOrNull,
  timeToFirstToken: amountOrNull,
}) satisfies z.ZodType<ObservationV2>;

const scoreParts = {
  id: text,
  projectId: text,
  timestamp: moment,
  createdAt: moment,
  updatedAt: moment,
  environment: text,
  name: text,
  source: z.enum(scoreSources),
  dataType: z.enum(scoreDataTypes),
  value: amount.exactOptional(),
  stringValue: orNull,
  comment: orNull,
  authorUserId: orNull,
  configId: orNull,
  queueId: orNull,
  executionTraceId: orNull,
  metadata,
  observationId: orNull,
};
const scoreV1 = z.strictObject({ ...scoreParts, traceId: text }) satisfies z.ZodType<ScoreV1>;
const scoreV2 = z.strictObject({
  ...scoreParts,
  traceId: orNull,
  sessionId: orNull,
  datasetRunId: orNull,
}) satisfies z.ZodType<ScoreV2>;
const scoreTraceV1 = z.strictObject({
  userId: orNull,
  tags: z.array(text),
  environment: text,
}) satisfies z.ZodType<ScoreTraceV1>;
const scoreTraceV2 = scoreTraceV1.extend({ sessionId: orNull }) satisfies z.ZodType<ScoreTraceV2>;

const scoreSubject = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.enum(["trace", "session", "experiment"]), id: text }),
  z.strictObject({ kind: z.literal("observation"), id: text, traceId: text.exactOptional() }),
]) satisfies z.ZodType<ScoreSubject>;

const scoreV3Parts = {
  id: text,
  projectId: text,
  name: text,
  source: z.enum(scoreSources),
  timestamp: moment,
  environment: text,
  createdAt: moment,
  updatedAt: moment,
  comment: orNull.exactOptional(),
  configId: orNull.exactOptional(),
  metadata: metadata.exactOptional(),
  subject: scoreSubject.nullable().exactOptional(),
  authorUserId: orNull.exactOptional(),
  queueId: orNull.exactOptional(),
};
const scoreV3 = z.discriminatedUnion("dataType", [
  z.strictObject({ dataType: z.literal("NUMERIC"), value: amount, ...scoreV3Parts }),
  z.strictObject({ dataType: z.literal("BOOLEAN"), value: z.boolean(), ...scoreV3Parts }),
  z.strictObject({
    dataType: z.enum(["CATEGORICAL", "TEXT", "CORRECTION"]),
    value: text,
    ...scoreV3Parts,
  }),
]) satisfies z.ZodType<ScoreV3>;

const traceParts = {
  id: text,
  projectId: text,
  timestamp: moment,
  createdAt: moment,
  updatedAt: moment,
  name: orNull,
  release: orNull,
  version: orNull,
  userId: orNull,
  sessionId: orNull,
  externalId: z.null(),
  environment: text,
  public: z.boolean(),
  bookmarked: z.boolean(),
  tags: z.array(text),
  input: anything,
  output: anything,
  metadata,
};
const traceSums = { totalCost: amount, latency: amount, htmlPath: text };
const trace = z.strictObject(traceParts) satisfies z.ZodType<Trace>;
const traceListItem = z.strictObject({
  ...traceParts,
  observations: z.array(text),
  scores: z.array(text),
  ...traceSums,
}) satisfies z.ZodType<TraceListItem>;
const traceDetail = z.strictObject({
  ...traceParts,
  observations: z.array(observation),
  scores: z.array(scoreV1),
  ...traceSums,
}) satisfies z.ZodType<TraceDetail>;

const treeNode = z.strictObject({
  id: text,
  parentId: orNull,
  type,
  name: orNull,
  startTime: moment,
  endTime: momentOrNull,
  level,
  latency: amountOrNull,
  totalCost: amountOrNull,
}) satisfies z.ZodType<TreeNode>;
const treeMeta = z.strictObject({
  limit: count,
  totalItems: count,
  startTime: moment,
  endTime: moment,
  totalCost: amount,
  cursor: text.exactOptional(),
}) satisfies z.ZodType<TreeMeta>;

const session = z.strictObject({
  id: text,
  createdAt: moment,
  projectId: text,
  environment: text,
}) satisfies z.ZodType<Session>;
const sessionDetail = session.extend({
  traces: z.array(trace),
}) satisfies z.ZodType<SessionDetail>;

const scoreConfig = z.strictObject({
  id: text,
  projectId: text,
  name: text,
  dataType: z.enum(scoreConfigTypes),
  description: orNull,
  isArchived: z.boolean(),
  minValue: amountOrNull,
  maxValue: amountOrNull,
  categories: z.array(z.strictObject({ label: text, value: amount })).nullable(),
  createdAt: moment,
  updatedAt: moment,
}) satisfies z.ZodType<ShownScoreConfig>;

const pageMeta = z.strictObject({
  page: count,
  limit: count,
  totalItems: count,
  totalPages: count,
}) satisfies z.ZodType<PageMeta>;

/** The answers that have names, as components of the OpenAPI document. */
export const answers = {
  Trace: trace,
  TraceListItem: traceListItem,
  TraceDetail: traceDetail,
  TraceTreeNode: treeNode,
  TraceTreeMeta: treeMeta,
  Observation: observation,
  ObservationV2: observationV2,
  Session: session,
  SessionDetail: sessionDetail,
  ScoreV1: scoreV1,
  ScoreV2: scoreV2,
  ScoreV1InList: scoreV1.extend({ trace: scoreTraceV1.nullable() }),
  ScoreV2InList: scoreV2.extend({ trace: scoreTraceV2.nullable() }),
  ScoreV3: scoreV3,
  ScoreConfig: scoreConfig,
  Model: model,
  CostExplanation: costExplanation,
  PageMeta: pageMeta,
  /** Of what was written, given or made. */
  Id: z.strictObject({ id: text }),
  Message: z.strictObject({ message: text }),
} as const;

/** A page of items, with the numbers of pages and items. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({ data: z.array(item), meta: pageMeta });
}
