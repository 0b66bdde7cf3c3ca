import type { SpanReader } from "./reader.ts";

/** Lists and maps that an SDK spread over attributes, `gen_ai.prompt.0.content` and the like. (otlp.md §2.6) */

/** How many list elements the attributes of one family may spell. */
export const slotsMax = 10_001;

/** How many parts a key may have below its prefix: what is built is walked recursively. */
const partsMax = 32;

interface Branch {
  readonly children: Map<string, Branch>;
  value: unknown;
}

/**
 * What the attributes below `prefix` spell; the attribute named `prefix` itself comes first and is used as it is.
 * Elements stand in the order of their numbers, without gaps: a far-off number makes no list longer. Null when there
 * is none. `isPart` tells which keys, without the prefix and its dot, belong to it.
 */
export function flattened(
  span: SpanReader,
  prefix: string,
  isPart: (rest: string) => boolean = () => true,
): unknown {
  const whole = span.attribute(prefix);
  if (whole !== null && whole !== undefined) return whole;
  const root: Branch = { children: new Map(), value: undefined };
  let slots = 0;
  for (const key of span.keys(`${prefix}.`)) {
    const rest = key.slice(prefix.length + 1);
    const parts = rest.split(".", partsMax + 1);
    if (!isPart(rest) || parts.length > partsMax) continue;
    const added = newSlots(root, parts);
    if (slots + added > slotsMax) continue;
    slots += added;
    plant(root, parts, span.attribute(key));
  }
  return root.children.size > 0 ? valueOf(root) : null;
}

function newSlots(root: Branch, parts: readonly string[]): number {
  let count = 0;
  let branch: Branch | undefined = root;
  for (const part of parts) {
    branch = branch?.children.get(part);
    if (!branch && isIndex(part)) count++;
  }
  return count;
}

function plant(root: Branch, parts: readonly string[], value: unknown): void {
  let branch = root;
  for (const part of parts) {
    let next = branch.children.get(part);
    if (!next) {
      next = { children: new Map(), value: undefined };
      branch.children.set(part, next);
    }
    branch = next;
  }
  branch.value = value;
}

function valueOf({ children, value }: Branch): unknown {
  if (children.size === 0) return value;
  const keys = [...children.keys()];
  if (keys.every(isIndex)) {
    return keys
      .toSorted((a, b) => Number(a) - Number(b))
      .map((key) => valueOf(children.get(key) ?? none));
  }
  // Without a prototype: `__proto__` is a key like any other.
  const map: Record<string, unknown> = Object.create(null);
  for (const [key, child] of children) map[key] = valueOf(child);
  return map;
}

const none: Branch = { children: new Map(), value: null };

function isIndex(part: string): boolean {
  return /^\d+$/.test(part);
}
