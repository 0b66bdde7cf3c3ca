import { wholeNumber } from "../read-settings.ts";

/**
 * What one answer may carry of inputs, outputs and metadata (read-api §3.2). Above it the rows come back without
 * them, so that no answer can exhaust this process.
 */
const payloadBytesMax = 80_000_000;

/** What a row weighs for all its other fields: bounds the number of rows in an answer that has no natural page. */
const rowBytes = 1_024;

/** Columns of a payload, and the weight of all rows of the read. */
export interface PayloadWeight {
  /** Quoted, as all 64-bit numbers. */
  readonly read_bytes: string;
}

/**
 * The payload columns of the table aliased `t`, and `read_bytes` with them: the sum over the whole read. In one
 * statement, because asking for the sizes first would read every payload twice.
 */
export const payloadColumns = `
    sum(length(t.input) + length(t.output) + ${rowBytes}
      + arraySum(text -> length(text), mapKeys(t.metadata)) + arraySum(text -> length(text), mapValues(t.metadata))
    ) OVER () AS read_bytes,
    if(read_bytes > ${payloadBytesMax}, '', t.input) AS input,
    if(read_bytes > ${payloadBytesMax}, '', t.output) AS output,
    if(read_bytes > ${payloadBytesMax}, map(), t.metadata) AS metadata`;

/** The same columns for a read that asks for no payload. */
export const noPayloadColumns = `
    sum(${rowBytes}) OVER () AS read_bytes,
    '' AS input,
    '' AS output,
    CAST(map(), 'Map(String, String)') AS metadata`;

/** The same columns for a read of metadata alone, each value whole or cut to its first characters. */
export function metadataColumns(charactersMax: number | null): string {
  const shown =
    charactersMax === null
      ? "t.metadata"
      : `mapApply((key, text) -> (key, substringUTF8(text, 1, ${wholeNumber(charactersMax)})), t.metadata)`;
  return `
    sum(${rowBytes}
      + arraySum(text -> length(text), mapKeys(t.metadata)) + arraySum(text -> length(text), mapValues(${shown}))
    ) OVER () AS read_bytes,
    '' AS input,
    '' AS output,
    if(read_bytes > ${payloadBytesMax}, map(), ${shown}) AS metadata`;
}

/** Whether the payloads were left out because they are too much for one answer. */
export function isTooLarge(rows: readonly PayloadWeight[]): boolean {
  return Number(rows[0]?.read_bytes ?? 0) > payloadBytesMax;
}
