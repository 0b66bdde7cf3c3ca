import { Book, percentile } from "../faults/book.ts";
import type { StartedServer } from "../started-server.ts";
import { caseOf } from "./cases.ts";
import { answerProblems, isBatchAnswer, jsonOf } from "./contract.ts";
import type { DeadLetter, Finding } from "./judge.ts";
import { judgeProject } from "./judge.ts";
import { Ledger } from "./ledger.ts";
import { deadLettersOf, entityOf, isReadable, readById, walkLists } from "./reads.ts";
import { rowsOf } from "./servers.ts";
import type { TwoProjects } from "./servers.ts";
import type { Case, Project, Step } from "./step.ts";
import { wireTo } from "./wire.ts";
import type { Wire } from "./wire.ts";

export interface FuzzOptions {
  readonly seed: number;
  /** How many generated bodies to send at least. */
  readonly bodies: number;
  /** Send this case alone. */
  readonly only: number | null;
}

export interface Outcome {
  readonly bodies: number;
  readonly cases: Readonly<Record<string, number>>;
  /** Requests by the status of their answer. */
  readonly statuses: Readonly<Record<string, number>>;
  readonly events: { readonly accepted: number; readonly refused: number };
  readonly neighbours: number;
  readonly rows: number;
  /** Dead letters by their reason. */
  readonly parked: Readonly<Record<string, number>>;
  readonly reads: number;
  readonly busy: number;
  readonly answerMsP99: number;
  readonly answerMsMax: number;
  readonly findings: readonly Finding[];
}

const projects = ["a", "b"] as const;
const workers = 4;
/** Of so many cases, one is read back at once. */
const readEvery = 4;

/** Sends cases until there were enough bodies, and judges what is stored once the server is at rest. */
export async function fuzz(options: FuzzOptions, place: TwoProjects): Promise<Outcome> {
  const server = await place.start();
  const run = new Run(options, wireTo(server.url, workers));
  let texts: Record<Project, string>;
  try {
    await run.sendAll();
    texts = { a: await place.exportText("a"), b: await place.exportText("b") };
    for (const project of projects) await run.judge(project, texts[project]);
    run.noteLog(server);
  } finally {
    run.wire.close();
    await server.stop();
  }
  await run.judgeRestart(place, texts);
  return run.outcome();
}

class Run {
  readonly wire: Wire;
  readonly #options: FuzzOptions;
  readonly #ledger = new Ledger();
  readonly #books = { a: new Book(), b: new Book() };
  readonly #findings: Finding[] = [];
  readonly #counts = { cases: counter(), statuses: counter(), parked: counter() };
  readonly #ms: number[] = [];
  #next = 0;
  #bodies = 0;
  #accepted = 0;
  #refused = 0;
  #rows = 0;
  #reads = 0;

  constructor(options: FuzzOptions, wire: Wire) {
    this.#options = options;
    this.wire = wire;
  }

  async sendAll(): Promise<void> {
    const { seed, only } = this.#options;
    if (only !== null) return await this.#sendCase(caseOf(seed, only));
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
  }

  async #work(): Promise<void> {
    while (this.#bodies < this.#options.bodies) {
      const made = caseOf(this.#options.seed, this.#next);
      this.#next += 1;
      this.#bodies += made.bodies;
      await this.#sendCase(made);
      if (made.n % readEvery === 0) await this.#readCase(made);
    }
  }

  async #sendCase(made: Case): Promise<void> {
    this.#counts.cases.add(made.kind);
    for (const step of made.steps) await this.#sendStep(made, step);
  }

  async #sendStep(made: Case, step: Step): Promise<void> {
    const book = this.#books[made.project];
    for (const neighbour of step.neighbours) book.issue(neighbour);
    let answer;
    try {
      answer = await this.wire.send(step);
    } catch (error) {
      this.#counts.statuses.add("none");
      this.#find(
        "no answer",
        made.n,
        `${step.method} ${step.path.slice(0, 100)}: ${String(error)}`,
      );
      return;
    }
    this.#ms.push(answer.ms);
    this.#counts.statuses.add(String(answer.status));
    const body = jsonOf(answer.text);
    if (answer.status === 207 && isBatchAnswer(body)) {
      this.#accepted += body.successes.length;
      this.#refused += body.errors.length;
      const named = new Set(body.successes.map(({ id }) => id));
      for (const one of step.neighbours) {
        book.answer([one], named.has(one.event.id) ? "acked" : "rejected");
      }
    } else book.answer(step.neighbours, "rejected");
    for (const { kind, text } of [
      ...answerProblems(step, answer),
      ...this.#ledger.take(made, step, answer.status, body),
    ]) {
      this.#find(kind, made.n, `${step.method} ${step.path.slice(0, 100)}: ${text}`);
    }
    if (this.#options.only !== null) show(step, answer.status, answer.text);
  }

  /** A neighbour and something hostile of this case, by their ids, as a person would look at once. */
  async #readCase({ n, project, steps }: Case): Promise<void> {
    const acked = new Set(
      this.#books[project].pages.filter((page) => page.acked).map(({ issued }) => issued),
    );
    const [neighbour] = steps
      .flatMap(({ neighbours }) => neighbours)
      .filter((one) => acked.has(one));
    const [hostile] = this.#ledger
      .entriesOf(project)
      .filter(({ state, cases }) => state === "stored" && cases.has(n) && cases.size === 1)
      .filter(isReadable);
    const asked = [
      ...(neighbour ? [entityOf(project, neighbour)] : []),
      ...(hostile ? [hostile] : []),
    ];
    for (const entity of asked) {
      this.#reads += 1;
      const isOwn = /^[hx]\d+\.\d+[-/]/.test(entity.id);
      for (const text of await readById(this.wire, entity, !isOwn)) this.#find("read", n, text);
    }
  }

  async judge(project: Project, text: string): Promise<void> {
    const rows = rowsOf(text);
    const deadLetters: DeadLetter[] = await deadLettersOf(this.wire, project);
    for (const { reason } of deadLetters) this.#counts.parked.add(reason);
    for (const { reason, detail, body } of deadLetters) {
      if (reason !== "no-id")
        this.#find(`parked as ${reason}`, null, `${detail}: ${body}`.slice(0, 500));
    }
    this.#rows += rows.length;
    const owed = {
      book: this.#books[project],
      entries: this.#ledger.entriesOf(project),
      nameless: this.#ledger.nameless.filter((one) => one.project === project),
    };
    this.#findings.push(...judgeProject(owed, { rows, deadLetters }));
    const { findings, pages } = await walkLists(this.wire, project, rows);
    this.#findings.push(...findings);
    this.#reads += pages;
  }

  /** Whatever the server thought worth an error; a crash is one too. */
  noteLog({ log }: StartedServer): void {
    for (const line of log.filter(({ level }) => level === "error")) {
      this.#find("error in the server's log", null, JSON.stringify(line).slice(0, 500));
    }
  }

  /** What a server makes of the same directory after a restart must be the same. */
  async judgeRestart(place: TwoProjects, before: Readonly<Record<Project, string>>): Promise<void> {
    const server = await place.start();
    try {
      for (const project of projects) {
        if ((await place.exportText(project)) !== before[project])
          this.#find("changed by a restart", null, `the export of project ${project}`);
      }
      this.noteLog(server);
    } finally {
      await server.stop();
    }
  }

  #find(kind: string, n: number | null, text: string): void {
    this.#findings.push({ kind, n, text });
  }

  outcome(): Outcome {
    const { cases, statuses, parked } = this.#counts;
    const neighbours = projects.map((project) => this.#books[project].acked);
    return {
      bodies: this.#bodies,
      cases: cases.all(),
      statuses: statuses.all(),
      events: { accepted: this.#accepted, refused: this.#refused },
      neighbours: neighbours.reduce((sum, acked) => sum + acked, 0),
      rows: this.#rows,
      parked: parked.all(),
      reads: this.#reads,
      busy: this.wire.busy(),
      answerMsP99: percentile(this.#ms, 0.99) ?? 0,
      answerMsMax: Math.max(0, ...this.#ms),
      findings: this.#findings,
    };
  }
}

interface Counter {
  add(name: string): void;
  all(): Record<string, number>;
}

function counter(): Counter {
  const counts = new Map<string, number>();
  return {
    add: (name) => void counts.set(name, (counts.get(name) ?? 0) + 1),
    all: () =>
      Object.fromEntries([...counts].toSorted(([one], [another]) => (one < another ? -1 : 1))),
  };
}

const shownChars = 4000;

/** One case sent alone is shown with what was sent and answered. */
function show({ method, path, headers, body }: Step, status: number, text: string): void {
  console.log(`${method} ${path}\n${JSON.stringify(headers)}`);
  console.log(
    `${body?.toString("latin1").slice(0, shownChars) ?? ""}\n→ ${status} ${text.slice(0, shownChars)}`,
  );
}
