import type { Book } from "./book.ts";
import { judge } from "./oracle.ts";
import type { ExportedRow } from "./oracle.ts";

/** What makes a run worth judging: without it, a case in which nothing happened would pass. */
export interface Floor {
  readonly acked: number;
  /** How often the fault must have been seen to strike. */
  readonly faults: number;
  /** Events that must stand in the log more than once, where repeats are the point. */
  readonly dupLog?: number;
  /** Records that must be put aside, neither more nor fewer; none unless the case is about such records. */
  readonly parked?: number;
}

export interface CaseFacts {
  readonly name: string;
  readonly book: Book;
  readonly rows: readonly ExportedRow[];
  readonly faults: number;
  readonly floor: Floor;
  /** Records that the writer put aside. */
  readonly parked: number;
  /** Records of the log beyond the first of each event; null when it was not counted. */
  readonly dupLog?: number | null;
  /** Milliseconds; null for what does not apply. */
  readonly detectMs?: number | null;
  readonly recoverMs?: number | null;
  readonly drainMs?: number | null;
  readonly rssMax: number;
}

export interface Verdict {
  readonly line: string;
  /** Empty when the case passed. */
  readonly problems: readonly string[];
}

/** Prints the line of a case, under the names of its columns when it is the first. */
export function print({ line }: Verdict): void {
  console.log(isHeadPrinted ? line : `${head}\n${line}`);
  isHeadPrinted = true;
}

/** Judges one case: its line of the ledger, and every reason why it failed. */
export function verdictOf(facts: CaseFacts): Verdict {
  const { book, floor, dupLog = null } = facts;
  const { stored, lostAcked, ghosts, payloadDiff, dupVisible } = judge(book, facts.rows);
  const { sent, acked, refused, unknown } = book.tally();
  const problems = [
    ...found("LOST_ACKED", lostAcked),
    ...found("ghosts", ghosts),
    ...found("payload_diff", payloadDiff),
    ...found("dup_visible", dupVisible),
    ...(facts.parked === (floor.parked ?? 0)
      ? []
      : [`${facts.parked} records were parked, not ${floor.parked ?? 0}`]),
    ...(acked < floor.acked ? [`only ${acked} events were acked, not ${floor.acked}`] : []),
    ...(facts.faults < floor.faults
      ? [`the fault struck ${facts.faults} times, not ${floor.faults}`]
      : []),
    ...((dupLog ?? 0) < (floor.dupLog ?? 0)
      ? [`the log holds ${dupLog} repeats, not ${floor.dupLog}`]
      : []),
  ];
  const line = [
    facts.name,
    `${sent} ${acked} ${refused} ${unknown}`,
    `${stored} ${facts.parked}`,
    `${lostAcked.length} ${ghosts.length} ${payloadDiff.length}`,
    `${shown(dupLog)} - ${dupVisible.length}`,
    `${seconds(facts.detectMs)} ${seconds(facts.recoverMs)} ${seconds(facts.drainMs)} s`,
    `${shown(book.ackMsP99(), 0)} ms`,
    `${shown(facts.rssMax, 0)} MB`,
    problems.length === 0 ? "PASS" : "FAIL",
  ].join(" | ");
  return { line, problems };
}

/** What the columns of a line are. `dup_raw`, rows before merging, is only seen inside of the engine and stays `-`. */
const head =
  "case | sent acked refused unknown | stored(distinct) dlq | LOST_ACKED ghosts payload_diff | " +
  "dup_log dup_raw dup_visible | t_detect t_recover t_drain s | p99_ack ms | rss_max MB | PASS/FAIL";

let isHeadPrinted = false;

const examplesMax = 3;

function found(what: string, items: readonly string[]): string[] {
  if (items.length === 0) return [];
  return [`${what} ${items.length}, such as ${items.slice(0, examplesMax).join("; ")}`];
}

function seconds(ms: number | null | undefined): string {
  return shown(ms === null || ms === undefined ? null : ms / 1000, 2);
}

function shown(value: number | null, digits = 0): string {
  return value === null ? "-" : value.toFixed(digits);
}
