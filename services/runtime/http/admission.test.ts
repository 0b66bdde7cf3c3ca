import { setImmediate as nextTurn } from "node:timers/promises";

import { describe, expect, it } from "vitest";

import { createAdmission } from "./admission.ts";
import { eventually } from "./testing.ts";

describe("by bytes in hand", () => {
  it("admits up to the limit, refuses beyond it with 503, and admits again when one has left", () => {
    const admission = createAdmission({ bytesInFlightMax: 100, lagMsMax: Infinity });
    const leave = admission.enter(60);
    admission.enter(40);
    expect(() => admission.enter(1)).toThrow(expect.objectContaining({ status: 503 }));
    leave();
    admission.enter(60);
    expect(() => admission.enter(1)).toThrow(expect.objectContaining({ status: 503 }));
  });

  it("admits one request that is over the limit by itself when there is no other", () => {
    const admission = createAdmission({ bytesInFlightMax: 100, lagMsMax: Infinity });
    admission.enter(101)();
    admission.enter(101);
    expect(() => admission.enter(0)).toThrow(expect.objectContaining({ status: 503 }));
  });
});

describe("by event loop lag", () => {
  it("refuses with 503 while the loop is always late, and admits again when it has recovered", async () => {
    const admission = createAdmission({ bytesInFlightMax: 100, lagMsMax: 100 });
    for (let turn = 0; turn < 6; turn++) await blockFor(300);
    expect(() => admission.enter(1)).toThrow(expect.objectContaining({ status: 503 }));
    await eventually(() => isAdmitted(() => admission.enter(1)));
  });

  it("does not mind a single long turn", async () => {
    // The machine may add long turns of its own, but not every time.
    let refused = Infinity;
    for (let attempt = 0; attempt < 5 && refused > 0; attempt++) refused = await refusals();
    expect(refused).toBe(0);
  });
});

/** How often a request is refused in the second after a single long turn. */
async function refusals(): Promise<number> {
  const admission = createAdmission({ bytesInFlightMax: 100, lagMsMax: 100 });
  await blockFor(300);
  const endsAt = performance.now() + 1_200;
  let refused = 0;
  await eventually(() => {
    if (!isAdmitted(() => admission.enter(0))) refused += 1;
    return performance.now() > endsAt;
  });
  return refused;
}

async function blockFor(ms: number): Promise<void> {
  const endsAt = performance.now() + ms;
  while (performance.now() < endsAt);
  await nextTurn();
}

function isAdmitted(enter: () => () => void): boolean {
  try {
    enter()();
    return true;
  } catch {
    return false;
  }
}
