/**
 * What a body of protobuf says by the letter of its format, read the slow and obvious way from a table of fields: the
 * arbiter where two decoders disagree.
 */
export function judgeWire(bytes: Buffer): WireVerdict {
  const lax = new Set<Laxity>();
  try {
    new Walker(bytes, lax).message("request", 0, bytes.length, 0);
    return { broken: null, lax };
  } catch (error) {
    if (!(error instanceof Broken)) throw error;
    return { broken: error.message, lax };
  }
}

export interface WireVerdict {
  /** Why our reader must refuse the request or a part of it; null when it must not. */
  readonly broken: string | null;
  /** Where the generated decoder departs from the format, or from us, so that its result may differ from ours. */
  readonly lax: ReadonlySet<Laxity>;
}

export type Laxity =
  /** It reads integers of 32 bits, tags and lengths in six to nine bytes as if they had ten. */
  | "long_varint"
  /** It reads only the lower half of a bool. */
  | "wide_bool"
  /** It keeps the last part of a repeated message, where the format joins the parts. */
  | "repeated_message"
  /** It keeps every member of a oneof, where the format keeps the last. */
  | "oneof"
  /** It knows a resource's third field, which is in development and no part of ours (otlp.md §1.9). */
  | "entity_refs"
  /** What is wrong with a resource or scope costs its spans with us, so nothing when there are none. */
  | "idle_fault";

export interface WireField {
  readonly number: number;
  readonly wire: number;
  /** Of messages, strings and bytes without their length. */
  readonly body: Buffer | WireField[];
}

/** The fields of a whole message, nested messages taken apart too. */
export function parseWire(bytes: Buffer, type = "request"): WireField[] {
  const walker = new Walker(bytes, new Set());
  const fields: WireField[] = [];
  while (walker.at < bytes.length) {
    const tag = Number(walker.varint(bytes.length).value);
    const start = walker.at;
    const end = walker.valueEnd(tag, bytes.length);
    const nested = ruleOf(type, tag)?.message;
    const body = bytes.subarray((tag & 7) === 2 ? walker.at : start, end);
    fields.push({
      number: tag >>> 3,
      wire: tag & 7,
      body: nested === undefined ? body : parseWire(body, nested),
    });
    walker.at = end;
  }
  return fields;
}

function isId(id: Buffer | undefined): boolean {
  return id !== undefined && id.some((byte) => byte !== 0);
}

class Broken extends Error {}

type Kind = "varint32" | "varint64" | "bool" | "fixed32" | "fixed64" | "bytes" | "message";

interface FieldRule {
  readonly kind: Kind;
  readonly message?: string;
  readonly repeated?: boolean;
}

const scalar = (kind: Kind): FieldRule => ({ kind });
const one = (message: string): FieldRule => ({ kind: "message", message });
const many = (message: string): FieldRule => ({ kind: "message", message, repeated: true });
const bytes = scalar("bytes");
const uint32 = scalar("varint32");
const fixed32 = scalar("fixed32");
const fixed64 = scalar("fixed64");
const attributes = many("keyValue");

/** By message, a rule for each field number from 1 on (otlp.md §1.9). */
const schema: Readonly<Record<string, readonly (FieldRule | null)[]>> = {
  request: [many("resourceSpans")],
  resourceSpans: [one("resource"), many("scopeSpans"), bytes],
  resource: [attributes, uint32],
  scopeSpans: [one("scope"), many("span"), bytes],
  scope: [bytes, bytes, attributes, uint32],
  span: [
    [bytes, bytes, bytes, bytes, bytes, uint32, fixed64, fixed64],
    [attributes, uint32, many("event"), uint32, many("link"), uint32, one("status"), fixed32],
  ].flat(),
  event: [fixed64, bytes, attributes, uint32],
  link: [bytes, bytes, bytes, attributes, uint32, fixed32],
  status: [null, bytes, uint32],
  keyValue: [bytes, one("value")],
  value: [bytes, scalar("bool"), scalar("varint64"), fixed64, one("array"), one("map"), bytes],
  array: [many("value")],
  map: [attributes],
};

function ruleOf(type: string, tag: number): FieldRule | null {
  return schema[type]?.[(tag >>> 3) - 1] ?? null;
}

const wireTypes: Readonly<Record<Kind, number>> = {
  varint32: 0,
  varint64: 0,
  bool: 0,
  fixed64: 1,
  bytes: 2,
  message: 2,
  fixed32: 5,
};

const valueDepthMax = 64;

class Walker {
  at = 0;
  readonly #bytes: Buffer;
  readonly #lax: Set<Laxity>;
  /** Met so far, of those that have ids. */
  #spans = 0;

  constructor(source: Buffer, lax: Set<Laxity>) {
    this.#bytes = source;
    this.#lax = lax;
  }

  message(type: string, start: number, end: number, valueDepth: number): void {
    const depth = type === "value" ? valueDepth + 1 : valueDepth;
    if (depth > valueDepthMax) throw new Broken("too deep");
    this.at = start;
    const seen = new Set<number>();
    const spansBefore = this.#spans;
    const ids = new Map<number, Buffer>();
    let fault: Broken | null = null;
    while (this.at < end) {
      const tag = this.#uint32(end);
      if (tag < 8) throw new Broken("field number 0");
      const rule = ruleOf(type, tag);
      if (rule !== null) {
        if (wireTypes[rule.kind] !== (tag & 7)) throw new Broken("wire type");
        const isAgain = type === "value" ? seen.size > 0 : seen.has(tag >>> 3);
        if (isAgain && type === "value") this.#lax.add("oneof");
        else if (isAgain && rule.message !== undefined && rule.repeated !== true)
          this.#lax.add("repeated_message");
        seen.add(tag >>> 3);
      }
      if (type === "resource" && tag >>> 3 === 3) this.#lax.add("entity_refs");
      const from = this.at;
      const stop = this.valueEnd(tag, end);
      if (rule?.kind === "varint32" || rule?.kind === "bool") this.#noteVarint(from, rule.kind);
      if (type === "span" && tag >>> 3 < 3) ids.set(tag >>> 3, this.#bytes.subarray(this.at, stop));
      if (rule?.message === "resource" || rule?.message === "scope")
        fault = this.#faultOf(rule.message, stop) ?? fault;
      else if (rule?.message !== undefined) this.message(rule.message, this.at, stop, depth);
      this.at = stop;
    }
    if (isId(ids.get(1)) && isId(ids.get(2))) this.#spans += 1;
    if (fault === null) return;
    if (this.#spans > spansBefore) throw fault;
    this.#lax.add("idle_fault");
  }

  /** What is wrong with a resource or scope matters to its spans only. */
  #faultOf(type: string, stop: number): Broken | null {
    try {
      this.message(type, this.at, stop, 0);
      return null;
    } catch (error) {
      if (error instanceof Broken) return error;
      throw error;
    }
  }

  /** Leaves `at` at the first byte of the content, behind a length. */
  valueEnd(tag: number, end: number): number {
    const within = (length: number): number => {
      if (length > end - this.at) throw new Broken("beyond the end");
      return this.at + length;
    };
    switch (tag & 7) {
      case 0:
        this.varint(end);
        return this.at;
      case 1:
        return within(8);
      case 2:
        return within(this.#uint32(end));
      case 5:
        return within(4);
      default:
        throw new Broken("group");
    }
  }

  varint(end: number): { readonly value: bigint; readonly length: number } {
    const first = this.#bytes[this.at] ?? 0x80;
    if (first < 0x80 && this.at < end) {
      this.at += 1;
      return { value: BigInt(first), length: 1 };
    }
    let value = 0n;
    for (let length = 1; length <= 10; length += 1) {
      if (this.at >= end) throw new Broken("beyond the end");
      const byte = this.#bytes[this.at] ?? 0;
      this.at += 1;
      value |= BigInt(byte & 0x7f) << BigInt(7 * (length - 1));
      if (byte < 0x80) {
        if (value >= 2n ** 64n) throw new Broken("varint");
        return { value, length };
      }
    }
    throw new Broken("varint");
  }

  #uint32(end: number): number {
    const { value, length } = this.varint(end);
    if (value >= 2n ** 32n) throw new Broken("varint");
    if (length > 5 && length < 10) this.#lax.add("long_varint");
    return Number(value);
  }

  #noteVarint(from: number, kind: Kind): void {
    const after = this.at;
    this.at = from;
    const { value, length } = this.varint(after);
    if (length > 5 && length < 10) this.#lax.add("long_varint");
    if (kind === "bool" && value >= 2n ** 32n) this.#lax.add("wide_bool");
  }
}
