import { expect, test } from "vitest";

import { exportResponse, rpcStatus } from "./response.ts";

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

test("Full success has no bytes at all (otlp.md §1.8).", () => {
  expect(exportResponse(0, "")).toHaveLength(0);
});

test("A partial success names the count and the reason, a warning the reason only.", () => {
  expect(hex(exportResponse(300, "é"))).toBe("0a0708ac021202c3a9");
  expect(hex(exportResponse(0, "no"))).toBe("0a0412026e6f");
});

test("A length beyond 127 takes two bytes, one for an inner and one for the outer message.", () => {
  const bytes = exportResponse(0, "x".repeat(200));
  expect(hex(bytes.subarray(0, 6))).toBe("0acb0112c801");
  expect(bytes).toHaveLength(3 + 3 + 200);
});

test("A status holds a code and a message, and no code when it is 0.", () => {
  expect(hex(rpcStatus(14, "no"))).toBe("080e12026e6f");
  expect(hex(rpcStatus(0, "no"))).toBe("12026e6f");
});
