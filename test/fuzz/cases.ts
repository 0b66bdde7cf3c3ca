import { createIssuer } from "../faults/events.ts";
import type { Issued } from "../faults/events.ts";
import { drawOf } from "./draw.ts";
import type { Draw } from "./draw.ts";
import { validEvent, validItem } from "./events.ts";
import { mutatedBytes, mutatedText } from "./mutate.ts";
import { oddStep } from "./odd-requests.ts";
import { other, projectIdOf, stepOf } from "./step.ts";
import type { Case, Making, Project, Step } from "./step.ts";
import { escaped, hostileText, hostileToken } from "./tokens.ts";

/** Case number `n` of a run: the same seed and number always give the same case. */
export function caseOf(seed: number, n: number): Case {
  const draw = drawOf(`${seed}/${n}`);
  const project = projectOf(n);
  const making: Making = {
    draw,
    n,
    project,
    own: `h${seed}.${n}`,
    issuer: createIssuer(neighbourRun(seed, n), Date.UTC(2025, 2, 1) + n * 1000),
    foreignId: () => `${neighbourRun(seed, caseOfOther(draw, n))}-${1 + draw.below(3)}`,
  };
  const [kind, make] = draw.pick(kinds);
  const { bodies, steps } = make(making);
  return { n, kind, project, own: making.own, bodies, steps };
}

/** Begins the ids of a case's neighbours. */
function neighbourRun(seed: number, n: number): string {
  return `n${seed}.${n}`;
}

function projectOf(n: number): Project {
  return n % 4 === 3 ? "b" : "a";
}

function caseOfOther(draw: Draw, n: number): number {
  const near = Math.max(0, n - draw.below(40));
  const start = near - (near % 4);
  return projectOf(n) === "a" ? start + 3 : start + draw.below(3);
}

interface Made {
  readonly bodies: number;
  readonly steps: readonly Step[];
}

/** Kinds of cases, each as often as it stands here. */
const kinds: readonly (readonly [string, (making: Making) => Made])[] = [
  ...repeated(11, "batch", batchCase),
  ...repeated(2, "bytes", bytesCase),
  ...repeated(3, "item", itemCase),
  ...repeated(2, "odd", oddCase),
  ...repeated(1, "delete", deleteCase),
  ...repeated(1, "other project", otherProjectCase),
  ...repeated(1, "quarrel", quarrelCase),
];

function repeated<Item>(times: number, name: string, item: Item): (readonly [string, Item])[] {
  return Array.from({ length: times }, () => [name, item] as const);
}

const hostileMax = 8;

/** Mutated events in a batch, each with a neighbour that must be stored. */
function batchCase(making: Making): Made {
  const { draw, project } = making;
  const count = 1 + draw.below(hostileMax);
  const events = Array.from({ length: count }, (_, index) => hostileEvent(making, index));
  const neighbours = events.map(() => making.issuer.next());
  const texts = events.flatMap(({ text }, index) => {
    const pair = [JSON.stringify(neighbours[index]?.event), text];
    return draw.chance(0.5) ? pair : pair.toReversed();
  });
  const body = Buffer.from(requestText(making, texts));
  const sound = [...events.filter(({ isSound }) => isSound), ...neighbours].map(eventIdOf);
  const step = stepOf(project, { path, body, statuses: [207], sound, neighbours });
  return { bodies: count, steps: [step] };
}

const path = "/api/public/ingestion";

interface HostileEvent {
  readonly id: string;
  readonly text: string;
  /** It was not mutated. */
  readonly isSound: boolean;
}

function eventIdOf(event: HostileEvent | Issued): string {
  return "event" in event ? event.event.id : event.id;
}

function hostileEvent(making: Making, index: number): HostileEvent {
  const { draw, own, n, project } = making;
  const event = validEvent(draw, `${own}-${index}`, `${own}-shared-trace-${n % 7}`);
  // A valid sdk-log appears in neither list of the answer.
  const isSound = draw.chance(0.1) && event.type !== "sdk-log";
  if (isSound) return { id: event.id, text: JSON.stringify(event), isSound };
  const foreign = projectIdOf(other(project));
  const claims = draw.chance(0.1) ? { projectId: foreign, project_id: foreign } : {};
  const target = draw.chance(0.5) ? event : { ...event, body: { ...event.body, ...claims } };
  return { id: event.id, text: mutatedText(draw, target), isSound };
}

/** A body around the texts of events: mostly the plain one, else one that must mean the same. */
function requestText({ draw }: Making, texts: readonly string[]): string {
  const batch = `[${texts.join(",")}]`;
  switch (draw.below(12)) {
    case 0:
      return `{"metadata":${hostileToken(draw)},"batch":${batch},"x":${hostileToken(draw)}}`;
    case 1:
      return `{"batch":[${texts[0]}],"batch":${batch}}`;
    case 2:
      return `{${escaped(draw, "batch")}:${batch}}`;
    case 3:
      return `\ufeff \r\n{ "batch" : ${batch} , ${hostileText(draw)} : {"batch":[]} } \t`;
    case 4:
      return `{"batch":5,"metadata":null,"batch":[\n${texts.join(" ,\n\t")} ]}`;
    default:
      return `{"batch":${batch}}`;
  }
}

/**
 * Events about the same few ids that contradict each other in type, trace and time, over several requests: each id must
 * end up as one row.
 */
function quarrelCase(making: Making): Made {
  const { draw, project, own, issuer } = making;
  const steps = Array.from({ length: 2 + draw.below(2) }, (_, index): Step => {
    const texts = Array.from({ length: 1 + draw.below(4) }, (__, at) => {
      const { body, ...event } = validEvent(draw, own, `${own}-of-another`);
      const traceId = draw.pick([
        body["traceId"] ?? null,
        `${own}-of-other-${draw.below(2)}`,
        null,
      ]);
      const quarrel = { ...event, id: `${own}-${index}-${at}`, body: { ...body, traceId } };
      return draw.chance(0.5) ? JSON.stringify(quarrel) : mutatedText(draw, quarrel);
    });
    const neighbours = [issuer.next()];
    const all = [...texts, ...neighbours.map(({ event }) => JSON.stringify(event))];
    const body = Buffer.from(`{"batch":[${all.join(",")}]}`);
    const sound = neighbours.map(eventIdOf);
    return stepOf(project, { path, body, statuses: [207], sound, neighbours });
  });
  return { bodies: steps.length, steps };
}

/** A sound batch of which some bytes were spoilt: whatever it says now is all that may be stored. */
function bytesCase(making: Making): Made {
  const { draw, project, own, issuer } = making;
  const events = [
    ...Array.from({ length: 1 + draw.below(3) }, () => issuer.next().event),
    validEvent(draw, own, `${own}-of-trace`),
  ];
  // What becomes of these is told from the spoilt bytes, so that they are no neighbours.
  const renamed = JSON.stringify({ batch: events }).replaceAll(
    `"n${own.slice(1)}`,
    `"x${own.slice(1)}`,
  );
  const body = mutatedBytes(draw, Buffer.from(renamed));
  return { bodies: 1, steps: [stepOf(project, { path, body })] };
}

/** A single-item writer of older SDKs. */
function itemCase({ draw, project, own }: Making): Made {
  const item = validItem(draw, own);
  const isSound = draw.chance(0.1);
  const text = isSound ? JSON.stringify(item.body) : mutatedText(draw, item.body);
  const body = draw.chance(0.05) ? mutatedBytes(draw, Buffer.from(text)) : Buffer.from(text);
  const statuses = isSound && body.equals(Buffer.from(text)) ? [200] : [200, 400];
  const { method, table } = item;
  return {
    bodies: 1,
    steps: [stepOf(project, { method, path: item.path, body, statuses, writes: table })],
  };
}

/** A sound batch in a request of which something around the body is odd. */
function oddCase(making: Making): Made {
  const { draw, own, issuer } = making;
  const event = { ...validEvent(draw, own, own), id: `${own}-event` };
  const neighbour = issuer.next();
  const text = requestText(making, [JSON.stringify(neighbour.event), mutatedText(draw, event)]);
  return { bodies: 1, steps: [oddStep(making, Buffer.from(text), neighbour)] };
}

/** A trace with parts, deleted, and half of the time written again: what came after its delete must live. */
function deleteCase({ draw, project, own, issuer }: Making): Made {
  const id = draw.chance(0.5) ? `${own}-trace` : `${own}/é ?&%#🙂\n`;
  const part = (type: string, name: string, fields: object) => ({
    id: `${own}-${type}-${name}`,
    type,
    timestamp: "2025-03-01T10:00:00Z",
    body: { name, ...fields },
  });
  const parts = (name: string) => [
    part("trace-create", name, { id }),
    part("span-create", name, { id: `${own}-span`, traceId: id }),
    part("score-create", name, { id: `${own}-score`, traceId: id, value: 1 }),
  ];
  const write = (name: string): Step => {
    const neighbours = [issuer.next()];
    const events = [...parts(name), ...neighbours.map(({ event }) => event)];
    const body = Buffer.from(JSON.stringify({ batch: events }));
    const sound = events.map((event) => event.id);
    return stepOf(project, { path, body, statuses: [207], sound, neighbours });
  };
  const one = stepOf(project, {
    method: "DELETE",
    path: `/api/public/traces/${encodeURIComponent(id)}`,
    statuses: [200],
    deletes: { kind: "trace", id },
  });
  const listed = stepOf(project, {
    method: "DELETE",
    path: "/api/public/traces",
    body: Buffer.from(JSON.stringify({ traceIds: [id, `${own}-nothing`] })),
    statuses: [200],
    deletes: "listed",
  });
  const hostile = stepOf(project, {
    method: "DELETE",
    path: "/api/public/traces",
    body: Buffer.from(mutatedText(draw, { traceIds: [`${own}-nothing`, `${own}-none`] })),
    statuses: [200, 400],
    deletes: "listed",
  });
  const score = stepOf(project, {
    method: "DELETE",
    path: `/api/public/scores/${encodeURIComponent(`${own}-score`)}`,
    statuses: [202],
    deletes: { kind: "score", id: `${own}-score` },
  });
  const again = draw.chance(0.5) ? [write("again")] : [];
  const deletion = draw.pick([[one], [listed], [score, one], [hostile, one, one]]);
  return { bodies: 1, steps: [write("first"), ...deletion, ...again] };
}

/** Writes and deletes under the ids of another project's neighbours: theirs must not change. */
function otherProjectCase({ draw, project, own, foreignId }: Making): Made {
  const id = foreignId();
  const event = validEvent(draw, own, id);
  const foreign = projectIdOf(other(project));
  const body = { ...event.body, id, traceId: id, projectId: foreign, project_id: foreign };
  const batch = { batch: [{ ...event, body, projectId: foreign }], projectId: foreign };
  const writes = stepOf(project, {
    path: `${path}?projectId=${foreign}`,
    body: Buffer.from(JSON.stringify(batch)),
    statuses: [207],
  });
  const headers = { ...writes.headers, "x-langfuse-project-id": foreign, "x-project-id": foreign };
  const deletions = (["trace", "score"] as const).map((kind) =>
    stepOf(project, {
      method: "DELETE",
      path: `/api/public/${kind}s/${id}?projectId=${foreign}`,
      headers,
      statuses: [kind === "trace" ? 200 : 202],
      deletes: { kind, id },
    }),
  );
  return { bodies: 1, steps: [{ ...writes, headers }, ...deletions.slice(draw.below(3))] };
}
