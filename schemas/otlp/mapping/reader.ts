import type { OtelEvent, OtelSpan } from "../span.ts";
import { member, parsed, plainMap, plainOf } from "./values.ts";
import type { PlainMap } from "./values.ts";

/**
 * One line of a mapping table: something of a span that a field may come from, and the SDK or convention that puts it
 * there. Null and undefined mean that the span has none.
 */
export interface Source {
  /** Names it in an explanation: an attribute's key, or what is read of the span beside its attributes. */
  readonly key: string;
  readonly by: string;
  /** The attribute without which there is nothing to read: most lines of most tables end here. */
  readonly needs?: string;
  readonly read: (span: SpanReader) => unknown;
}

/** A span attribute. */
export function attribute(key: string, by: string): Source {
  return { key, by, needs: key, read: (span) => span.attribute(key) };
}

/** A span attribute whose text is JSON-quoted by some who write it (otlp.md §2.12). */
export function quoted(key: string, by: string): Source {
  return { key, by, needs: key, read: (span) => span.json(key) };
}

/** What the JSON of a span attribute, or a map, holds under this path. */
export function within(key: string, path: readonly string[], by: string): Source {
  return {
    key: [key, ...path].join(" > "),
    by,
    needs: key,
    read: (span) => path.reduce<unknown>(member, span.json(key)),
  };
}

/** A resource attribute. */
export function resource(key: string, by: string): Source {
  return { key: `resource ${key}`, by, read: (span) => span.resource(key) };
}

/** What was done with a source: it fed the field, came too late, or held nothing that the field can be made of. */
export type Use = "used" | "lost" | "unusable";

export interface Step {
  readonly field: string;
  readonly use: Use;
  readonly source: string;
  readonly by: string;
  /** The span attributes that it is made of. */
  readonly attributes: readonly string[];
}

/**
 * A span as the mapping reads it. It remembers which attributes went into payloads and metadata, so that the others can be kept
 * beside them, and, when given a trail, every step: an explanation is what the mapping did, not what it should do.
 */
export class SpanReader {
  readonly span: OtelSpan;
  readonly #trail: Step[] | null;
  readonly #attributes: ReadonlyMap<string, unknown>;
  readonly #resource: ReadonlyMap<string, unknown>;
  readonly #moved = new Set<string>();
  readonly #parsed = new Map<string, unknown>();
  readonly #touched: string[] = [];

  constructor(span: OtelSpan, trail: Step[] | null = null) {
    this.span = span;
    this.#trail = trail;
    this.#attributes = plain(span.attributes);
    this.#resource = plain(span.resource.attributes);
  }

  get scope(): string {
    return this.span.scope.name;
  }

  /** The plain value of a span attribute; undefined when there is none. */
  attribute(key: string): unknown {
    const value = this.#attributes.get(key);
    if (value !== undefined) this.#touched.push(key);
    return value;
  }

  /** The same with its JSON text parsed; parsed once, since some attributes hold whole requests. */
  json(key: string): unknown {
    const value = this.attribute(key);
    if (typeof value !== "string") return value;
    if (!this.#parsed.has(key)) this.#parsed.set(key, parsed(value));
    return this.#parsed.get(key);
  }

  resource(key: string): unknown {
    return this.#resource.get(key);
  }

  /** The keys of span attributes that begin with `prefix`, in the order they came in. */
  keys(prefix: string): string[] {
    return keysFrom(this.#attributes, prefix);
  }

  resourceKeys(prefix: string): string[] {
    return keysFrom(this.#resource, prefix);
  }

  events(name: string): OtelEvent[] {
    const { events } = this.span;
    return events.length === 0 ? [] : events.filter((event) => event.name === name);
  }

  /** The first source in order that `parse` can make the field of; null when there is none. */
  first<Value>(
    field: string,
    sources: readonly Source[],
    parse: (value: unknown) => Value | null,
  ): Value | null {
    return this.winner(field, sources, parse)?.value ?? null;
  }

  /** As {@link first}, with the source that it was. */
  winner<Value>(
    field: string,
    sources: readonly Source[],
    parse: (value: unknown) => Value | null,
  ): { readonly value: Value; readonly source: Source } | null {
    let found: { readonly value: Value; readonly source: Source } | null = null;
    for (const source of sources) {
      // Without a trail nobody asks for those that come too late.
      if (found && !this.#trail) break;
      const raw = this.#read(source);
      if (raw === null || raw === undefined) continue;
      const value = parse(raw);
      if (value === null) this.#note(field, "unusable", source);
      else if (found) this.#note(field, "lost", source);
      else {
        found = { value, source };
        this.#note(field, "used", source);
      }
    }
    return found;
  }

  /** For the trail: what these sources hold would have been too late. */
  passOver(field: string, sources: readonly Source[]): void {
    if (!this.#trail) return;
    for (const source of sources) {
      const value = this.#read(source);
      if (value !== null && value !== undefined) this.#note(field, "lost", source);
    }
  }

  /** Takes every source that has a value, for fields that several feed. */
  every(field: string, sources: readonly Source[], take: (value: unknown) => boolean): void {
    for (const source of sources) {
      const value = this.#read(source);
      if (value === null || value === undefined) continue;
      this.#note(field, take(value) ? "used" : "unusable", source);
    }
  }

  /** The attributes whose content stands in no payload and under no key of the client's metadata. */
  leftovers(): [key: string, value: unknown][] {
    return [...this.#attributes].filter(([key]) => !this.#moved.has(key));
  }

  #read(source: Source): unknown {
    const { needs, read } = source;
    if (needs !== undefined && !this.#attributes.has(needs)) return undefined;
    if (this.#touched.length > 0) this.#touched.length = 0;
    return read(this);
  }

  /** Of the source that was read last. */
  #note(field: string, use: Use, { key, by }: Source): void {
    if (use === "used" && movingFields.has(field)) {
      for (const name of this.#touched) this.#moved.add(name);
    }
    const attributes = this.#trail && [...new Set(this.#touched)];
    if (attributes) this.#trail?.push({ field, use, source: key, by, attributes });
  }
}

/** Fields that hold all there is to an attribute: it need not be kept a second time. */
const movingFields: ReadonlySet<string> = new Set([
  "input",
  "output",
  "tools",
  "metadata",
  "trace.input",
  "trace.output",
  "trace.metadata",
]);

/** The attributes of an event as a plain map. */
export function eventAttributes(event: OtelEvent): PlainMap {
  return plainMap(event.attributes);
}

function plain(attributes: OtelSpan["attributes"]): Map<string, unknown> {
  return new Map(attributes.map(([key, value]) => [key, plainOf(value)]));
}

function keysFrom(map: ReadonlyMap<string, unknown>, prefix: string): string[] {
  const keys: string[] = [];
  for (const key of map.keys()) if (key.startsWith(prefix)) keys.push(key);
  return keys;
}
