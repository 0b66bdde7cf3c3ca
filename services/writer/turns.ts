import { setImmediate as nextTurn } from "node:timers/promises";

/** Longer work in one go would be felt by requests that wait for the event loop. */
const workMsMax = 3;

/**
 * For loops over many records, in a process that has requests to answer meanwhile: await the call after each step.
 * It gives way once a few milliseconds have been worked, and costs next to nothing before.
 */
export function turnTaker(): () => Promise<void> | undefined {
  let since = performance.now();
  async function giveWay(): Promise<void> {
    await nextTurn();
    since = performance.now();
  }
  return () => (performance.now() - since < workMsMax ? undefined : giveWay());
}
