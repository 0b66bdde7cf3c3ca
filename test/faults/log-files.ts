import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";

import { decodeRecord } from "../../schemas/records.ts";
import {
  claimedFrameSize,
  decodeFrame,
  frameHeaderBytes,
  nextValueAt,
  valueAt,
} from "../../services/runtime/event-log/frame.ts";
import { segmentHeaderBytes } from "../../services/runtime/event-log/segment.ts";

export function eventLogDir(dataDir: string): string {
  return join(dataDir, "log", "events");
}

/** The segment files of the event log, oldest first. */
export async function segmentFiles(dataDir: string): Promise<string[]> {
  const dir = eventLogDir(dataDir);
  const names = (await readdir(dir)).filter((name) => name.endsWith(".log"));
  return names.toSorted().map((name) => join(dir, name));
}

/** How many records of the log repeat an event that an earlier one holds. */
export async function repeatsInLog(dataDir: string): Promise<number> {
  const seen = new Set<string>();
  let repeats = 0;
  for (const id of await eventIdsInLog(dataDir)) {
    if (seen.has(id)) repeats += 1;
    seen.add(id);
  }
  return repeats;
}

/** The envelope ids of the records in the log, in its order. */
export async function eventIdsInLog(dataDir: string): Promise<string[]> {
  const ids: string[] = [];
  for (const path of await segmentFiles(dataDir)) {
    const bytes = await readFile(path);
    for (const { at, size } of framesOf(bytes)) {
      const frame = decodeFrame(bytes.subarray(at, at + size), 0);
      if (!frame) continue;
      for (let next = 0; next < frame.values.length;) {
        const value = valueAt(frame.values, next);
        const { id } = JSON.parse(decodeRecord(value).body) as { readonly id?: string };
        if (id !== undefined) ids.push(id);
        next = nextValueAt(next, value);
      }
    }
  }
  return ids;
}

export interface FramePlace {
  readonly at: number;
  readonly size: number;
}

/** Where the frames of a segment lie, up to the first that is not whole. */
export function framesOf(segment: Buffer): FramePlace[] {
  const places: FramePlace[] = [];
  for (let at = segmentHeaderBytes; at + frameHeaderBytes <= segment.length;) {
    const size = claimedFrameSize(segment, at);
    if (at + size > segment.length || !decodeFrame(segment, at)) break;
    places.push({ at, size });
    at += size;
  }
  return places;
}
