import { rm } from "node:fs/promises";

import { syncDirectory } from "./durable-files.ts";
import type { Segment } from "./segment.ts";

export type RetentionPolicy =
  /** Nothing is ever deleted. */
  | "forever"
  /** Consumed segments are kept up to this size in all, and this long after they were consumed. */
  | { readonly keepBytes: number; readonly keepMs: number };

/** Deletes segments that were consumed, oldest first, never the last one. */
export class Retention {
  readonly #dir: string;
  readonly #policy: RetentionPolicy;
  readonly #segments: Segment[];
  /** By base offset: when the segment was first seen consumed, as `performance.now()` counts. */
  readonly #consumedAt = new Map<number, number>();

  constructor(dir: string, policy: RetentionPolicy, segments: Segment[]) {
    this.#dir = dir;
    this.#policy = policy;
    this.#segments = segments;
  }

  /**
   * Applies the policy, where everything before the offset that `consumed` gives is consumed. It is asked before
   * every deletion, because a consumer may start from the oldest segment meanwhile.
   */
  async apply(consumed: () => number): Promise<void> {
    if (this.#policy === "forever") return;
    const { keepBytes, keepMs } = this.#policy;
    const done = this.#segments.slice(0, -1).filter(({ end }) => end <= consumed());
    const now = performance.now();
    for (const { base } of done) {
      if (!this.#consumedAt.has(base)) this.#consumedAt.set(base, now);
    }
    let kept = sumBytes(done);
    for (const segment of done) {
      const age = now - (this.#consumedAt.get(segment.base) ?? now);
      if (kept <= keepBytes && age <= keepMs) break;
      if (segment.end > consumed()) break;
      await this.#delete(segment);
      kept -= segment.bytes;
    }
  }

  async #delete(oldest: Segment): Promise<void> {
    // It leaves the list first, so that a consumer which starts meanwhile does not start in it.
    this.#segments.shift();
    try {
      await rm(oldest.path, { force: true });
    } catch (error) {
      this.#segments.unshift(oldest);
      throw error;
    }
    this.#consumedAt.delete(oldest.base);
    // One by one: a power cut must not bring an older segment back without the one behind it.
    await syncDirectory(this.#dir);
  }
}

export function sumBytes(segments: readonly Segment[]): number {
  return segments.reduce((sum, segment) => sum + segment.bytes, 0);
}

/** About how many bytes lie from an offset on; a segment's entries count as equally large. */
export function bytesFrom(segments: readonly Segment[], offset: number): number {
  let bytes = 0;
  for (let index = segments.length - 1; index >= 0; index -= 1) {
    const segment = segments[index];
    if (segment === undefined || segment.end <= offset) break;
    const share = (segment.end - offset) / (segment.end - segment.base);
    bytes += segment.bytes * Math.min(1, share);
  }
  return bytes;
}
