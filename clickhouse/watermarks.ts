import type { Db } from "./engine.ts";

/**
 * Publishes, for readers in other processes, the offset of each partition before which everything is stored. One that
 * lies before what is published already changes nothing.
 */
export async function insertWatermarks(
  db: Db,
  generation: number,
  offsets: ReadonlyMap<number, bigint>,
): Promise<void> {
  const lines = Array.from(offsets, ([partition, next]) => {
    const ver = (BigInt(generation) << 48n) + next;
    return `${JSON.stringify({ partition, generation, next: String(next), ver: String(ver) })}\n`;
  });
  if (lines.length > 0) await db.insert("sluice.watermarks", Buffer.from(lines.join("")));
}

/** How far the partitions of a generation are stored, as far as it was published. */
export async function publishedWatermarks(
  db: Db,
  generation: number,
): Promise<ReadonlyMap<number, bigint>> {
  const rows = await db.query<{ partition: number; next: string }>(
    `SELECT partition, max(next) AS next FROM sluice.watermarks
     WHERE generation = {generation:UInt64} GROUP BY partition`,
    { generation },
  );
  return new Map(rows.map(({ partition, next }) => [partition, BigInt(next)]));
}
