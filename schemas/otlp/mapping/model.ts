import * as by from "./emitters.ts";
import { attribute, quoted, within } from "./reader.ts";
import type { Source, SpanReader } from "./reader.ts";
import { asCount, asMap, asText, isMap, member } from "./values.ts";
import type { PlainMap } from "./values.ts";

/** Model, its parameters and the prompt a call was made with. (otlp.md §2.4, §2.7) */

const statedModel = attribute("langfuse.observation.model.name", by.langfuse);

const modelSources: readonly Source[] = [
  statedModel,
  attribute("gen_ai.response.model", by.genAi),
  attribute("ai.model.id", by.aiSdk),
  attribute("gen_ai.request.model", by.genAi),
  attribute("llm.response.model", by.liteLlm),
  attribute("llm.model_name", by.openInference),
  attribute("model", "any that names a model"),
  { key: "genkit:name", by: by.genkit, read: genkitModel },
  attribute("llm.response.model_name", by.openInference),
  attribute("llm.request.model_name", by.openInference),
  attribute("embedding.model_name", by.openInference),
  attribute("reranker.model_name", by.openInference),
  quoted("mlflow.llm.model", by.mlflow),
];

/** With `onlyStated`, nothing but what the Langfuse SDKs say. */
export function modelOf(span: SpanReader, onlyStated: boolean): string | null {
  return firstOf(span, "model", modelSources, onlyStated && statedModel, asText);
}

function genkitModel(span: SpanReader): unknown {
  return span.attribute("genkit:metadata:subtype") === "model"
    ? span.attribute("genkit:name")
    : null;
}

const statedParameters = attribute("langfuse.observation.model.parameters", by.langfuse);

const parameterSources: readonly Source[] = [
  { key: "ai.settings.* and gen_ai.request.*", by: by.aiSdk, read: aiParameters },
  statedParameters,
  { key: "genkit:input > config", by: by.genkit, read: genkitConfig },
  quoted("llm.invocation_parameters", by.openInference),
  quoted("model_config", by.logfire),
  { key: "gen_ai.request.*", by: by.genAi, read: requestParameters },
];

/** By name: text and numbers as they are, anything else as JSON text. Null when there are none. */
export function modelParametersOf(
  span: SpanReader,
  onlyStated: boolean,
): Readonly<Record<string, string | number | null>> | null {
  const only = onlyStated && statedParameters;
  return firstOf(span, "model_parameters", parameterSources, only, asParameters);
}

function firstOf<Value>(
  span: SpanReader,
  field: string,
  sources: readonly Source[],
  only: Source | false,
  parse: (value: unknown) => Value | null,
): Value | null {
  if (!only) return span.first(field, sources, parse);
  const value = span.first(field, [only], parse);
  span.passOver(
    field,
    sources.filter((source) => source !== only),
  );
  return value;
}

function asParameters(value: unknown): Record<string, string | number | null> | null {
  const map = asMap(value);
  if (!map) return null;
  const parameters: Record<string, string | number | null> = Object.create(null);
  for (const [name, parameter] of Object.entries(map)) {
    const isPlain = parameter === null || typeof parameter === "number";
    parameters[name] = isPlain ? parameter : (asText(parameter) ?? "");
  }
  const isEmpty = Object.values(parameters).every((parameter) => parameter === null);
  return isEmpty ? null : parameters;
}

function genkitConfig(span: SpanReader): unknown {
  if (span.scope !== "genkit-tracer") return null;
  const config = member(span.json("genkit:input"), "config");
  if (isMap(config)) return config;
  const output = span.json("genkit:output");
  return member(member(output, "request"), "config");
}

const requestPrefixes = ["gen_ai.request.", "llm.invocation_parameters."];

function requestParameters(span: SpanReader): PlainMap | null {
  const parameters: Record<string, unknown> = Object.create(null);
  for (const prefix of requestPrefixes) {
    for (const key of span.keys(prefix)) {
      const name = key.slice(prefix.length);
      if (name !== "model" && name !== "") parameters[name] = span.attribute(key);
    }
  }
  return Object.keys(parameters).length > 0 ? parameters : null;
}

/** What the AI SDK until version 6 is asked for, each text or null; a call's own parameters lie over it. */
function aiParameters(span: SpanReader): PlainMap | null {
  if (span.scope !== "ai") return null;
  const parameters: Record<string, unknown> = Object.create(null);
  for (const [name, keys] of aiSettings) {
    parameters[name] = textOfFirst(span, keys);
  }
  const openai = member(span.json("ai.response.providerMetadata"), "openai");
  parameters["service_tier"] =
    asText(member(openai, "serviceTier")) ?? textOfFirst(span, ["gen_ai.request.service_tier"]);
  return Object.assign(parameters, asMap(span.json("langfuse.observation.model.parameters")));
}

const aiSettings: readonly (readonly [string, readonly string[]])[] = [
  ["maxSteps", ["ai.settings.maxSteps"]],
  ["toolChoice", ["ai.prompt.toolChoice"]],
  ["maxTokens", ["gen_ai.request.max_tokens"]],
  ["finishReason", ["gen_ai.response.finish_reasons", "gen_ai.finishReason"]],
  ["system", ["gen_ai.system", "ai.model.provider"]],
  ["maxRetries", ["ai.settings.maxRetries"]],
  ["mode", ["ai.settings.mode"]],
  ["temperature", ["gen_ai.request.temperature"]],
];

function textOfFirst(span: SpanReader, keys: readonly string[]): string | null {
  for (const key of keys) {
    const text = asText(span.attribute(key));
    if (text !== null) return text;
  }
  return null;
}

const promptNameSources: readonly Source[] = [
  attribute("langfuse.observation.prompt.name", by.langfuse),
  attribute("langfuse.prompt.name", by.langfuseCompat),
  within("ai.telemetry.metadata.langfusePrompt", ["name"], by.aiSdk),
  attribute("gen_ai.prompt.name", by.genAi),
  attribute("traceloop.prompt.key", by.traceloop),
];

const promptVersionSources: readonly Source[] = [
  attribute("langfuse.observation.prompt.version", by.langfuse),
  attribute("langfuse.prompt.version", by.langfuseCompat),
  within("ai.telemetry.metadata.langfusePrompt", ["version"], by.aiSdk),
  attribute("gen_ai.prompt.version", by.genAi),
  attribute("traceloop.prompt.version", by.traceloop),
];

export interface PromptLink {
  readonly name: string;
  readonly version: number;
}

/** Null unless there are a name and a whole version: half a link stays among the attributes. (otlp.md §6 #10) */
export function promptOf(span: SpanReader): PromptLink | null {
  const hasName = promptNameSources.some((source) => asText(source.read(span)) !== null);
  const version = span.first("prompt_version", promptVersionSources, (value) =>
    hasName ? asCount(value) : null,
  );
  const name = span.first("prompt_name", promptNameSources, (value) =>
    version === null ? null : asText(value),
  );
  return name !== null && version !== null ? { name, version } : null;
}
