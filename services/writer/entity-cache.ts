import { physicalKeyOf } from "../../schemas/entity-row.ts";
import type { PhysicalKey } from "../../schemas/entity-row.ts";
import type { Entity } from "../../schemas/merge.ts";

/** An entity as it is stored, with the version of its row; null where it is known that there is no row. */
export type Stored = {
  readonly entity: Entity;
  readonly ver: bigint;
  /** Further places where it lies: left without a tombstone because a kill came in between, or written by another. */
  readonly strays: readonly Place[];
} | null;

/** Where a row lies, and what it takes to tell which partition writes there. */
export interface Place extends PhysicalKey {
  readonly sessionId: string;
}

export function placeOf(entity: Entity): Place {
  const sessionId = entity.kind === "score" ? entity.columns["session_id"] : "";
  return {
    ...physicalKeyOf(entity),
    sessionId: typeof sessionId === "string" ? sessionId : "",
  };
}

/** Rows this writer has written or read, whose insert was acknowledged: the newest used ones within a bound of bytes. */
export interface EntityCache {
  /** Undefined when not cached. */
  get(key: string): Stored | undefined;
  set(key: string, stored: Stored): void;
  /** Nothing is known of it from here on. */
  drop(key: string): void;
  readonly bytes: number;
}

/** What an entry costs beside its texts: the map's slot, the objects, the clocks. A rough figure, on the safe side. */
const entryBytes = 1000;

export function entityCache(bytesMax: number): EntityCache {
  // A Map keeps insertion order: the first key is the one not used for longest.
  const entries = new Map<string, { stored: Stored; bytes: number }>();
  let bytes = 0;

  function drop(key: string): void {
    const entry = entries.get(key);
    if (!entry) return;
    entries.delete(key);
    bytes -= entry.bytes;
  }

  return {
    get(key) {
      const entry = entries.get(key);
      if (!entry) return undefined;
      entries.delete(key);
      entries.set(key, entry);
      return entry.stored;
    },
    set(key, stored) {
      drop(key);
      const entry = { stored, bytes: sizeOf(key, stored) };
      entries.set(key, entry);
      bytes += entry.bytes;
      for (const oldest of entries.keys()) {
        if (bytes <= bytesMax) break;
        drop(oldest);
      }
    },
    drop,
    get bytes() {
      return bytes;
    },
  };
}

/** Texts count two bytes a unit, which is what they cost at worst. */
function sizeOf(key: string, stored: Stored): number {
  let units = key.length;
  if (stored) {
    for (const value of Object.values(stored.entity.columns))
      units += typeof value === "string" ? value.length : 32;
    for (const [name, value] of Object.entries(stored.entity.metadata))
      units += name.length + value.length;
  }
  return entryBytes + 2 * units;
}
