/**
 * Decodes texts that stand in one stretch of bytes, and remembers the last ones: a request repeats its keys, names and
 * ids, and finding one takes a fraction of the time in which Node makes one. A slot holds one text, so that no
 * choice of them makes a look-up slow.
 */
export class RepeatedTexts {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #decode: (start: number, stop: number) => string;
  /** Slots less one: as many as fit the bytes, for a small request must not pay for a large table. */
  readonly #mask: number;
  /** Of each slot, where its bytes start, how many they are, and the slot that was used after it the last time. */
  readonly #slots: Uint32Array;
  /** By slot; a hole stands for the text of no bytes. */
  readonly #texts: string[] = [];
  /** Spans of a kind have the same keys in the same order, so the next slot is worth a guess. */
  #last = 0;

  constructor(bytes: Uint8Array, view: DataView, decode: (start: number, stop: number) => string) {
    this.#bytes = bytes;
    this.#view = view;
    this.#decode = decode;
    let slots = slotsMin;
    while (slots < slotsMax && slots * bytesPerSlot < bytes.length) slots *= 2;
    this.#mask = slots - 1;
    this.#slots = new Uint32Array(slots * SLOT_WIDTH);
  }

  /** The text from `start` up to, but not including, `stop`. */
  at(start: number, stop: number): string {
    const length = stop - start;
    if (length > repeatBytesMax) return this.#decode(start, stop);
    const slots = this.#slots;
    let slot = slots[this.#last * SLOT_WIDTH + NEXT] ?? 0;
    if (!this.#holds(slot, start, length)) {
      slot = this.#slotOf(start, length);
      if (!this.#holds(slot, start, length)) {
        this.#texts[slot] = this.#decode(start, stop);
        slots[slot * SLOT_WIDTH + START] = start;
        slots[slot * SLOT_WIDTH + LENGTH] = length;
      }
      slots[this.#last * SLOT_WIDTH + NEXT] = slot;
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
    return (hash ^ (hash >>> 16)) & this.#mask;
  }

  #holds(slot: number, start: number, length: number): boolean {
    if (this.#slots[slot * SLOT_WIDTH + LENGTH] !== length) return false;
    const view = this.#view;
    const known = this.#slots[slot * SLOT_WIDTH + START] ?? 0;
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

/** Longer texts are seldom repeated. */
const repeatBytesMax = 48;

/** Powers of two. */
const slotsMin = 16;
const slotsMax = 512;
const bytesPerSlot = 128;

const SLOT_WIDTH = 3;
const START = 0;
const LENGTH = 1;
const NEXT = 2;

const hashFactor = 0x9e3779b1;
