import { isBatchAnswer, isRecord, jsonOf } from "./contract.ts";
import type { BatchAnswer, Problem } from "./contract.ts";
import { tableOf } from "./events.ts";
import type { Table } from "./events.ts";
import { wrongText } from "./reference.ts";
import type { Case, Deleted, Project, Step } from "./step.ts";

type Fields = Readonly<Record<string, unknown>>;

/** An entity that was written with success at least once, and what has to be true of it in the end. */
export interface Entry {
  readonly project: Project;
  readonly table: Table;
  readonly id: string;
  /** The numbers of the cases that wrote it. */
  readonly cases: Set<number>;
  /** The traces that its events name. */
  readonly traceIds: Set<string>;
  /** The bodies that were accepted, as a plain JSON parser reads them. */
  readonly bodies: Fields[];
  /** `open`: it may be there or not, such as when a delete was under way at the same time. */
  state: "stored" | "gone" | "open";
}

/** An event that names no entity: accepted by the contract, and to be found among the dead letters. */
export interface Nameless {
  readonly project: Project;
  readonly eventId: string;
  readonly n: number;
}

/** What a run was answered, turned into what must be stored when it is over. */
export class Ledger {
  readonly #entries = new Map<string, Entry>();
  readonly #deletedElsewhere: Record<Project, Set<string>> = { a: new Set(), b: new Set() };
  readonly nameless: Nameless[] = [];

  /** Notes an answer of one of the routes that write or delete. Gives what is wrong with it. */
  take(from: Case, step: Step, status: number, body: unknown): Problem[] {
    if (status === 207 && isBatchAnswer(body)) return this.#takeBatch(from, step, body);
    if (status >= 300) return [];
    const sent = sentBy(step);
    if (step.writes !== null) return this.#takeItem(from, step.writes, itemFields(sent), body);
    const { deletes } = step;
    if (deletes === null) return [];
    for (const deleted of deletes === "listed" ? listedIn(sent) : [deletes]) {
      this.#delete(from, deleted);
    }
    return [];
  }

  /** Every entity of a project that may be there. */
  entriesOf(project: Project): Entry[] {
    return [...this.#entries.values()]
      .filter((entry) => entry.project === project)
      .map((entry) => (this.#isDeletedElsewhere(entry) ? { ...entry, state: "open" } : entry));
  }

  #takeBatch(from: Case, step: Step, answer: BatchAnswer): Problem[] {
    const sent = sentBy(step);
    if (!isRecord(sent) || !Array.isArray(sent["batch"])) {
      return [{ kind: "207", text: "to what holds no batch" }];
    }
    const batch: readonly unknown[] = sent["batch"];
    const problems: Problem[] = [];
    const problem = (text: string): void => void problems.push({ kind: "207", text });
    const successes = counted(answer.successes);
    const errors = counted(answer.errors);
    const elements = grouped(batch, envelopeIdOf);
    for (const id of new Set([...successes.keys(), ...errors.keys()])) {
      if (elements.has(id)) continue;
      const numbered = batch.filter(hasNumberAsId);
      if (numbered.length === 0) problem(`an answer about ${shown(id)}, which nobody sent`);
      else problems.push({ kind: numberForText, text: `as an event's id: ${shown(id)}` });
      for (const one of numbered) this.#acceptEvent(from, id, one, false);
    }
    for (const [id, same] of elements) {
      const accepted = successes.get(id) ?? 0;
      const answered = accepted + (errors.get(id) ?? 0);
      const silent = same.filter((one) => isRecord(one) && one["type"] === "sdk-log").length;
      const isNumbered = id === "unknown" && batch.some(hasNumberAsId);
      if (!isNumbered && (answered > same.length || answered < same.length - silent)) {
        problem(`${answered} answers about ${same.length} events ${shown(id)}`);
      }
      const isCertain = accepted === same.length;
      if (accepted === 0) continue;
      for (const one of same) problems.push(...this.#acceptEvent(from, id, one, isCertain));
    }
    for (const id of step.sound) {
      if (!successes.has(id)) problem(`the sound event ${shown(id)} was not accepted`);
    }
    return problems;
  }

  #acceptEvent(from: Case, eventId: string, element: unknown, isCertain: boolean): Problem[] {
    const body = isRecord(element) ? element["body"] : null;
    const table = isRecord(element) ? tableOf(element["type"]) : null;
    if (!isRecord(body) || table === null) {
      return isCertain ? [{ kind: "207", text: `accepted without a body: ${shown(eventId)}` }] : [];
    }
    const { id } = body;
    if (id === undefined || id === null) {
      if (isCertain) this.nameless.push({ project: from.project, eventId, n: from.n });
    } else if (typeof id === "string") {
      this.#accept(from, table, wellFormed(id), body, isCertain);
    }
    return isCertain ? numbersForTexts(table, body) : [];
  }

  #takeItem(from: Case, table: Table, fields: Fields, body: unknown): Problem[] {
    const id = isRecord(body) ? body["id"] : undefined;
    if (typeof id !== "string" || id === "") {
      return [{ kind: "200", text: "without the id of what was written" }];
    }
    this.#accept(from, table, id, { ...fields, id }, true);
    return numbersForTexts(table, fields);
  }

  #accept(from: Case, table: Table, id: string, body: Fields, isCertain: boolean): void {
    const key = JSON.stringify([from.project, table, id]);
    const entry = this.#entries.get(key) ?? {
      project: from.project,
      table,
      id,
      cases: new Set(),
      traceIds: new Set(),
      bodies: [],
      state: isCertain ? "stored" : "open",
    };
    this.#entries.set(key, entry);
    entry.cases.add(from.n);
    entry.bodies.push(body);
    if (isCertain) entry.state = "stored";
    const { traceId } = body;
    if (table === "traces") entry.traceIds.add(id);
    else if (typeof traceId === "string") entry.traceIds.add(wellFormed(traceId));
  }

  /** Only what a case does to its own entities happens in a known order. */
  #delete(from: Case, deleted: Deleted): void {
    const { kind, id } = deleted;
    if (!id.startsWith(`${from.own}-`) && !id.startsWith(`${from.own}/`)) {
      this.#deletedElsewhere[from.project].add(JSON.stringify([kind, id]));
      return;
    }
    for (const entry of this.#entries.values()) {
      if (entry.project === from.project && isHit(entry, deleted)) {
        entry.state = "gone";
        entry.bodies.length = 0;
      }
    }
  }

  #isDeletedElsewhere({ project, table, id, traceIds }: Entry): boolean {
    const deleted = this.#deletedElsewhere[project];
    const isScoreHit = table === "scores" && deleted.has(JSON.stringify(["score", id]));
    return isScoreHit || [...traceIds].some((one) => deleted.has(JSON.stringify(["trace", one])));
  }
}

const numberForText = "number taken for a text";

function numbersForTexts(table: Table, body: Fields): Problem[] {
  return wrongText(table, body).map((field) => ({
    kind: numberForText,
    text: `${table} ${field}`,
  }));
}

function hasNumberAsId(element: unknown): boolean {
  return isRecord(element) && typeof element["id"] === "number";
}

function isHit({ table, id, traceIds }: Entry, deleted: Deleted): boolean {
  if (deleted.kind === "trace") return traceIds.has(deleted.id);
  return table === "scores" && id === deleted.id;
}

/** The request's body as a plain JSON parser reads it. */
function sentBy({ plain }: Step): unknown {
  const text = plain?.toString() ?? "";
  return jsonOf(text.startsWith("\ufeff") ? text.slice(1) : text);
}

/** Generations once called their payload `prompt` and `completion`. */
function itemFields(sent: unknown): Fields {
  if (!isRecord(sent)) return {};
  const { prompt = sent["input"], completion = sent["output"] } = sent;
  return { ...sent, input: prompt, output: completion };
}

function listedIn(sent: unknown): Deleted[] {
  const ids = isRecord(sent) ? sent["traceIds"] : [];
  if (!Array.isArray(ids)) return [];
  return ids.map((id) => ({ kind: "trace", id: wellFormed(String(id)) }));
}

/** How an answer names an element of a batch (write-api §1.5). */
function envelopeIdOf(element: unknown): string {
  if (!isRecord(element) || typeof element["id"] !== "string") return "unknown";
  return wellFormed(element["id"]);
}

function shown(id: string): string {
  return JSON.stringify(id.slice(0, 100));
}

/** Half surrogates become U+FFFD. */
export function wellFormed(text: string): string {
  return Buffer.from(text).toString();
}

function grouped<Item>(items: readonly Item[], keyOf: (item: Item) => string): Map<string, Item[]> {
  const groups = new Map<string, Item[]>();
  for (const item of items) {
    const group = groups.get(keyOf(item)) ?? [];
    group.push(item);
    groups.set(keyOf(item), group);
  }
  return groups;
}

function counted(items: readonly { readonly id: string }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { id } of items) counts.set(id, (counts.get(id) ?? 0) + 1);
  return counts;
}
