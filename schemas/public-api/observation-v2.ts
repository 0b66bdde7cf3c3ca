import { z } from "zod";

import { exactDecimal } from "../decimal.ts";
import { isContractDateTime } from "../time.ts";
import { observationOf, tierOf, unknownPrices } from "./observation.ts";
import type { Observation, StoredObservation, UnitPrices } from "./observation.ts";
import { namesOf } from "./params.ts";
import { orNull } from "./stored-value.ts";

/** Groups of fields that `fields` may name (read-api §5); `core` is always there. */
export const observationGroups = [
  "core",
  "basic",
  "time",
  "io",
  "metadata",
  "model",
  "usage",
  "prompt",
  "metrics",
  "trace_context",
] as const;
export type ObservationGroup = (typeof observationGroups)[number];

/** What an observation shows of its trace. */
export interface StoredTraceContext {
  readonly id: string;
  readonly name: string;
  readonly user_id: string;
  readonly session_id: string;
  readonly release: string;
  readonly tags: readonly string[];
  readonly public: boolean;
  readonly bookmarked: boolean;
}

/** The last row of a page; any other order than that of the list would skip or repeat rows. */
export const observationCursor = z.object({
  lastStartTimeTo: z.string().refine(isContractDateTime, "Expected an ISO 8601 datetime"),
  lastTraceId: z.string(),
  lastId: z.string(),
});
export type ObservationCursor = z.output<typeof observationCursor>;

type Core = Pick<
  Observation,
  "id" | "traceId" | "startTime" | "endTime" | "projectId" | "parentObservationId" | "type"
>;

/** An observation of the second API version: the keys of the groups that were asked for, and those below. */
export interface ObservationV2 extends Core, Record<string, unknown> {
  /** Null unless `model` is asked for, as are the prices: USD per unit as plain decimal text. */
  modelId: string | null;
  inputPrice: string | null;
  outputPrice: string | null;
  totalPrice: string | null;
  /** Seconds. */
  latency: number | null;
  timeToFirstToken: number | null;
}

/**
 * The groups in a comma list. Nothing named: `core` and `basic`. Unknown names are dropped, and where no other is left
 * only `core` remains, unlike the `fields` of traces (read-api §5).
 */
export function observationGroupsOf(fields: string | undefined): ReadonlySet<ObservationGroup> {
  const named = namesOf(fields ?? "");
  if (named.length === 0) return new Set(["core", "basic"]);
  return new Set(observationGroups.filter((group) => group === "core" || named.includes(group)));
}

/** The observation in the groups asked for. `prices` are those of the matched model, where there is one. */
export function observationV2Of(
  row: StoredObservation,
  trace: StoredTraceContext | undefined,
  prices: UnitPrices | undefined,
  groups: ReadonlySet<ObservationGroup>,
): ObservationV2 {
  // Inputs and outputs stay text in this version, so they need no parsing.
  const all = observationOf({ ...row, input: "", output: "" }, unknownPrices, tierOf(row));
  const { id, traceId, startTime, endTime, projectId, parentObservationId, type } = all;
  const priceOf = (key: keyof UnitPrices): string | null =>
    groups.has("model") && prices?.[key] != null ? exactDecimal(prices[key]) : null;
  const showsFirstToken = groups.has("time") || groups.has("metrics");
  return {
    id,
    traceId,
    startTime,
    endTime,
    projectId,
    parentObservationId,
    type,
    ...(groups.has("basic") && basicOf(row, all, trace)),
    ...(groups.has("time") && {
      completionStartTime: all.completionStartTime,
      createdAt: all.createdAt,
      updatedAt: all.updatedAt,
    }),
    ...(groups.has("io") && { input: orNull(row.input), output: orNull(row.output) }),
    ...(groups.has("metadata") && { metadata: all.metadata }),
    ...(groups.has("model") && modelFieldsOf(all)),
    ...(groups.has("usage") && usageOf(all)),
    ...(groups.has("prompt") && {
      promptId: all.promptId,
      promptName: all.promptName,
      promptVersion: all.promptVersion,
    }),
    ...(groups.has("trace_context") && {
      traceName: orNull(trace?.name ?? "") ?? (isRoot(row) ? all.name : null),
      tags: trace?.tags ?? [],
      release: orNull(trace?.release ?? ""),
    }),
    modelId: groups.has("model") ? all.modelId : null,
    inputPrice: priceOf("input"),
    outputPrice: priceOf("output"),
    totalPrice: priceOf("total"),
    latency: all.latency,
    timeToFirstToken: showsFirstToken ? all.timeToFirstToken : null,
  };
}

function basicOf(
  row: StoredObservation,
  all: Observation,
  trace: StoredTraceContext | undefined,
): object {
  return {
    name: all.name,
    level: all.level,
    statusMessage: all.statusMessage,
    version: all.version,
    environment: all.environment,
    bookmarked: trace?.bookmarked ?? false,
    public: trace?.public ?? false,
    userId: orNull(trace?.user_id ?? ""),
    sessionId: orNull(trace?.session_id ?? ""),
    isRootObservation: isRoot(row),
  };
}

/** The name goes by `providedModelName` in the documented contract, and by `model` on the wire: clients read either. */
function modelFieldsOf(all: Observation): object {
  return {
    model: all.model,
    providedModelName: all.model,
    internalModelId: all.modelId,
    modelParameters: all.modelParameters,
  };
}

function usageOf(all: Observation): object {
  return {
    usageDetails: all.usageDetails,
    costDetails: all.costDetails,
    totalCost: all.costDetails["total"] ?? null,
    usagePricingTierId: all.usagePricingTierId,
    usagePricingTierName: all.usagePricingTierName,
    inputUsage: all.promptTokens,
    outputUsage: all.completionTokens,
    totalUsage: all.totalTokens,
    inputCost: all.calculatedInputCost,
    outputCost: all.calculatedOutputCost,
  };
}

function isRoot({ parent_id, marked_root }: StoredObservation): boolean {
  return parent_id === "" || marked_root;
}
