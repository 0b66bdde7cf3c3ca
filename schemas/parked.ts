/** Why a record of the log could not become a row. It is kept whole in `parked_records` under one of these codes. */
export type ParkReason =
  /** The bytes are not a record of a format this build knows. */
  | "undecodable"
  /** The body no longer passes its dialect's validation, or the mapping failed. */
  | "unmappable"
  /** The event names no entity: upstream answers it as accepted, so it is kept for inspection. */
  | "no-id"
  /** The score breaks the config that it names; the gateway accepted it without knowing. */
  | "score-config"
  /** ClickHouse can never take the row. */
  | "refused"
  /** ClickHouse kept failing on this record while others went through. */
  | "refused-repeatedly";

export interface ParkedRow {
  project_id: string;
  partition: number;
  /** generation * 2^48 + offset, a decimal integer. */
  ver: string;
  received_at: number;
  parked_at: number;
  reason: ParkReason;
  detail: string;
  /** The record's bytes, base64. */
  record: string;
  /** Epoch milliseconds; 0 while it waits. */
  redriven_at: number;
}
