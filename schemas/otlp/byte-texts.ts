/** Decodes texts that lie in one stretch of bytes: fast, for this is where a request's time goes. */
export class ByteTexts {
  readonly #keys: Repeats;
  readonly #values: Repeats;
  readonly #ids: Repeats;

  constructor(bytes: Buffer, view: DataView) {
    const native = bytes as NativeBuffer;
    const utf8 = (start: number, stop: number): string => native.utf8Slice(start, stop);
    this.#keys = new Repeats(bytes, view, utf8);
    this.#values = new Repeats(bytes, view, utf8);
    this.#ids = new Repeats(bytes, view, (start, stop) => native.hexSlice(start, stop));
  }

  /** From `start` up to, but not including, `stop`. Bytes that are not UTF-8 become U+FFFD, as the Encoding standard says. */
  text(start: number, stop: number): string {
    return this.#values.at(start, stop);
  }

  /** As {@link text}, for what comes again and again in the same order. */
  key(start: number, stop: number): string {
    return this.#keys.at(start, stop);
  }

  hex(start: number, stop: number): string {
    return this.#ids.at(start, stop);
  }
}

/** These methods of Node's buffers are what `toString` calls after looking up its encoding. */
interface NativeBuffer extends Buffer {
  hexSlice(start: number, end: number): string;
  utf8Slice(start: number, end: number): string;
}

/** Longer texts are seldom repeated. */
const repeatBytesMax = 48;

/** The texts of recently seen byte strings. A slot holds one, so that no choice of texts makes a look-up slow. */
class Repeats {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #decode: (start: number, stop: number) => string;
  readonly #starts = new Uint32Array(slots);
  readonly #lengths = new Uint32Array(slots);
  readonly #texts: string[] = [];
  /** By slot, the one that came after it the last time: spans of a kind have the same keys in the same order. */
  readonly #next = new Uint16Array(slots);
  #last = 0;

  constructor(bytes: Uint8Array, view: DataView, decode: (start: number, stop: number) => string) {
    this.#bytes = bytes;
    this.#view = view;
    this.#decode = decode;
    // What a slot holds before it is filled: the text of no bytes.
    for (let slot = 0; slot < slots; slot += 1) this.#texts.push("");
  }

  at(start: number, stop: number): string {
    const length = stop - start;
    if (length > repeatBytesMax) return this.#decode(start, stop);
    let slot = this.#next[this.#last] ?? 0;
    if (!this.#holds(slot, start, length)) {
      slot = this.#slotOf(start, length);
      if (!this.#holds(slot, start, length)) {
        this.#texts[slot] = this.#decode(start, stop);
        this.#starts[slot] = start;
        this.#lengths[slot] = length;
      }
      this.#next[this.#last] = slot;
    }
    this.#last = slot;
    return this.#texts[slot] ?? "";
  }

  #slotOf(start: number, length: number): number {
    const view = this.#view;
    let hash = length;
    if (length < 4) {
      for (let at = 0; at < length; at += 1)
        hash = Math.imul(hash ^ (this.#bytes[start + at] ?? 0), hashFactor);
    } else {
      // The last word may overlap the one before it.
      const last = start + length - 4;
      for (let at = start; at < last; at += 4)
        hash = Math.imul(hash ^ view.getInt32(at, true), hashFactor);
      hash = Math.imul(hash ^ view.getInt32(last, true), hashFactor);
    }
    return (hash ^ (hash >>> 16)) & (slots - 1);
  }

  #holds(slot: number, start: number, length: number): boolean {
    if (this.#lengths[slot] !== length) return false;
    const view = this.#view;
    const known = this.#starts[slot] ?? 0;
    if (length < 4) {
      for (let at = 0; at < length; at += 1)
        if (this.#bytes[known + at] !== this.#bytes[start + at]) return false;
      return true;
    }
    const last = length - 4;
    for (let at = 0; at < last; at += 4)
      if (view.getInt32(known + at, true) !== view.getInt32(start + at, true)) return false;
    return view.getInt32(known + last, true) === view.getInt32(start + last, true);
  }
}

/** A power of two. */
const slots = 512;
const hashFactor = 0x9e3779b1;
