import { describe, expect, it } from "vitest";
import { z } from "zod";

import { harden } from "./harden.ts";

harden();

describe("a hardened process", () => {
  it("has no __proto__ accessor, so a path through it reaches nothing", () => {
    expect(Reflect.get({}, "__proto__")).toBeUndefined();
    Object.assign({}, JSON.parse('{"__proto__":{"polluted":true}}'));
    expect(Reflect.get({}, "polluted")).toBeUndefined();
  });

  it.each([
    ["Object", Object.prototype],
    ["Array", Array.prototype],
    ["Function", Function.prototype],
  ])("refuses to add to, change or remove from the prototype of %s", (_name, prototype) => {
    expect(Reflect.set(prototype, "polluted", true)).toBe(false);
    expect(Reflect.get({}, "polluted")).toBeUndefined();
    expect(() => Object.assign(prototype, { toString: () => "polluted" })).toThrow(TypeError);
    expect(Reflect.deleteProperty(prototype, "toString")).toBe(false);
    expect(Object.isFrozen(prototype)).toBe(true);
  });

  it("still lets an ordinary object carry keys that the prototype has", () => {
    const names = Object.getOwnPropertyNames(Object.prototype);
    expect(names).toContain("constructor");
    for (const name of names) {
      const value: Record<string, unknown> = {};
      value[name] = 1;
      expect(Object.entries(value)).toEqual([[name, 1]]);
    }
  });

  it("still lets a function or a class replace what it inherits", () => {
    const named = Object.assign(() => 1, { toString: () => "named" });
    expect(String(named)).toBe("named");
    expect(new (class extends Array<number> {})(3)).toHaveLength(3);
  });

  it("lets zod copy a client's record with a key named constructor", () => {
    const record = z.record(z.string(), z.unknown());
    const hostile: unknown = JSON.parse('{"constructor":{"prototype":1},"toString":"x"}');
    expect(Object.keys(record.parse(hostile))).toEqual(["constructor", "toString"]);
  });

  it("can be hardened again without harm", () => {
    expect(harden).not.toThrow();
    expect(Object.keys({ toString: 1 })).toEqual(["toString"]);
  });
});
