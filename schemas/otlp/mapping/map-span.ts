import { payloadOf } from "../../dialects/langfuse-payload.ts";
import type { OtelSpan } from "../span.ts";
import { contentOf, traceContentOf } from "./content.ts";
import { countedCostOf, passOverCost, statedCostOf } from "./cost.ts";
import type { Costs } from "./cost.ts";
import {
  environment,
  isPublic,
  observationName,
  releaseOf,
  sessionOf,
  standingOf,
  tagsOf,
  traceName,
  userOf,
  versionOf,
} from "./identity.ts";
import type { Belonging, Standing } from "./identity.ts";
import { metadataOf } from "./metadata.ts";
import type { Metadata } from "./metadata.ts";
import { modelOf, modelParametersOf, promptOf } from "./model.ts";
import type { PromptLink } from "./model.ts";
import { SpanReader } from "./reader.ts";
import type { Step } from "./reader.ts";
import { completionStartOf, levelOf, statusMessageOf } from "./status.ts";
import { timesOf } from "./times.ts";
import type { Times } from "./times.ts";
import { observationType } from "./type.ts";
import { countedUsageOf, passOverUsage, statedUsageOf } from "./usage.ts";
import type { Counts } from "./usage.ts";
import { asText } from "./values.ts";

/**
 * What a span says, field by field; null for what it does not say. Times in epoch milliseconds, payloads and metadata
 * values as columns hold them.
 */
export interface MappedSpan {
  readonly times: Times;
  readonly standing: Standing;
  readonly type: string | null;
  readonly name: string | null;
  readonly level: string | null;
  readonly statusMessage: string | null;
  readonly completionStartMs: number | null;
  readonly environment: string | null;
  readonly version: string | null;
  readonly input: string | null;
  readonly output: string | null;
  readonly call: Call;
  readonly metadata: Metadata;
  readonly trace: {
    readonly name: string | null;
    readonly user: Belonging | null;
    readonly session: Belonging | null;
    readonly tags: readonly string[] | null;
    readonly isPublic: boolean;
    readonly release: string | null;
    readonly input: string | null;
    readonly output: string | null;
    readonly metadata: Metadata;
    /** Said without saying whether of the trace or of the one call. */
    readonly sharedMetadata: Metadata;
  };
}

/** Of a model. */
export interface Call {
  readonly model: string | null;
  /** JSON. */
  readonly modelParameters: string | null;
  readonly prompt: PromptLink | null;
  readonly usage: Counts | null;
  readonly cost: Costs | null;
}

/**
 * Maps a span by the tables of this folder. Never throws; the same span gives the same, always. `receivedAt` (epoch
 * milliseconds) stands in for the times of a span that has none; a trail gets every step of the mapping.
 */
export function mapSpan(
  span: OtelSpan,
  receivedAt: number,
  trail: Step[] | null = null,
): MappedSpan {
  const reader = new SpanReader(span, trail);
  const times = timesOf(span, receivedAt);
  const type = observationType(reader);
  const content = contentOf(reader);
  const traceContent = traceContentOf(reader);
  const { call, aggregates } = callOf(reader, type);
  // Written out: spreading objects of this many fields took a third of all the time.
  const fields = {
    times,
    standing: standingOf(reader),
    type,
    name: observationName(reader),
    level: levelOf(reader),
    statusMessage: statusMessageOf(reader),
    completionStartMs: completionStartOf(reader, times.startMs),
    environment: environment(reader),
    version: versionOf(reader),
    input: payloadOf(content.input),
    output: payloadOf(content.output),
    call,
    metadata: aggregates,
    trace: {
      name: traceName(reader),
      user: userOf(reader),
      session: sessionOf(reader),
      tags: tagsOf(reader),
      isPublic: isPublic(reader),
      release: releaseOf(reader),
      input: payloadOf(traceContent.input),
      output: payloadOf(traceContent.output),
      metadata: none,
      sharedMetadata: none,
    },
  };
  // Last, when it is known what no field took.
  const metadata = metadataOf(reader);
  Object.assign(fields.metadata, metadata.ofObservation);
  fields.trace.metadata = metadata.ofTrace;
  fields.trace.sharedMetadata = metadata.shared;
  return fields;
}

const none: Metadata = {};

/**
 * What a call of a model states. A span around such calls repeats what they used: of it only counts what the client
 * stated through a Langfuse SDK, and the rest is kept as metadata that nobody adds up. (otlp.md §2.8, §6 #7)
 */
function callOf(
  span: SpanReader,
  type: string | null,
): { readonly call: Call; readonly aggregates: Metadata } {
  const isAround = isAroundCalls(span, type);
  const aggregates: Metadata = Object.create(null);
  let usage = statedUsageOf(span);
  let cost = statedCostOf(span);
  if (isAround) {
    const aggregatedUsage = countedUsageOf(span, "metadata.aggregatedUsage");
    const aggregatedCost = countedCostOf(span, "metadata.aggregatedCost");
    if (aggregatedUsage) aggregates["aggregatedUsage"] = JSON.stringify(aggregatedUsage);
    if (aggregatedCost) aggregates["aggregatedCost"] = JSON.stringify(aggregatedCost);
  } else {
    if (usage) passOverUsage(span);
    else usage = countedUsageOf(span, "usage");
    if (cost) passOverCost(span);
    else cost = countedCostOf(span, "cost");
  }
  const model = modelOf(span, isAround);
  const prompt = type === null || type === "SPAN" || type === "EVENT" ? null : promptOf(span);
  const parameters = modelParametersOf(span, isAround);
  const modelParameters = parameters && JSON.stringify(parameters);
  return { call: { model, modelParameters, prompt, usage, cost }, aggregates };
}

const operationsAround: ReadonlySet<string> = new Set(["invoke_agent", "agent_step"]);

function isAroundCalls(span: SpanReader, type: string | null): boolean {
  if (type === null || type === "SPAN" || type === "EVENT") return true;
  return operationsAround.has(asText(span.attribute("gen_ai.operation.name")) ?? "");
}
