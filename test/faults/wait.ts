import { setTimeout as pause } from "node:timers/promises";

const waitMsMax = 120_000;
const pollMs = 20;

/** Resolves once this is true; rejects when it does not come true in two minutes. */
export async function untilTrue(isTrue: () => boolean): Promise<void> {
  const deadline = performance.now() + waitMsMax;
  while (!isTrue()) {
    if (performance.now() > deadline) {
      throw new Error(`It did not come true in ${waitMsMax} ms: ${isTrue.toString()}`);
    }
    await pause(pollMs);
  }
}
