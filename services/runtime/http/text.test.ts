import fc from "fast-check";
import { expect, it } from "vitest";

import { textOf } from "./text.ts";

it("text that was encoded as UTF-8 comes back as it was", () => {
  fc.assert(
    fc.property(fc.string({ unit: "grapheme" }), (text) => {
      fc.pre(!text.startsWith("\ufeff"));
      expect(textOf(Buffer.from(text))).toBe(text);
    }),
  );
});

it("the byte order mark is left out, and only at the start", () => {
  expect(textOf(Buffer.from("\ufeffa\ufeff"))).toBe("a\ufeff");
});

it.each([
  ["a lone continuation byte", [0x61, 0x80]],
  ["a character that is cut off", [0xe2, 0x82]],
  ["an encoded surrogate", [0xed, 0xa0, 0x80]],
  ["Latin-1", [0xe9, 0x20]],
  ["UTF-16 with its mark", [0xff, 0xfe, 0x7b, 0x00]],
])("bytes that are not UTF-8 are a 400: %s", (_what, bytes) => {
  expect(() => textOf(Buffer.from(bytes))).toThrow(expect.objectContaining({ status: 400 }));
});
