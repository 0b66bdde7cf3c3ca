/**
 * Which ids may have a row: a Bloom filter, so that the first event of a new trace or observation costs no look-up.
 * "No" is certain; "maybe" is asked of ClickHouse. It covers nothing until it was filled with every stored id, and
 * nothing more once it would outgrow its bytes.
 */
export interface IdFilter {
  add(key: string): void;
  /** True when the key may have been added, or when the filter does not cover all ids. */
  mayHave(key: string): boolean;
  /** Declares that every stored id was added since it was empty. */
  complete(): void;
  /** Empties it: it covers nothing until it was filled anew. */
  reset(): void;
  readonly covers: boolean;
  readonly bytes: number;
}

/** Ten bits and seven probes for an id: under 1 % of the answers are a needless "maybe". */
const bitsPerId = 10;
const probes = 7;
const firstLayerIds = 100_000;

interface Layer {
  readonly words: Uint32Array;
  readonly bits: number;
  readonly idsMax: number;
  ids: number;
}

/** Grows in layers, each twice the size of the one before, up to `bytesMax` over all. */
export function idFilter(bytesMax: number): IdFilter {
  const layers: Layer[] = [];
  let bytes = 0;
  let filled = false;
  let overgrown = false;

  function room(): Layer | null {
    const last = layers.at(-1);
    if (last && last.ids < last.idsMax) return last;
    const idsMax = last ? last.idsMax * 2 : firstLayerIds;
    const words = Math.ceil((idsMax * bitsPerId) / 32);
    if (bytes + words * 4 > bytesMax) {
      overgrown = true;
      layers.length = 0;
      bytes = 0;
      return null;
    }
    bytes += words * 4;
    const layer: Layer = { words: new Uint32Array(words), bits: words * 32, idsMax, ids: 0 };
    layers.push(layer);
    return layer;
  }

  return {
    add(key) {
      const layer = overgrown ? null : room();
      if (!layer) return;
      const [first, second] = hashPair(key);
      for (let probe = 0; probe < probes; probe++) {
        const bit = probeBit(first, second, probe, layer.bits);
        layer.words[bit >>> 5] = (layer.words[bit >>> 5] ?? 0) | (1 << (bit & 31));
      }
      layer.ids++;
    },
    mayHave(key) {
      if (!filled || overgrown) return true;
      const [first, second] = hashPair(key);
      return layers.some((layer) => {
        for (let probe = 0; probe < probes; probe++) {
          const bit = probeBit(first, second, probe, layer.bits);
          if (((layer.words[bit >>> 5] ?? 0) & (1 << (bit & 31))) === 0) return false;
        }
        return true;
      });
    },
    complete() {
      filled = true;
    },
    reset() {
      layers.length = 0;
      bytes = 0;
      filled = false;
      overgrown = false;
    },
    get covers() {
      return filled && !overgrown;
    },
    get bytes() {
      return bytes;
    },
  };
}

function probeBit(first: number, second: number, probe: number, bits: number): number {
  return ((first + Math.imul(probe, second)) >>> 0) % bits;
}

/** Two independent 32-bit hashes of a text in one pass (multiply and xor, then a finalising mix). */
function hashPair(text: string): readonly [number, number] {
  let first = 0x811c9dc5;
  let second = 0x9e3779b9;
  for (let index = 0; index < text.length; index++) {
    const unit = text.charCodeAt(index);
    first = Math.imul(first ^ unit, 0x01000193);
    second = Math.imul(second ^ unit, 0x85ebca6b);
    second ^= second >>> 13;
  }
  return [mixed(first), mixed(second) | 1];
}

function mixed(hash: number): number {
  const once = Math.imul(hash ^ (hash >>> 16), 0x7feb352d);
  const twice = Math.imul(once ^ (once >>> 15), 0x846ca68b);
  return (twice ^ (twice >>> 16)) >>> 0;
}
