import { describe, expect, test } from "vitest";

import { observationRowOf, readerOf, spanOf, startMs } from "../testing.ts";
import type { PlainMap, SpanParts } from "../testing.ts";
import { completionStartOf, levelOf, statusMessageOf } from "./status.ts";
import { timesOf } from "./times.ts";

function level(value: PlainMap[string], parts: SpanParts = {}): string | null {
  return levelOf(readerOf({ ...parts, attributes: { "langfuse.observation.level": value } }));
}

describe("otlp.md §2.4, level and status message", () => {
  test.each([
    ["DEBUG", ["DEBUG", "trace", " Verbose "]],
    ["DEFAULT", ["default", "INFO", "log", "notice", "ok", "SUCCESS"]],
    ["WARNING", ["warning", "WARN"]],
    ["ERROR", ["error", "FATAL", "critical"]],
    [null, ["loud", "constructor", "", 7]],
  ])("%s has the aliases %j", (expected, aliases) => {
    for (const alias of aliases) expect(level(alias)).toBe(expected);
  });

  test("an unknown level leaves it to the span's status, which is an error or says nothing", () => {
    expect(level("loud", { statusCode: 2 })).toBe("ERROR");
    expect(level("INFO", { statusCode: 2 })).toBe("DEFAULT");
    expect(level("loud", { statusCode: 1 })).toBeNull();
    expect(observationRowOf({ statusCode: 1 }).level).toBe("DEFAULT");
  });

  test("LiveKit's noise is DEBUG, unless it failed", () => {
    const noise = { scope: "livekit-agents", name: "tts_node" };
    expect(levelOf(readerOf(noise))).toBe("DEBUG");
    expect(levelOf(readerOf({ ...noise, statusCode: 2 }))).toBe("ERROR");
    expect(levelOf(readerOf({ ...noise, scope: "other" }))).toBeNull();
  });

  test("an exception makes an error with its message, unless the span says that it ended well", () => {
    const failed = {
      events: [
        { name: "exception", attributes: { "exception.message": "first" } },
        {
          name: "exception",
          attributes: { "exception.type": "ValueError", "exception.message": "bad" },
        },
      ],
    };
    expect(observationRowOf(failed)).toMatchObject({
      level: "ERROR",
      status_message: "ValueError: bad",
    });
    expect(levelOf(readerOf({ ...failed, statusCode: 1 }))).toBeNull();
    expect(statusMessageOf(readerOf({ ...failed, statusMessage: "status" }))).toBe("status");
    const stated = { "langfuse.observation.status_message": "stated" };
    expect(
      statusMessageOf(readerOf({ ...failed, statusMessage: "status", attributes: stated })),
    ).toBe("stated");
  });
});

describe("otlp.md §2.4, completion start", () => {
  const later = new Date(startMs + 250).toISOString();

  test.each<[string, PlainMap, number | null]>([
    ["a date", { "langfuse.observation.completion_start_time": later }, 250],
    ["a quoted date", { "langfuse.observation.completion_start_time": JSON.stringify(later) }, 250],
    ["no date", { "langfuse.observation.completion_start_time": "soon" }, null],
    ["milliseconds, rounded up", { "ai.response.msToFirstChunk": 12.2 }, 13],
    ["milliseconds of older versions", { "ai.stream.msToFirstChunk": "12" }, 12],
    ["seconds", { "gen_ai.response.time_to_first_chunk": 1.1 }, 1100],
    ["seconds of OpenLIT", { "gen_ai.server.ttft": 0.25 }, 250],
    ["seconds of LiveKit", { "lk.response.ttft": 0.25 }, 250],
    ["a date of Mastra", { "mastra.completion_start_time": later }, 250],
    ["a negative time", { "ai.response.msToFirstChunk": -1 }, null],
  ])("it is read from %s", (_, attributes, offset) => {
    const at = completionStartOf(readerOf({ attributes }), startMs);
    expect(at).toBe(offset === null ? null : startMs + offset);
  });
});

describe("otlp.md §2.2, times", () => {
  const receivedAt = startMs + 5000;
  const at = (startNanos: string, endNanos: string) => {
    const times = timesOf(spanOf({ startNanos, endNanos }), receivedAt);
    return [times.startMs, times.endMs, times.isTimed];
  };

  test("what is below the millisecond is cut off and remembered", () => {
    expect(timesOf(spanOf({ startNanos: "1999999", endNanos: "2000001" }), 0)).toEqual({
      startMs: 1,
      endMs: 2,
      isTimed: true,
      startRest: "999999",
      endRest: "000001",
    });
  });

  test("one time stands for both, and a span without any began when it was received", () => {
    expect(at("5000000", "0")).toEqual([5, 5, true]);
    expect(at("0", "5000000")).toEqual([5, 5, true]);
    expect(at("0", "0")).toEqual([receivedAt, null, false]);
  });

  test("an end before the start is the start; negative and unreadable times are none", () => {
    expect(at("5000000", "4000000")).toEqual([5, 5, true]);
    expect(at("10000000", "9000000")).toEqual([10, 10, true]);
    expect(at("9000000", "10000000")).toEqual([9, 10, true]);
    // Minus one as an unsigned integer.
    expect(at("18446744073709551615", "5000000")).toEqual([5, 5, true]);
    expect(at("9223372036854775808", "5000000")).toEqual([5, 5, true]);
    expect(at("-5", "soon")).toEqual([receivedAt, null, false]);
    expect(at("9223372036854775807", "9223372036854775807")[0]).toBe(9223372036854);
  });

  test("an event is a moment without end", () => {
    const attributes = { "langfuse.observation.type": "event" };
    expect(observationRowOf({ attributes }).end_time).toBeUndefined();
    expect(observationRowOf({}).end_time).toBe(startMs + 1000);
  });
});
