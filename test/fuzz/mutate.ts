import type { Draw } from "./draw.ts";
import { escaped, hostileKey, hostileToken, nested } from "./tokens.ts";

/** JSON as it is written: keys and scalars are text, so that a key may stand twice and a number be of any length. */
type Node = ObjectNode | ArrayNode | string;

interface ObjectNode {
  readonly entries: Entry[];
}

interface Entry {
  key: string;
  value: Node;
}

interface ArrayNode {
  readonly items: Node[];
}

/** The JSON text of a value after one to three mutations; of an object, what is left is still an object. */
export function mutatedText(draw: Draw, value: object): string {
  const root = nodeOf(value);
  const times = draw.pick([1, 1, 1, 2, 3]);
  for (let n = 0; n < times; n += 1) mutateOnce(draw, root);
  return written(draw, root, draw.chance(0.1));
}

function mutateOnce(draw: Draw, root: Node): void {
  const place = drawPlace(draw, root);
  if (place === null) return;
  if ("items" in place.parent) mutateItem(draw, place.parent.items, place.at);
  else mutateEntry(draw, place.parent.entries, place.at);
}

interface Place {
  readonly parent: ObjectNode | ArrayNode;
  readonly at: number;
}

/** Somewhere in the tree; half of the time it goes one level deeper, where there is one. */
function drawPlace(draw: Draw, root: Node): Place | null {
  let parent: Node = root;
  for (;;) {
    if (typeof parent === "string") return null;
    const children: readonly Node[] =
      "items" in parent ? parent.items : parent.entries.map((entry) => entry.value);
    if (children.length === 0) return null;
    const at = draw.below(children.length);
    const child = children[at] ?? "null";
    const isDeeper = typeof child !== "string" && sizeOf(child) > 0 && draw.chance(0.6);
    if (!isDeeper) return { parent, at };
    parent = child;
  }
}

function mutateEntry(draw: Draw, entries: Entry[], at: number): void {
  const entry = entries[at];
  if (entry === undefined) return;
  switch (draw.below(12)) {
    case 0:
      entries.splice(at, 1);
      break;
    case 1:
      entry.key = hostileKey(draw);
      break;
    case 2:
      // The same key by other means.
      entry.key = escaped(draw, JSON.parse(entry.key) as string);
      break;
    case 3:
      // A repeated key: the last one counts.
      entries.splice(draw.below(entries.length + 1), 0, { ...entry, value: hostileToken(draw) });
      break;
    case 4:
      entries.splice(at, 0, { key: hostileKey(draw), value: hostileToken(draw) });
      break;
    case 5: {
      const other = draw.pick(entries);
      [entry.value, other.value] = [other.value, entry.value];
      break;
    }
    case 6:
      entry.value = wrapped(draw, entry.value);
      break;
    default:
      entry.value = hostileToken(draw);
  }
}

function mutateItem(draw: Draw, items: Node[], at: number): void {
  const item = items[at] ?? "null";
  switch (draw.below(5)) {
    case 0:
      items.splice(at, 1);
      break;
    case 1:
      items.push(item, item);
      break;
    case 2:
      items[at] = wrapped(draw, item);
      break;
    default:
      items[at] = hostileToken(draw);
  }
}

function wrapped(draw: Draw, node: Node): Node {
  const text = written(draw, node, false);
  return draw.pick<() => Node>([
    () => ({ items: [node] }),
    () => ({ items: [node, node] }),
    () => ({ entries: [{ key: hostileKey(draw), value: node }] }),
    () => JSON.stringify(text),
    () => nested(draw, 20, text),
  ])();
}

function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) return { items: value.map(nodeOf) };
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  return {
    entries: Object.entries(value).map(([key, part]) => ({
      key: JSON.stringify(key),
      value: nodeOf(part),
    })),
  };
}

function written(draw: Draw, node: Node, withSpaces: boolean): string {
  if (typeof node === "string") return node;
  const space = (): string => (withSpaces ? draw.pick(spaces) : "");
  if ("items" in node) {
    const items = node.items.map((item) => space() + written(draw, item, withSpaces) + space());
    return `[${items.join(",")}]`;
  }
  const entries = node.entries.map(
    ({ key, value }) =>
      `${space()}${key}${space()}:${space()}${written(draw, value, withSpaces)}${space()}`,
  );
  return `{${entries.join(",")}}`;
}

const spaces = ["", " ", "\n", "\t", "\r\n  "];

function sizeOf(node: ObjectNode | ArrayNode): number {
  return "items" in node ? node.items.length : node.entries.length;
}

/** A body whose bytes were cut, flipped, repeated or inserted, in one to four places. */
export function mutatedBytes(draw: Draw, body: Buffer): Buffer {
  let bytes = body;
  const times = 1 + draw.below(4);
  for (let n = 0; n < times; n += 1) bytes = spoilOnce(draw, bytes);
  return bytes;
}

function spoilOnce(draw: Draw, bytes: Buffer): Buffer {
  const at = draw.below(bytes.length + 1);
  const end = Math.min(bytes.length, at + 1 + draw.below(draw.chance(0.8) ? 4 : 400));
  const [head, cut, tail] = [bytes.subarray(0, at), bytes.subarray(at, end), bytes.subarray(end)];
  switch (draw.below(8)) {
    case 0:
      return Buffer.concat([head, tail]);
    case 1:
      return Buffer.concat([head, cut, cut, tail]);
    case 2:
      return draw.chance(0.3) ? head : Buffer.concat([tail, head]);
    case 3:
      return Buffer.concat([head, draw.pick(insertions), cut, tail]);
    case 4:
      return Buffer.concat([draw.pick(insertions), bytes]);
    case 5:
      return Buffer.concat([bytes, draw.pick(insertions)]);
    default: {
      const flipped = Buffer.from(bytes);
      if (at < flipped.length) flipped[at] = draw.below(256);
      return flipped;
    }
  }
}

const insertions = [
  '"',
  "\\",
  "{",
  "}",
  "[",
  "]",
  ",",
  ":",
  "\0",
  "\n",
  " ",
  "-",
  "0",
  "e9",
  "NaN",
  "//",
  "null",
  "\u2028",
  "\ufeff",
  ',"batch":[]',
  ',"batch":5',
  "}{",
  String.raw`\ud800`,
]
  .map((text) => Buffer.from(text))
  .concat(
    [
      // A lone continuation byte, an overlong slash, a surrogate in UTF-8, beyond U+10FFFF, UTF-16 and UTF-32 marks.
      [0x80],
      [0xc0, 0xaf],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xff, 0xfe],
      [0x00, 0x00, 0xfe, 0xff],
      [0x1f, 0x8b],
    ].map((bytes) => Buffer.from(bytes)),
  );
