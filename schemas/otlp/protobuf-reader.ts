import { integerOf } from "./drafts.ts";
import { RepeatedTexts } from "./repeated-texts.ts";
import { Refusal } from "./request.ts";
import type { AttributeValue } from "./span.ts";

/**
 * Reads protobuf's wire format from bytes that nobody has checked. Every method that reads a field takes the field's
 * `tag` and the `end` (exclusive) of the message it stands in, and throws a {@link Refusal} when the tag has another
 * wire type than the field, or when the value does not lie within the message.
 *
 * Stricter than the format asks for, as the OpenTelemetry Collector is: a known field with another wire type is not
 * skipped, which would lose it, but refused. Groups, which OTLP never had, are refused too.
 */
export class ProtobufReader {
  /** Where the next tag or value begins. */
  at = 0;
  readonly #bytes: Buffer;
  readonly #view: DataView;
  readonly #keys: RepeatedTexts;
  readonly #texts: RepeatedTexts;
  readonly #ids: RepeatedTexts;
  /** The upper half of the varint that {@link #varint} read last. */
  #high = 0;

  constructor(bytes: Uint8Array) {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength) as NativeBuffer;
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const utf8 = (start: number, stop: number): string => buffer.utf8Slice(start, stop);
    const hex = (start: number, stop: number): string => buffer.hexSlice(start, stop);
    this.#bytes = buffer;
    this.#view = view;
    this.#keys = new RepeatedTexts(buffer, view, utf8);
    this.#texts = new RepeatedTexts(buffer, view, utf8);
    this.#ids = new RepeatedTexts(buffer, view, hex);
  }

  /** The number of a field and its wire type: `number << 3 | type`. */
  tag(end: number): number {
    const start = this.at;
    const byte = this.#bytes[start] ?? 0;
    // Nearly all tags are of one byte.
    if (byte > 7 && byte < 0x80 && start < end) {
      this.at = start + 1;
      return byte;
    }
    const tag = this.#uint32(end);
    if (tag < 8) throw new Refusal("protobuf:field_number");
    return tag;
  }

  /** Steps over a field that this build does not know. */
  skip(tag: number, end: number): void {
    switch (tag & 7) {
      case VARINT:
        this.#varint(end);
        return;
      case FIXED64:
        this.#step(8, end);
        return;
      case DELIMITED:
        this.#step(this.#uint32(end), end);
        return;
      case FIXED32:
        this.#step(4, end);
        return;
      default:
        throw new Refusal("protobuf:group");
    }
  }

  /** The end of a nested message, string or bytes; what they hold begins at {@link at}. */
  delimited(tag: number, end: number): number {
    if ((tag & 7) !== DELIMITED) throw new Refusal("protobuf:wire_type");
    let start = this.at;
    let length = this.#bytes[start] ?? 0x80;
    if (length < 0x80 && start < end) start += 1;
    else {
      length = this.#uint32(end);
      start = this.at;
    }
    if (length > end - start) throw new Refusal("protobuf:truncated");
    this.at = start;
    return start + length;
  }

  /** Bytes that are not UTF-8 become U+FFFD. */
  text(tag: number, end: number): string {
    const stop = this.delimited(tag, end);
    const start = this.at;
    this.at = stop;
    return this.#texts.at(start, stop);
  }

  /** As {@link text}, for the keys of attributes. */
  key(tag: number, end: number): string {
    const stop = this.delimited(tag, end);
    const start = this.at;
    this.at = stop;
    return this.#keys.at(start, stop);
  }

  hex(tag: number, end: number): string {
    const stop = this.delimited(tag, end);
    const start = this.at;
    this.at = stop;
    return this.#ids.at(start, stop);
  }

  base64(tag: number, end: number): string {
    const stop = this.delimited(tag, end);
    const start = this.at;
    this.at = stop;
    return this.#bytes.toString("base64", start, stop);
  }

  bool(tag: number, end: number): boolean {
    expectType(tag, VARINT);
    return (this.#varint(end) | this.#high) !== 0;
  }

  /** Without the upper half of a longer integer, as every protobuf reader does. */
  uint32(tag: number, end: number): number {
    expectType(tag, VARINT);
    return this.#varint(end);
  }

  /** An enum: signed, and cut as {@link uint32}. */
  int32(tag: number, end: number): number {
    return this.uint32(tag, end) | 0;
  }

  /** A number where it is a safe integer. */
  int64(tag: number, end: number): AttributeValue {
    expectType(tag, VARINT);
    const low = this.#varint(end);
    const high = this.#high | 0;
    const value = high * 2 ** 32 + low;
    return Number.isSafeInteger(value) ? value : integerOf((BigInt(high) << 32n) | BigInt(low));
  }

  fixed32(tag: number, end: number): number {
    expectType(tag, FIXED32);
    const start = this.at;
    this.#step(4, end);
    return this.#view.getUint32(start, true);
  }

  double(tag: number, end: number): number {
    expectType(tag, FIXED64);
    const start = this.at;
    this.#step(8, end);
    return this.#view.getFloat64(start, true);
  }

  /** An unsigned 64-bit integer in decimal. */
  fixed64(tag: number, end: number): string {
    expectType(tag, FIXED64);
    const start = this.at;
    this.#step(8, end);
    return this.#view.getBigUint64(start, true).toString();
  }

  /** Puts the upper half into {@link #high} and returns the lower, both unsigned. */
  #varint(end: number): number {
    const bytes = this.#bytes;
    const start = this.at;
    let low = 0;
    let high = 0;
    for (let i = 0; i < VARINT_BYTES_MAX; i += 1) {
      if (start + i >= end) throw new Refusal("protobuf:truncated");
      const byte = bytes[start + i] ?? 0;
      const bits = byte & 0x7f;
      if (i < 4) low |= bits << (7 * i);
      else if (i > 4) high |= bits << (7 * i - 32);
      else {
        low |= bits << 28;
        high = bits >>> 4;
      }
      if (byte < 0x80) {
        // The tenth byte has room for the 64th bit only.
        if (i === VARINT_BYTES_MAX - 1 && bits > 1) break;
        this.at = start + i + 1;
        this.#high = high >>> 0;
        return low >>> 0;
      }
    }
    throw new Refusal("protobuf:varint");
  }

  /** For tags and lengths: what does not fit into 32 bits lies outside of any message. */
  #uint32(end: number): number {
    const low = this.#varint(end);
    if (this.#high !== 0) throw new Refusal("protobuf:varint");
    return low;
  }

  #step(length: number, end: number): void {
    if (length > end - this.at) throw new Refusal("protobuf:truncated");
    this.at += length;
  }
}

/** These methods of Node's buffers are what `toString` calls once it has looked up its encoding. */
interface NativeBuffer extends Buffer {
  hexSlice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

function expectType(tag: number, type: number): void {
  if ((tag & 7) !== type) throw new Refusal("protobuf:wire_type");
}

const VARINT = 0;
const FIXED64 = 1;
const DELIMITED = 2;
const FIXED32 = 5;

const VARINT_BYTES_MAX = 10;
