/** What the oracle sends: events whose content is a function of the run and a number, so that it need not be kept. */

export type Kind =
  | "trace"
  | "span"
  | "generation"
  | "event"
  | "score"
  | "span-update"
  | "generation-update";

export type Table = "traces" | "observations" | "scores";

export interface Envelope {
  readonly id: string;
  readonly type: string;
  readonly timestamp: string;
  readonly body: Readonly<Record<string, unknown>> & { readonly id: string };
}

/** An event, and what must be readable once it is accepted. */
export interface Issued {
  readonly event: Envelope;
  readonly kind: Kind;
  readonly table: Table;
  /** The metadata key that only this event writes: it shows that the event itself was stored. */
  readonly mark: string;
  readonly text: string;
  /** Other columns that this event alone decides, and their values. */
  readonly columns: Readonly<Record<string, unknown>>;
}

export interface Issuer {
  /** The next event; the kind is drawn unless it is given. */
  next(kind?: Kind): Issued;
}

const drawn: readonly Kind[] = [
  "span",
  "generation",
  "span-update",
  "score",
  "event",
  "generation-update",
  "span",
  "trace",
];

/**
 * Issues the events of one client. All its ids begin with `run`; every entity is created once and updated at most
 * once; event times grow by a millisecond from `startMs`.
 */
export function createIssuer(run: string, startMs: number): Issuer {
  let seq = 0;
  let traceId = "";
  const open: Record<"span" | "generation", string[]> = { span: [], generation: [] };

  function choose(random: Random): Kind {
    const kind = drawn[Math.floor(random() * drawn.length)] ?? "trace";
    if (traceId === "") return "trace";
    if (kind === "span-update" && open.span.length === 0) return "span";
    if (kind === "generation-update" && open.generation.length === 0) return "generation";
    return kind;
  }

  return {
    next(given) {
      seq += 1;
      const random = randomOf(`${run}/${seq}`);
      const kind = given ?? choose(random);
      const base = { run, seq, random, timestamp: new Date(startMs + seq).toISOString() };
      const entity = `${run}-${seq}`;
      if (kind === "trace") {
        traceId = entity;
        return issueTrace(base, entity);
      }
      if (kind === "score") return issueScore(base, entity, traceId);
      if (kind === "span-update" || kind === "generation-update") {
        const target = open[kind === "span-update" ? "span" : "generation"].shift() ?? entity;
        return issueUpdate(base, kind, target, traceId);
      }
      if (kind !== "event") open[kind].push(entity);
      return issueObservation(base, kind, entity, traceId);
    },
  };
}

interface Base {
  readonly run: string;
  readonly seq: number;
  readonly random: Random;
  readonly timestamp: string;
}

function issueTrace(base: Base, id: string): Issued {
  const text = textOf(base.random);
  const input = payloadOf(base, text);
  const userId = `user-${Math.floor(base.random() * 50)}`;
  return issued(base, "trace", "traces", text, {
    body: { id, name: `trace ${base.seq}`, userId, timestamp: base.timestamp, input },
    columns: { name: `trace ${base.seq}`, user_id: userId, input },
  });
}

function issueObservation(
  base: Base,
  kind: "span" | "generation" | "event",
  id: string,
  traceId: string,
): Issued {
  const text = textOf(base.random);
  const input = payloadOf(base, text);
  const name = `${kind} ${base.seq}`;
  const usageDetails = { input: Math.floor(base.random() * 5000), output: base.seq };
  const extra = kind === "generation" ? { model: "model-of-nobody", usageDetails } : {};
  const usage = kind === "generation" ? { provided_usage: usageDetails } : {};
  return issued(base, kind, "observations", text, {
    body: { id, traceId, name, startTime: base.timestamp, input, ...extra },
    columns: { trace_id: traceId, name, input, type: kind.toUpperCase(), ...usage },
  });
}

/** As the SDKs send an update: neither a start time nor an environment. */
function issueUpdate(
  base: Base,
  kind: "span-update" | "generation-update",
  id: string,
  traceId: string,
): Issued {
  const text = textOf(base.random);
  const output = payloadOf(base, text);
  return issued(base, kind, "observations", text, {
    body: { id, traceId, endTime: base.timestamp, output },
    columns: { output },
  });
}

function issueScore(base: Base, id: string, traceId: string): Issued {
  const text = textOf(base.random);
  const value = Math.round(base.random() * 1e6) / 1e3;
  return issued(base, "score", "scores", text, {
    body: { id, traceId, name: `score ${base.seq}`, value, comment: text },
    columns: { trace_id: traceId, name: `score ${base.seq}`, value, comment: text },
  });
}

function issued(
  base: Base,
  kind: Kind,
  table: Table,
  text: string,
  content: { body: Envelope["body"]; columns: Issued["columns"] },
): Issued {
  const mark = `e${base.seq}`;
  const event: Envelope = {
    id: `${base.run}-event-${base.seq}`,
    type: kind.endsWith("-update") ? kind : `${kind}-create`,
    timestamp: base.timestamp,
    body: { ...content.body, metadata: { [mark]: text } },
  };
  return { event, kind, table, mark, text, columns: content.columns };
}

function payloadOf({ run, seq, random }: Base, text: string): object {
  return { run, seq, text, number: random(), nested: { list: [seq, null, true, text.length] } };
}

type Random = () => number;

/** Characters that anything on the way might spoil: quotes, escapes, controls, two to four bytes of UTF-8. */
const alphabet = Array.from(
  "abcdefghijklmnopqrstuvwxyz     0123456789\"\\/'{}[],:\n\t\u0000é߀ö漢字🙂𝕏\u200d\u202e",
);
const charsTypical = 200;
const charsMax = 4000;

/** Mostly short, sometimes some kilobytes. */
function textOf(random: Random): string {
  const chars = random() < 0.9 ? random() * charsTypical : random() * charsMax;
  let text = "";
  for (let n = 0; n < chars; n += 1) text += alphabet[Math.floor(random() * alphabet.length)] ?? "";
  return text;
}

/** Mulberry32, seeded with the text's FNV-1a hash. */
export function randomOf(seed: string): Random {
  let state = 0x811c9dc5;
  for (const char of seed) state = Math.imul(state ^ (char.codePointAt(0) ?? 0), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
