import type { Draw } from "./draw.ts";
import type { WireField } from "./otlp-wire.ts";

/** The bytes of a request after one to three mutations: of its fields, while lengths stay right, or of its bytes. */
export function mutatedRequest(draw: Draw, fields: readonly WireField[]): Buffer {
  let tree: Part[] = fields.map(partOf);
  const times = draw.pick([0, 1, 1, 1, 2, 3]);
  for (let n = 0; n < times; n += 1) tree = mutateFields(draw, tree);
  let body = written(tree);
  if (draw.chance(0.3)) body = mutateBytes(draw, body);
  return body;
}

/** A field as it will be written. */
interface Part {
  number: number;
  wire: number;
  body: Buffer | Part[];
  /** Bytes by which the tag, and the length or varint, are longer than they need be. */
  tagPadding: number;
  valuePadding: number;
  /** By how much the length is wrong. */
  lie: number;
}

function partOf({ number, wire, body }: WireField): Part {
  const own = Buffer.isBuffer(body) ? body : body.map(partOf);
  return { number, wire, body: own, tagPadding: 0, valuePadding: 0, lie: 0 };
}

function mutateFields(draw: Draw, root: Part[]): Part[] {
  const siblings = drawMessage(draw, root);
  const at = draw.below(siblings.length + 1);
  const part = siblings[at];
  switch (draw.below(part === undefined ? 3 : 14)) {
    case 0:
    case 1:
      siblings.splice(at, 0, unknownField(draw));
      break;
    case 2:
      siblings.splice(at, 0, oddField(draw));
      break;
    case 3:
      siblings.splice(at, 1);
      break;
    case 4:
      siblings.splice(draw.below(siblings.length + 1), 0, structuredCloneOf(part));
      break;
    case 5:
      siblings.reverse();
      break;
    case 6:
      if (part !== undefined) part.wire = draw.below(8);
      break;
    case 7:
      if (part !== undefined) part.number = draw.below(18);
      break;
    case 8:
      if (part !== undefined) part.tagPadding = draw.below(11);
      break;
    case 9:
      if (part !== undefined) part.valuePadding = draw.below(11);
      break;
    case 10:
      if (part !== undefined) part.lie = draw.pick([-2, -1, 1, 2, 40, 2 ** 31, 2 ** 32]);
      break;
    case 11:
      if (part !== undefined) part.body = nestedValues(draw.pick([5, 62, 63, 64, 65, 200]));
      break;
    case 12:
      if (part !== undefined) part.body = randomBytes(draw, draw.below(12));
      break;
    default:
      if (part !== undefined && Buffer.isBuffer(part.body))
        part.body = mutateBytes(draw, part.body);
  }
  return root;
}

/** The fields of some message, the request's own included. */
function drawMessage(draw: Draw, root: Part[]): Part[] {
  let fields = root;
  for (;;) {
    const messages = fields.flatMap(({ body }) => (Buffer.isBuffer(body) ? [] : [body]));
    if (messages.length === 0 || draw.chance(0.12)) return fields;
    fields = draw.pick(messages);
  }
}

function structuredCloneOf(part: Part | undefined): Part {
  if (part === undefined) throw new Error("There is no field to copy.");
  const { body } = part;
  return { ...part, body: Buffer.isBuffer(body) ? body : body.map(structuredCloneOf) };
}

function unknownField(draw: Draw): Part {
  const number = draw.pick([8, 9, 17, 18, 1_000, 2 ** 29 - 1]);
  const wire = draw.pick([0, 1, 2, 5]);
  return { ...field(number, wire, content(draw, wire)), valuePadding: draw.pick([0, 0, 3]) };
}

/** What no field may look like: a group, its end, a reserved wire type, field 0; or a varint that never ends. */
function oddField(draw: Draw): Part {
  const wire = draw.pick([3, 4, 6, 7, 0, 2]);
  if (wire === 0 && draw.chance(0.5))
    return field(20, 0, Buffer.alloc(draw.pick([9, 10, 11]), 0xff));
  return field(wire < 3 ? 0 : 20, wire, content(draw, wire));
}

function continued(byte: number): number {
  return byte | 0x80;
}

function field(number: number, wire: number, body: Buffer | Part[]): Part {
  return { number, wire, body, tagPadding: 0, valuePadding: 0, lie: 0 };
}

function content(draw: Draw, wire: number): Buffer {
  if (wire === 0) return Buffer.from([...randomBytes(draw, draw.below(8)).map(continued), 1]);
  return randomBytes(draw, wire === 1 ? 8 : wire === 5 ? 4 : draw.below(6));
}

/** An AnyValue's content that is an array in an array, and so on. */
function nestedValues(depth: number): Part[] {
  let value: Part[] = [];
  for (let n = 1; n < depth; n += 1) value = [field(5, 2, [field(1, 2, value)])];
  return value;
}

function randomBytes(draw: Draw, length: number): Buffer {
  return Buffer.from(Array.from({ length }, () => draw.pick([draw.below(256), draw.below(0x30)])));
}

function mutateBytes(draw: Draw, body: Buffer): Buffer {
  const at = draw.below(body.length + 1);
  const end = Math.min(body.length, at + 1 + draw.below(4));
  const [head, cut, tail] = [body.subarray(0, at), body.subarray(at, end), body.subarray(end)];
  switch (draw.below(6)) {
    case 0:
      return Buffer.from(head);
    case 1:
      return Buffer.concat([head, tail]);
    case 2:
      return Buffer.concat([head, cut, cut, tail]);
    case 3:
      return Buffer.concat([head, randomBytes(draw, 1 + draw.below(3)), cut, tail]);
    case 4:
      return Buffer.concat([body, body]);
    default: {
      const flipped = Buffer.from(body);
      if (at < flipped.length) flipped[at] = (flipped[at] ?? 0) ^ (1 << draw.below(8));
      return flipped;
    }
  }
}

function written(parts: readonly Part[]): Buffer {
  const bytes: number[] = [];
  for (const part of parts) write(bytes, part);
  return Buffer.from(bytes);
}

function write(bytes: number[], part: Part): void {
  writeVarint(bytes, part.number * 8 + part.wire, part.tagPadding);
  const body = Buffer.isBuffer(part.body) ? part.body : written(part.body);
  if (part.wire === 2) writeVarint(bytes, Math.max(0, body.length + part.lie), part.valuePadding);
  for (const byte of body) bytes.push(byte);
  if (part.wire === 0) pad(bytes, part.valuePadding);
}

function writeVarint(bytes: number[], value: number, padding: number): void {
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  bytes.push(rest);
  pad(bytes, padding);
}

/** Makes the varint at the end longer, but the same number. */
function pad(bytes: number[], padding: number): void {
  const last = bytes.at(-1);
  if (padding === 0 || last === undefined || last > 0x7f) return;
  bytes[bytes.length - 1] = last | 0x80;
  for (let n = 1; n < padding; n += 1) bytes.push(0x80);
  bytes.push(0);
}
