/**
 * A place in the event log: for each partition that it names, an entry of one generation. What a client wrote lies at
 * or before it. As text it is opaque to clients: `g<generation>-<partition>:<offset>`, further partitions after a dot.
 */
export interface Position {
  readonly generation: number;
  /** By partition, the offset of the last entry: none of them is missing before the position is reached. */
  readonly offsets: ReadonlyMap<number, bigint>;
}

/** Of the text form; a position over 250 partitions fits. */
export const positionCharsMax = 4096;

/** The position of the last entries, partition by partition; null when there are none. */
export function positionAfter(
  generation: number,
  entries: readonly { readonly partition: number; readonly offset: bigint }[],
): Position | null {
  const offsets = new Map<number, bigint>();
  // Offsets of one append ascend within a partition.
  for (const { partition, offset } of entries) offsets.set(partition, offset);
  return offsets.size === 0 ? null : { generation, offsets };
}

/** Its one text, partitions ascending. Holds numbers alone, so it may stand in headers and log lines. */
export function formatPosition({ generation, offsets }: Position): string {
  const parts = [...offsets]
    .toSorted(([a], [b]) => a - b)
    .map(([partition, offset]) => `${partition}:${offset}`);
  return `g${generation}-${parts.join(".")}`;
}

/** Null for whatever {@link formatPosition} does not give. */
export function parsePosition(text: string): Position | null {
  if (text.length > positionCharsMax) return null;
  const match = form.exec(text);
  if (match === null) return null;
  const { generation = "", parts = "" } = match.groups ?? {};
  const offsets = new Map<number, bigint>();
  for (const part of parts.split(".")) {
    const [partition = "", offset = ""] = part.split(":");
    offsets.set(Number(partition), BigInt(offset));
  }
  const position = { generation: Number(generation), offsets };
  // The order of partitions, repeats and leading zeros: only what is written back the same was written by us.
  return formatPosition(position) === text ? position : null;
}

/** Generations are below 2¹⁶ and offsets below 2⁴⁸, because together they make the `ver` of a row. */
const form = /^g(?<generation>\d{1,5})-(?<parts>\d{1,6}:\d{1,15}(?:\.\d{1,6}:\d{1,15})*)$/;
