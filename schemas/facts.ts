import type { Rank, Step } from "./clock.ts";

export type Kind = "trace" | "observation" | "score";

/** A value as its column holds it: empty text for none, times as epoch milliseconds, decimals as text. */
export type ColumnValue =
  | string
  | number
  | boolean
  | null
  | readonly string[]
  | Readonly<Record<string, number>>
  | Readonly<Record<string, string>>;

/** A partial statement about one trace, observation or score, made by one record of the log. */
export interface Fact {
  readonly kind: Kind;
  readonly project: string;
  readonly id: string;
  /** Epoch milliseconds. A delete kills what was received until then. */
  readonly receivedAt: number;
  /** Event time in epoch milliseconds, no later than five minutes after the receipt. */
  readonly time: number;
  readonly step: Step;
  /** The envelope id, or what stands for it. */
  readonly event: string;
  /** The columns it states, by name. An empty value clears; a column left out says nothing. */
  readonly columns: Readonly<Record<string, ColumnValue>>;
  /** For columns that the client did not state itself, `metadata` for all of it; any other is explicit. */
  readonly ranks: Readonly<Record<string, Rank>>;
  /** First-level metadata, values as stored. */
  readonly metadata: Readonly<Record<string, string>> | null;
}

/** Kills everything of one entity that was received until then, and nothing later. */
export interface Deletion {
  readonly kind: Kind;
  readonly project: string;
  readonly id: string;
  readonly deletedAt: number;
}
