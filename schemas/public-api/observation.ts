import { addDecimals } from "../decimal.ts";
import type { Pricing } from "../pricing.ts";
import {
  isoOfColumn,
  millisOfColumn,
  orNull,
  parseMetadata,
  parsePayload,
  type JsonValue,
  type StoredMetadata,
} from "./stored-value.ts";

export const observationTypes = [
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
] as const;
export const observationLevels = ["DEBUG", "DEFAULT", "WARNING", "ERROR"] as const;

/** A row of `observations` as a read brings it: 64-bit numbers and decimals are quoted. */
export interface StoredObservation {
  readonly project_id: string;
  readonly trace_id: string;
  readonly id: string;
  readonly parent_id: string;
  /** A root by what its SDK says, whatever its parent. */
  readonly marked_root: boolean;
  readonly type: string;
  readonly name: string;
  readonly start_time: string;
  /** As stated, which may be before `start_time`. */
  readonly end_time: string | null;
  readonly completion_start_time: string | null;
  readonly environment: string;
  readonly version: string;
  readonly level: string;
  readonly status_message: string;
  readonly metadata: StoredMetadata;
  readonly input: string;
  readonly output: string;
  readonly model: string;
  readonly model_params: string;
  readonly model_id: string;
  /** See `Pricing`; empty when no model matched. */
  readonly pricing: string;
  readonly prompt_id: string;
  readonly prompt_name: string;
  readonly prompt_version: string | null;
  readonly usage_details: Readonly<Record<string, string>>;
  readonly cost_details: Readonly<Record<string, string>>;
  readonly created_at: string;
  readonly updated_at: string;
}

/** USD per unit from the default tier of the matched model. */
export interface UnitPrices {
  readonly input: number | null;
  readonly output: number | null;
  readonly total: number | null;
}

/** What observations show when no model matched; inside a trace they show zeros (read-api §3.2). */
export const unknownPrices: UnitPrices = { input: null, output: null, total: null };
export const zeroPrices: UnitPrices = { input: 0, output: 0, total: 0 };

/** An observation of the first API version (read-api §4.3): every key is always there. */
export interface Observation {
  id: string;
  projectId: string;
  traceId: string | null;
  parentObservationId: string | null;
  type: string;
  name: string | null;
  environment: string;
  startTime: string;
  endTime: string | null;
  completionStartTime: string | null;
  createdAt: string;
  updatedAt: string;
  version: string | null;
  level: string;
  statusMessage: string | null;
  input: JsonValue;
  output: JsonValue;
  metadata: Record<string, JsonValue>;
  model: string | null;
  modelParameters: JsonValue;
  modelId: string | null;
  promptId: string | null;
  promptName: string | null;
  promptVersion: number | null;
  usageDetails: Record<string, number>;
  costDetails: Record<string, number>;
  usage: { unit: "TOKENS"; input: number; output: number; total: number };
  unit: "TOKENS";
  promptTokens: number;
  completionTokens: number;
  totalTokens: number;
  usagePricingTierId: string | null;
  usagePricingTierName: string | null;
  inputPrice: number | null;
  outputPrice: number | null;
  totalPrice: number | null;
  calculatedInputCost: number | null;
  calculatedOutputCost: number | null;
  calculatedTotalCost: number;
  /** Seconds. */
  latency: number | null;
  timeToFirstToken: number | null;
}

/** The tier that was applied, as reads of one observation show it; lists do not (read-api §4.3). */
export function tierOf({ pricing }: StoredObservation): Pricing["tier"] {
  if (pricing === "") return null;
  const { tier }: Pricing = JSON.parse(pricing);
  return tier;
}

export function observationOf(
  row: StoredObservation,
  prices: UnitPrices,
  tier: Pricing["tier"] = null,
): Observation {
  const usage = numbersOf(row.usage_details);
  const cost = numbersOf(row.cost_details);
  const input = amountOf(row.usage_details, "input") ?? 0;
  const output = amountOf(row.usage_details, "output") ?? 0;
  const total = usage["total"] ?? 0;
  const endTime = shownEnd(row);
  return {
    id: row.id,
    projectId: row.project_id,
    traceId: orNull(row.trace_id),
    parentObservationId: orNull(row.parent_id),
    type: row.type,
    name: orNull(row.name),
    environment: row.environment || "default",
    startTime: isoOfColumn(row.start_time),
    endTime: endTime && isoOfColumn(endTime),
    completionStartTime: row.completion_start_time && isoOfColumn(row.completion_start_time),
    createdAt: isoOfColumn(row.created_at),
    updatedAt: isoOfColumn(row.updated_at),
    version: orNull(row.version),
    level: row.level || "DEFAULT",
    statusMessage: orNull(row.status_message),
    input: parsePayload(row.input),
    output: parsePayload(row.output),
    metadata: parseMetadata(row.metadata),
    model: orNull(row.model),
    modelParameters: parsePayload(row.model_params),
    modelId: orNull(row.model_id),
    promptId: orNull(row.prompt_id),
    promptName: orNull(row.prompt_name),
    promptVersion: row.prompt_version === null ? null : Number(row.prompt_version),
    usageDetails: usage,
    costDetails: cost,
    usage: { unit: "TOKENS", input, output, total },
    unit: "TOKENS",
    promptTokens: input,
    completionTokens: output,
    totalTokens: total,
    usagePricingTierId: tier?.id ?? null,
    usagePricingTierName: tier?.name ?? null,
    inputPrice: prices.input,
    outputPrice: prices.output,
    totalPrice: prices.total,
    calculatedInputCost: amountOf(row.cost_details, "input"),
    calculatedOutputCost: amountOf(row.cost_details, "output"),
    calculatedTotalCost: cost["total"] ?? 0,
    latency: secondsFromStart(row.start_time, endTime),
    timeToFirstToken: secondsFromStart(row.start_time, row.completion_start_time),
  };
}

/** An end before the start is shown as the start. */
function shownEnd(row: StoredObservation): string | null {
  if (row.end_time === null) return null;
  return row.end_time < row.start_time ? row.start_time : row.end_time;
}

function secondsFromStart(start: string, moment: string | null): number | null {
  return moment === null ? null : (millisOfColumn(moment) - millisOfColumn(start)) / 1000;
}

function numbersOf(quoted: Readonly<Record<string, string>>): Record<string, number> {
  return Object.fromEntries(Object.entries(quoted).map(([key, text]) => [key, Number(text)]));
}

/** The exact sum over the keys that contain `part` (read-api §9); null when there is none. */
function amountOf(quoted: Readonly<Record<string, string>>, part: string): number | null {
  const keys = Object.keys(quoted).filter((key) => key.includes(part));
  return keys.length > 0 ? Number(addDecimals(keys.map((key) => quoted[key] ?? "0"))) : null;
}
