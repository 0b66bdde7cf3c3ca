import type { Issued } from "./events.ts";

/** How the server answered for one event of one attempt to send it. */
export type Answer =
  /** A 2xx that names it: from here on it must be readable. */
  | "acked"
  /** A 4xx that names it: it must never be readable. */
  | "rejected"
  /** A 503: sending it again is safe, and it may have been stored all the same. */
  | "refused"
  /** No answer: it may or may not have been stored. */
  | "unknown";

export interface Tally {
  readonly sent: number;
  readonly acked: number;
  /** Never acked, and last answered with a 4xx or 503. */
  readonly refused: number;
  readonly unknown: number;
}

interface Page {
  readonly issued: Issued;
  acked: boolean;
  /** Every attempt so far was rejected. */
  onlyRejected: boolean;
  last: Answer;
}

/**
 * What was sent and how it was answered. It lives in the process of the test, which no fault touches.
 */
export class Book {
  readonly #pages = new Map<string, Page>();
  readonly #ackMs: number[] = [];
  readonly #ackedAt: number[] = [];
  readonly #failedAt: number[] = [];

  /** To be called before the first attempt to send it. */
  issue(issued: Issued): void {
    const key = issued.event.id;
    if (this.#pages.has(key)) throw new Error(`The event ${key} was issued before.`);
    this.#pages.set(key, { issued, acked: false, onlyRejected: true, last: "unknown" });
  }

  answer(events: Iterable<Issued>, answer: Answer): void {
    for (const { event } of events) {
      const page = this.#pages.get(event.id);
      if (!page) throw new Error(`The event ${event.id} was answered but never issued.`);
      page.last = answer;
      if (answer === "acked") page.acked = true;
      if (answer !== "rejected") page.onlyRejected = false;
    }
  }

  /** Notes when a request was answered, or failed, and how long that took. */
  request(ok: boolean, startedAt: number): void {
    const now = performance.now();
    if (ok) {
      this.#ackMs.push(now - startedAt);
      this.#ackedAt.push(now);
    } else {
      this.#failedAt.push(now);
    }
  }

  get pages(): readonly Readonly<Page>[] {
    return [...this.#pages.values()];
  }

  tally(): Tally {
    const tally = { sent: this.#pages.size, acked: 0, refused: 0, unknown: 0 };
    for (const { acked, last } of this.#pages.values()) {
      if (acked) tally.acked += 1;
      else if (last === "unknown") tally.unknown += 1;
      else tally.refused += 1;
    }
    return tally;
  }

  get acked(): number {
    return this.tally().acked;
  }

  ackMsP99(): number | null {
    return percentile(this.#ackMs, 0.99);
  }

  /** Milliseconds from a moment of `performance.now()` to the first request after it that failed. */
  failedAfter(moment: number): number | null {
    return delayAfter(this.#failedAt, moment);
  }

  /** Milliseconds from a moment of `performance.now()` to the first request after it that was acknowledged. */
  ackedAfter(moment: number): number | null {
    return delayAfter(this.#ackedAt, moment);
  }
}

/** The value below which a share of the values lies; null of none. */
export function percentile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? null;
}

function delayAfter(moments: readonly number[], moment: number): number | null {
  const next = moments.find((at) => at >= moment);
  return next === undefined ? null : next - moment;
}
