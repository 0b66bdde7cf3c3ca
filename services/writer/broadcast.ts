import type { EventLog } from "../runtime/event-log/port.ts";

/** Appends a record to every partition; resolves when all of them have it. */
export type Broadcast = (values: readonly Buffer[]) => Promise<void>;

/** Which key leads to which partition is the log's to decide, and learnt from where entries came to lie. */
export function broadcaster(events: Pick<EventLog, "append" | "ends">): Broadcast {
  const keyOf = new Map<number, string>();
  let tried = 0;

  return async (values) => {
    if (values.length === 0) return;
    const missing = new Set((await events.ends()).keys());
    let keys = [...missing].flatMap((partition) => keyOf.get(partition) ?? []);
    while (missing.size > 0) {
      if (keys.length === 0) {
        keys = Array.from({ length: missing.size }, () => `loose\r${tried++}`);
      }
      const entries = keys.flatMap((key) => values.map((value) => ({ key, value })));
      const positions = await events.append(entries);
      for (const [at, { partition }] of positions.entries()) {
        const key = entries[at]?.key;
        if (key !== undefined) keyOf.set(partition, key);
        missing.delete(partition);
      }
      keys = [];
    }
  };
}
