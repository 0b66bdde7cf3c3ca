import { setImmediate as nextTurn } from "node:timers/promises";

/** Longer work in one go would be felt by requests that wait for the event loop. */
const workMsMax = 3;
/** But a writer that is far behind must get on: requests then wait longer, and fewer come. */
const workMsMaxBehind = 30;
/** A turn of the event loop that takes longer has had other work to do. */
const idleTurnMs = 0.5;
/** How long a writer that keeps up stands back for a busy event loop. */
const patienceMs = 60;
/** A writer that is this many records behind stands back no more, or a steady load would leave it behind for good. */
const patienceRecords = 20_000;

/** To be awaited after each step of a loop. */
export type Turn = () => Promise<void> | undefined;

/**
 * For loops over many records, in a process that has requests to answer meanwhile.
 * It costs next to nothing until a few milliseconds have been worked. Then it gives way: for one turn of the event
 * loop, and while the writer is not far behind, for as long as requests keep the loop busy, within bounds. So a burst
 * is taken in first and stored after; the log holds it meanwhile. Loops that run side by side share their turns, or
 * two of them would take twice as much.
 */
export function turnTaker(): (recordsBehind: number) => Turn {
  let since = performance.now();
  let givingWay: Promise<void> | null = null;

  async function giveWay(standBackMs: number): Promise<void> {
    const until = performance.now() + standBackMs;
    let turnedAt: number;
    do {
      turnedAt = performance.now();
      await nextTurn();
      since = performance.now();
    } while (since - turnedAt > idleTurnMs && since < until);
    givingWay = null;
  }
  return (recordsBehind) => {
    const isBehind = recordsBehind >= patienceRecords;
    const standBackMs = isBehind ? 0 : patienceMs;
    const workMs = isBehind ? workMsMaxBehind : workMsMax;
    since = performance.now();
    return () =>
      givingWay ??
      (performance.now() - since < workMs ? undefined : (givingWay = giveWay(standBackMs)));
  };
}
