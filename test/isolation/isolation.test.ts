import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { canary, canaryId, hexTraceId } from "./examples.ts";
import { nameOf, openWorld, owner, strangers } from "./world.ts";
import type { Answer, Route, World } from "./world.ts";

let world: World;
/** What the owner is shown by every route that reads, before anybody else has come. */
let before: ReadonlyMap<string, Answer>;

beforeAll(async () => {
  world = await openWorld();
  before = await shownTo(owner);
});

afterAll(() => world.close());

describe("the table of routes", () => {
  test("every route that writes or has parameters has an example, and every example a route", () => {
    const needed = world.routes.filter((route) => !isRead(route) || route.path.includes(":"));
    const without = needed.map(nameOf).filter((name) => !(name in world.examples));
    expect(without).toEqual([]);
    const names = new Set(world.routes.map(nameOf));
    expect(Object.keys(world.examples).filter((name) => !names.has(name))).toEqual([]);
  });

  test("every example names every parameter of its path", () => {
    const unnamed = world.routes.filter((route) => {
      const params = world.examples[nameOf(route)]?.params ?? {};
      return [...route.path.matchAll(/:(\w+)/g)].some(([, name = ""]) => !params[name]);
    });
    expect(unnamed.map(nameOf)).toEqual([]);
  });

  test("the owner finds its own by every route that reads, so that the tests below look for what is there", () => {
    const blind = [...before].filter(([name, { status, text }]) => {
      return !world.examples[name]?.isOpen && !(status === 200 && anythingOfIt.test(text));
    });
    expect(blind.map(([name, { status }]) => `${name}: ${status}`)).toEqual([]);
  });
});

describe.each(strangers)("$name", ({ authorization, isRefused }) => {
  test("reads nothing of the project: no text and no id of it is in any byte of an answer", async () => {
    const shown = await shownTo(authorization);
    expect(shown.size).toBe(before.size);
    const wrong = [...shown].flatMap(([name, answer]) => {
      const { isOpen, isEcho } = world.examples[name] ?? {};
      return [
        ...leaks(name, answer, isEcho ? textsOfIt : anythingOfIt),
        ...unexpected(name, answer, isRefused && !isOpen ? refusals : answered),
      ];
    });
    expect(wrong).toEqual([]);
  });
});

// After all reads, because the ids that these send are another project's own from then on.
describe.each(strangers)("$name", ({ authorization, isRefused }) => {
  test("may write nothing of the project, and is told nothing of it", async () => {
    const isPublicKey = authorization?.startsWith("Bearer") === true;
    const wrong: string[] = [];
    for (const route of world.routes.filter((one) => !isRead(one)).toSorted(deletesFirst)) {
      const name = nameOf(route);
      if (isPublicKey && world.examples[name]?.takesPublicKey) continue;
      const answer = await world.send(route, authorization);
      wrong.push(...leaks(name, answer, textsOfIt));
      wrong.push(...unexpected(name, answer, isRefused ? refusals : answered));
    }
    expect(wrong).toEqual([]);
  });
});

describe("after all of this", () => {
  beforeAll(() => world.settled());

  test("the project is as it was", async () => {
    const after = await shownTo(owner);
    for (const [name, { status, text }] of before) {
      expect([name, after.get(name)?.status]).toEqual([name, status]);
      if (world.examples[name]?.isOpen) continue;
      expect([name, contentOf(after.get(name)?.text)]).toEqual([name, contentOf(text)]);
    }
  });

  test("what another project wrote under the same ids shows it its own, and no text of the first", async () => {
    const shown = await shownTo(strangers[4].authorization);
    expect([...shown].flatMap(([name, answer]) => leaks(name, answer, textsOfIt))).toEqual([]);
    expect([...shown.values()].some(({ text }) => text.includes("intruder"))).toBe(true);
  });
});

function isRead({ method }: Route): boolean {
  return method === "GET";
}

/** So that what is written is still there to be looked at. */
function deletesFirst(a: Route, b: Route): number {
  return Number(b.method === "DELETE") - Number(a.method === "DELETE");
}

const refusals = [401, 403];
/** No failure, nor 400: a request that is not understood proves nothing. */
const answered = [200, 201, 202, 207, 404];
const textsOfIt = new RegExp(canary);
const anythingOfIt = new RegExp([canary, canaryId, hexTraceId].join("|"));

/** What an answer says that it must not, with a little of what stands around it. */
function leaks(name: string, { text }: Answer, secret: RegExp): string[] {
  const at = text.search(secret);
  return at < 0 ? [] : [`${name} shows: ${text.slice(Math.max(0, at - 80), at + 80)}`];
}

function unexpected(name: string, { status }: Answer, statuses: readonly number[]): string[] {
  return statuses.includes(status) ? [] : [`${name}: ${status}`];
}

/** What every route that reads answers to a key, by the route's name. */
async function shownTo(authorization: string | null): Promise<Map<string, Answer>> {
  const answers = world.routes.filter(isRead).map(async (route): Promise<[string, Answer]> => {
    return [nameOf(route), await world.send(route, authorization)];
  });
  return new Map(await Promise.all(answers));
}

/** The body, which is JSON, with its lists of texts in order: those of ids have none. */
function contentOf(answer: string | undefined): unknown {
  const body = answer?.slice(answer.indexOf("\n\n")) ?? "";
  return JSON.parse(body, (_, value: unknown) => {
    const isTexts = Array.isArray(value) && value.every((item) => typeof item === "string");
    return isTexts ? value.toSorted() : value;
  });
}
