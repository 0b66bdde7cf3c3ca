import { seededRandom } from "./random.ts";
import type { Random } from "./random.ts";

/** Every event of the workload, as JSON in UTF-8. */
export const eventBytes = 2048;
export const eventsPerBatch = 50;
export const eventsPerTrace = 10;
/** What one conversation makes of new rows beside its trace. */
export const observationsPerTrace = 4;
export const scoresPerTrace = 2;
export const tracesPerBatch = eventsPerBatch / eventsPerTrace;

/** One request of the ingestion route. */
export interface Batch {
  readonly body: Buffer;
  readonly traceIds: readonly string[];
}

/**
 * Requests as the SDKs of a chat application send them. Each batch tells of five conversations in ten events each: the
 * trace, a retrieval span, two generations, a tool call and two scores are created, then the span and the generations
 * are completed by updates. All ids are new. The same seed gives the same bytes. `startAt` is in epoch milliseconds.
 */
export function createWorkload(
  seed: number,
  startAt: number,
  traces: number = tracesPerBatch,
): () => Batch {
  const random = seededRandom(seed);
  let now = startAt;
  return () => {
    const events: string[] = [];
    const traceIds: string[] = [];
    for (let n = 0; n < traces; n += 1) {
      const trace = random.uuid();
      traceIds.push(trace);
      events.push(...conversation(random, trace, now));
      now += 1;
    }
    const metadata = { batch_size: events.length, sdk_name: "langfuse-js", sdk_version: "3.39.2" };
    const body = `{"batch":[${events.join(",")}],"metadata":${JSON.stringify(metadata)}}`;
    return { body: Buffer.from(body), traceIds };
  };
}

function conversation(random: Random, trace: string, now: number): string[] {
  const at = (ms: number): string => new Date(now + ms).toISOString();
  const environment = random.pick(["production", "production", "staging"]);
  const user = `user-${random.below(5_000)}`;
  const place = { traceId: trace, environment };
  const [span, plan, tool, answer] = [random.uuid(), random.uuid(), random.uuid(), random.uuid()];
  const event: MakeEvent = (type, ms, body) => {
    const id = random.uuid();
    return sized((text) => ({ id, type, timestamp: at(ms), body: body(text) }), random);
  };
  return [
    event("trace-create", 0, (text) => ({
      id: trace,
      timestamp: at(0),
      environment,
      name: random.pick(["support chat", "search", "summary"]),
      userId: user,
      sessionId: `session-${user}-${random.below(20)}`,
      release: "2026.08.1",
      tags: ["chat", random.pick(["paid", "free", "trial"])],
      metadata: { channel: random.pick(["web", "mobile", "mail"]), attempt: random.below(3) },
      input: { messages: [{ role: "user", content: text }] },
    })),
    event("span-create", 2, (text) => ({
      ...place,
      id: span,
      parentObservationId: null,
      name: "retrieve documents",
      startTime: at(1),
      metadata: { index: "manuals", top: 5 },
      input: { query: text },
    })),
    ...generationEvents(random, event, { ...place, id: plan, name: "plan" }, [120, at]),
    event("tool-create", 700, (text) => ({
      ...place,
      id: tool,
      parentObservationId: plan,
      name: "look up order",
      startTime: at(640),
      endTime: at(700),
      input: { order: random.below(1_000_000) },
      output: { status: "sent", note: text },
    })),
    ...generationEvents(random, event, { ...place, id: answer, name: "answer" }, [720, at]),
    event("span-update", 2_001, (text) => ({
      id: span,
      traceId: trace,
      endTime: at(2_000),
      output: { documents: [{ title: "Shipping", score: 0.82, text }] },
    })),
    ...["helpful", "faithful"].map((name) =>
      event("score-create", 2_500, (text) => ({
        ...place,
        id: random.uuid(),
        name,
        value: random.below(11) / 10,
        dataType: "NUMERIC",
        comment: text,
      })),
    ),
  ];
}

type MakeEvent = (type: string, ms: number, body: (text: string) => object) => string;

function generationEvents(
  random: Random,
  event: MakeEvent,
  place: { readonly id: string; readonly traceId: string; readonly name: string },
  [start, at]: readonly [number, (ms: number) => string],
): string[] {
  const units = { input: 400 + random.below(3_000), output: 20 + random.below(600) };
  return [
    event("generation-create", start, (text) => ({
      ...place,
      startTime: at(start - 2),
      model: random.pick(["gpt-4o-mini", "claude-sonnet-4", "mistral-large"]),
      modelParameters: { temperature: 0.2, max_tokens: 1024 },
      input: [
        { role: "system", content: "Answer from the documents only." },
        { role: "user", content: text },
      ],
    })),
    event("generation-update", start + 1_000, (text) => ({
      id: place.id,
      traceId: place.traceId,
      completionStartTime: at(start + 300),
      endTime: at(start + 990),
      output: { role: "assistant", content: text },
      usageDetails: units,
      costDetails: { input: units.input / 1e6, output: units.output / 2.5e5 },
    })),
  ];
}

/** The event as JSON of exactly {@link eventBytes}: its text is as long as the rest of it leaves room. */
function sized(event: (text: string) => object, random: Random): string {
  const marker = "\u0000";
  const [before = "", after = ""] = JSON.stringify(event(marker)).split(JSON.stringify(marker));
  const room = eventBytes - Buffer.byteLength(before) - Buffer.byteLength(after);
  return before + quoted(random, room) + after;
}

/** A JSON string of exactly `bytes`, its quotes included. */
function quoted(random: Random, bytes: number): string {
  let text = "";
  let left = bytes - 2;
  for (;;) {
    const word = random.pick(words);
    if (word.bytes > left) break;
    text += word.json;
    left -= word.bytes;
  }
  return `"${text}${".".repeat(left)}"`;
}

interface Word {
  /** As it stands inside a JSON string, with the space after it. */
  readonly json: string;
  readonly bytes: number;
}

/** Prose, with what makes JSON costly in it: escapes, and letters of more than one byte. */
const words: readonly [Word, ...Word[]] = [
  wordOf("the"),
  ...(
    "order was sent on Monday and should arrive within three working days unless the carrier reports a delay please " +
    "check parcel number before you ask again because our team cannot see later changes café naïve 東京 if customer " +
    "wants refund then explain policy politely summarise steps return label warehouse invoice payment " +
    '\n\n- \n1. "quoted" C:\\path {"key":true} ✓ €'
  )
    .split(" ")
    .map(wordOf),
];

function wordOf(plain: string): Word {
  const json = JSON.stringify(`${plain} `).slice(1, -1);
  return { json, bytes: Buffer.byteLength(json) };
}
