import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { createLogger } from "./logger.ts";
import type { Logger, LoggerOptions } from "./logger.ts";

describe("a JSON logger", () => {
  it("writes one object a line with time, level, message and fields", () => {
    const { logger, lines } = recording();
    logger.info("listening", { port: 3000, nested: { ok: true, list: [1, "a"] } });
    expect(JSON.parse(lines[0] ?? "")).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      level: "info",
      message: "listening",
      port: 3000,
      nested: { ok: true, list: [1, "a"] },
    });
  });

  it("writes its level and what is more severe, nothing below", () => {
    const { logger, lines } = recording({ level: "warn" });
    for (const level of ["debug", "info", "warn", "error"] as const) logger[level](level);
    expect(lines.map((line) => JSON.parse(line).message)).toEqual(["warn", "error"]);
  });

  it("gives a child's fields to every line of the child and to no other", () => {
    const { logger, lines } = recording();
    const child = logger.child({ part: "writer" }).child({ partition: 0 });
    child.info("done", { partition: 1 });
    logger.info("done");
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ part: "writer", partition: 1 });
    expect(JSON.parse(lines[1] ?? "")).not.toHaveProperty("part");
  });

  it("does not let a field take the place of time, level or message", () => {
    const { logger, lines } = recording();
    logger.error("real", { message: "fake", level: "debug", time: "never" });
    expect(JSON.parse(lines[0] ?? "")).toMatchObject({ level: "error", message: "real" });
  });

  it("writes an error with its stack, its fields and its cause, but not what is hidden in it", () => {
    const { logger, lines } = recording();
    const error = Object.assign(new Error("outer", { cause: new RangeError("inner") }), {
      code: 7,
    });
    Object.defineProperty(error, "detail", { value: "a customer's row", enumerable: false });
    logger.error("failed", { error });
    expect(JSON.parse(lines[0] ?? "").error).toMatchObject({
      name: "Error",
      message: "outer",
      code: 7,
      stack: expect.stringContaining("logger.test.ts"),
      cause: { name: "RangeError", message: "inner" },
    });
    expect(lines[0]).not.toContain("customer");
  });
});

describe.each(["json", "human"] as const)("a logger in %s", (format) => {
  it("keeps one line for one message, whatever text a client sends", () => {
    const text = fc.string({ unit: "binary", maxLength: 200 });
    fc.assert(
      fc.property(text, text, text, (message, name, value) => {
        const { logger, lines } = recording({ format });
        logger.info(message, { [name]: value });
        expect(lines).toHaveLength(1);
        expect(lines[0]).toMatch(/^[^\p{Cc}\u2028\u2029]*\n$/u);
      }),
    );
    const { logger, lines } = recording({ format });
    logger.info("a\nb\u2028c", { "k\u001b[31m": "v\r\u009b31m" });
    expect(lines[0]).toMatch(/^[^\p{Cc}\u2028\u2029]*\n$/u);
  });

  it("never throws, whatever the fields hold", () => {
    const cycle: Record<string, unknown> = {};
    cycle["self"] = cycle;
    const hostile = {
      cycle,
      big: 2n ** 80n,
      symbol: Symbol("s"),
      call: () => 1,
      date: new Date(Number.NaN),
      bytes: Buffer.from("secret payload"),
      bare: Object.create(null) as object,
      lone: "\ud800",
      get throws(): never {
        throw new Error("no");
      },
      toJSON(): never {
        throw new Error("no");
      },
      proxy: new Proxy({}, { get: () => fail(), ownKeys: () => fail() }),
    };
    const { logger, lines } = recording({ format });
    logger.info("hostile", hostile);
    expect(lines).toHaveLength(1);
    expect(lines[0]).not.toContain("payload");
    fc.assert(
      fc.property(fc.object({ withBigInt: true, withNullPrototype: true }), (fields) => {
        expect(() => logger.warn("any", fields)).not.toThrow();
      }),
    );
  });

  it("does not throw when the line cannot be written", () => {
    const broken = createLogger({ level: "info", format, write: fail });
    expect(() => broken.info("into a closed pipe")).not.toThrow();
  });

  it("bounds a line: long text, wide and deep values are cut", () => {
    const { logger, lines } = recording({ format });
    let deep: unknown = "bottom";
    for (let level = 0; level < 10_000; level += 1) deep = { deep };
    logger.info("x".repeat(1_000_000), { wide: Array(1_000_000).fill("w"), deep });
    expect(lines[0]?.length).toBeLessThan(10_000);
    expect(lines[0]).toContain("(1000000 characters)");
  });

  it.each([
    [{ authorization: "Basic cGs6c2VjcmV0" }, "cGs6c2VjcmV0"],
    [{ headers: { Authorization: ["Bearer pk-lf-1"] } }, "pk-lf-1"],
    [{ "set-cookie": "session=1" }, "session=1"],
    [{ init: { secretKey: "hunter2" } }, "hunter2"],
    [{ error: new Error("refused Basic cGs6c2VjcmV0") }, "cGs6c2VjcmV0"],
    [{ note: "sent sk-lf-0123-4567 by mistake" }, "0123"],
  ])("masks the credential in %j", (fields, secret) => {
    const { logger, lines } = recording({ format });
    logger.info(`with ${secret === "0123" ? "sk-lf-0123" : "Basic cGs6c2VjcmV0"}`, fields);
    expect(lines[0]).toContain("(hidden)");
    expect(lines[0]).not.toContain(secret);
    expect(lines[0]).not.toContain("cGs6c2VjcmV0");
  });
});

describe("a human logger", () => {
  it("writes time, level, message and name=value", () => {
    const { logger, lines } = recording({ format: "human" });
    logger.warn("log is filling up", { bytes: 12 });
    expect(lines[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} WARN {2}log is filling up bytes=12\n$/);
  });
});

function recording(options: Partial<LoggerOptions> = {}): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  const write = (line: string): void => void lines.push(line);
  return { logger: createLogger({ level: "debug", format: "json", write, ...options }), lines };
}

function fail(): never {
  throw new Error("refused");
}
