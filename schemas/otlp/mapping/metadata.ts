import * as by from "./emitters.ts";
import type { Source, SpanReader } from "./reader.ts";
import { isMap, parsed, plainMap } from "./values.ts";

/**
 * Metadata by first-level key, values as stored: text as it is, anything else as JSON text. The client's own keys come
 * first; `attributes`, `resourceAttributes` and `scope` hold what else the span came with. (otlp.md §2.10, §6 #13)
 */
export type Metadata = Record<string, string>;

/** What a client says of a trace through one of its spans. */
const traceSources: readonly Source[] = [
  whole("langfuse.trace.metadata", by.langfuse),
  below("langfuse.trace.metadata.", by.langfuse),
];

/** What it says without saying whether of the trace or of the one call. Later lines lie over earlier ones. */
const sharedSources: readonly Source[] = [
  below("ai.telemetry.metadata.", by.aiSdk, ["userId", "sessionId", "tags", "langfusePrompt"]),
  {
    ...whole("langfuse.metadata", by.langfuseCompat),
    // Only where the newer name is not used.
    read: (span) =>
      span.attribute("langfuse.observation.metadata") ? null : wholeOf(span, "langfuse.metadata"),
  },
  below("langfuse.metadata.", by.langfuseCompat),
];

const ownSources: readonly Source[] = [
  {
    key: "metadata",
    by: by.openInference,
    read: (span) => {
      const map = span.json("metadata");
      return isMap(map) ? texts(Object.entries(map)) : null;
    },
  },
  below("metadata.", by.liteLlm, ["tools"]),
  below("traceloop.association.properties.", by.traceloop),
  below("langsmith.metadata.", by.langSmith),
  below("mastra.metadata.", by.mastra),
  { key: "langfuse.experiment.*", by: by.langfuse, read: experiment },
];

const observationSources: readonly Source[] = [
  whole("langfuse.observation.metadata", by.langfuse),
  below("langfuse.observation.metadata.", by.langfuse),
];

export interface SpanMetadata {
  /** What the client said of the trace. */
  readonly ofTrace: Metadata;
  /** What it said without saying of what. */
  readonly shared: Metadata;
  /** Everything of the observation, the namespaces too. */
  readonly ofObservation: Metadata;
}

/** To be called last: what no field took is kept under `attributes`. */
export function metadataOf(span: SpanReader): SpanMetadata {
  const ofTrace = gathered(span, "trace.metadata", traceSources);
  const shared = gathered(span, "metadata", sharedSources);
  const own = gathered(span, "metadata", ownSources);
  const stated = gathered(span, "metadata", observationSources);
  const ofObservation = Object.assign(
    newMetadata(),
    namespaces(span),
    resourceMetadata(span),
    own,
    shared,
    stated,
  );
  return { ofTrace, shared, ofObservation };
}

/** Langfuse's own SDKs write nothing but what fields are made of, so that their leftovers would say nothing new. */
function namespaces(span: SpanReader): Metadata {
  const { resource, scope } = span.span;
  const spaces = newMetadata();
  const leftovers = span.leftovers();
  if (leftovers.length > 0 && !scope.name.startsWith("langfuse-sdk")) {
    spaces["attributes"] = JSON.stringify(texts(leftovers));
  }
  if (resource.attributes.length > 0) {
    spaces["resourceAttributes"] = JSON.stringify(plainMap(resource.attributes));
  }
  const { name, version, attributes } = scope;
  spaces["scope"] = JSON.stringify({ name, version, attributes: plainMap(attributes) });
  return spaces;
}

function resourceMetadata(span: SpanReader): Metadata {
  const metadata = newMetadata();
  for (const prefix of ["langfuse.metadata.", "langfuse.trace.metadata."]) {
    for (const key of span.resourceKeys(prefix)) {
      metadata[key.slice(prefix.length)] = textOf(span.resource(key));
    }
  }
  return metadata;
}

function gathered(span: SpanReader, field: string, sources: readonly Source[]): Metadata {
  const metadata = newMetadata();
  span.every(field, sources, (part) => {
    Object.assign(metadata, part);
    return true;
  });
  return metadata;
}

/** One attribute for all: a map, or one value, which is kept under the key `metadata`. */
function whole(key: string, emitter: string): Source {
  return { key, by: emitter, read: (span) => wholeOf(span, key) };
}

function wholeOf(span: SpanReader, key: string): Metadata | null {
  const value = span.attribute(key);
  if (!value) return null;
  const map = parsed(value);
  return texts(isMap(map) ? Object.entries(map) : [["metadata", value]]);
}

/** One attribute for each key, which may have dots. */
function below(prefix: string, emitter: string, except: readonly string[] = []): Source {
  return {
    key: `${prefix}*`,
    by: emitter,
    read: (span) => {
      const keys = span
        .keys(prefix)
        .filter((key) => key !== prefix && !except.includes(key.slice(prefix.length)));
      if (keys.length === 0) return null;
      return texts(keys.map((key) => [key.slice(prefix.length), span.attribute(key)]));
    },
  };
}

/** Experiments have no columns of their own: they keep their full names. (otlp.md §2.11) */
function experiment(span: SpanReader): Metadata | null {
  const keys = span.keys("langfuse.experiment.");
  return keys.length > 0 ? texts(keys.map((key) => [key, span.attribute(key)])) : null;
}

function texts(entries: readonly (readonly [key: string, value: unknown])[]): Metadata {
  return Object.fromEntries(entries.map(([key, value]) => [key, textOf(value)]));
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : (JSON.stringify(value) ?? "");
}

/** Without a prototype, to be assigned to: keys are the client's, `__proto__` among them. */
function newMetadata(): Metadata {
  return Object.create(null);
}
