import { once } from "node:events";
import { readFileSync } from "node:fs";

import type { Db } from "../../clickhouse/engine.ts";
import { exportProject } from "../../clickhouse/queries/export.ts";
import { openServer } from "../../clickhouse/server.ts";
import { Book } from "../faults/book.ts";
import { postUntilTaken } from "../faults/clients.ts";
import { createIssuer } from "../faults/events.ts";
import { print, verdictOf } from "../faults/ledger.ts";
import type { CaseFacts, Verdict } from "../faults/ledger.ts";
import type { ExportedRow } from "../faults/oracle.ts";
import { authorization, project, publicKey, secretKey } from "../faults/server.ts";
import { buildVariant } from "../faults/variant.ts";
import type { Patch, Variant } from "../faults/variant.ts";
import { startCluster } from "../processes/cluster.ts";
import type { Cluster, ClusterOptions, Command, StartedProcess } from "../processes/cluster.ts";
import { eventually } from "../started-server.ts";
import { writerGroup } from "./group.ts";
import type { WriterGroup } from "./group.ts";
import { shortSession } from "./patches.ts";

/** Kafka, ClickHouse, and the processes that were started on them, for the cases of one file. */
export interface Rig {
  readonly cluster: Cluster;
  readonly group: WriterGroup;
  /** Starts a process of the build with faults in it. */
  start(command: Command, ...patches: readonly Patch[]): Promise<StartedProcess>;
  /** The same with settings of its own. */
  startWith(
    env: Readonly<Record<string, string>>,
    command: Command,
    ...patches: readonly Patch[]
  ): Promise<StartedProcess>;
  /** Begins a case with a book of its own. The ids of all its events must begin with `run`, followed by a dot. */
  begin(run: string): FaultCase;
  /** Ends all processes and removes what they stored. */
  stop(): Promise<void>;
}

export interface FaultCase {
  readonly book: Book;
  /**
   * What is stored of this case, once the writers have come to the end of the log; of the suite's own project unless
   * another is named.
   */
  rows(projectId?: string): Promise<ExportedRow[]>;
  /**
   * Sends an event of its own, waits until the writers have come to the end of the log and the query process gives that
   * event, and judges.
   */
  close(facts: ClosingFacts): Promise<Verdict>;
}

export interface ClosingFacts extends Pick<
  CaseFacts,
  "name" | "faults" | "floor" | "dupLog" | "detectMs" | "recoverMs"
> {
  /** The gateway that the last event is sent to. */
  readonly url: string;
  /** Since when there was no fault, as `performance.now()` counts. */
  readonly healedAt?: number;
}

const readBudget = { timeMs: 60_000, memoryBytes: 1024 ** 3 };

/** Starts Kafka, ClickHouse and a query process; the processes that write are started by the cases. */
export async function createRig(options: ClusterOptions = {}): Promise<Rig> {
  const cluster = await startCluster({
    ...options,
    env: {
      SLUICE_INIT_PROJECT_ID: project,
      SLUICE_INIT_PROJECT_PUBLIC_KEY: publicKey,
      SLUICE_INIT_PROJECT_SECRET_KEY: secretKey,
      SLUICE_LOG_LEVEL: "debug",
      ...options.env,
    },
  });
  const db = await openServer({
    url: cluster.clickhouse.url,
    user: "default",
    password: "",
    compress: false,
    cluster: null,
    consistentReads: true,
    connectionsMax: 1,
    readDefaults: readBudget,
  });
  const group = writerGroup(cluster.kafka.addresses);
  const started: StartedProcess[] = [];
  const variants: Variant[] = [];
  const earlier: string[] = [];

  async function startWith(
    env: Readonly<Record<string, string>>,
    command: Command,
    ...patches: readonly Patch[]
  ): Promise<StartedProcess> {
    const variant = await buildVariant(shortSession, ...patches);
    variants.push(variant);
    const one = await cluster.start(command, env, variant.program);
    started.push(one);
    return one;
  }

  const query = startWith({}, "query");
  // Its failure is told to the first case that is closed.
  query.catch(() => {});

  return {
    cluster,
    group,
    startWith,
    start: (command, ...patches) => startWith({}, command, ...patches),
    begin(run) {
      const others = [...earlier];
      earlier.push(run);
      const from = started.length;
      const book = new Book();
      const rows = async (projectId = project): Promise<ExportedRow[]> => {
        await group.untilDrained();
        const all = await exportRows(db, projectId);
        return all.filter(({ id }) => !others.some((other) => id.startsWith(`${other}.`)));
      };
      return {
        book,
        rows,
        async close({ url, healedAt, ...facts }) {
          const probe = createIssuer(`${run}.probe`, Date.now()).next("trace");
          book.issue(probe);
          await postUntilTaken(url, book, [probe]);
          await group.untilDrained();
          await untilReadable((await query).url, probe.event.body.id);
          const drainMs = healedAt === undefined ? null : performance.now() - healedAt;
          const verdict = verdictOf({
            ...facts,
            book,
            rows: await rows(),
            drainMs,
            parked: parkedBy(started.slice(from)),
            rssMax: Math.max(0, ...started.map(({ process: { pid } }) => peakRss(pid))),
          });
          print(verdict);
          return verdict;
        },
      };
    },
    async stop() {
      await db.close();
      await cluster.stop();
      for (const variant of variants) await variant.dispose();
    },
  };
}

/** Ends a process as `kill -9` would; resolves when it is gone, which it may have been before. */
export async function kill({ process: child }: StartedProcess): Promise<void> {
  const gone = gonePromise(child);
  child.kill("SIGKILL");
  await gone;
}

/** Resolves with the signal that ended a process, or null when it ended by itself. */
export async function endOf({ process: child }: StartedProcess): Promise<NodeJS.Signals | null> {
  await gonePromise(child);
  return child.signalCode;
}

/** How often a process logged this. */
export function timesLogged({ log }: StartedProcess, message: string): number {
  return log.filter((line) => line.message === message).length;
}

/** Resolves once the trace can be read; while the server was away just now, a read may fail. */
async function untilReadable(url: string, id: string): Promise<void> {
  const read = async (): Promise<number> => {
    const answer = await fetch(`${url}/api/public/traces/${id}`, { headers: { authorization } });
    await answer.arrayBuffer();
    return answer.status;
  };
  await eventually(read, (status) => status === 200);
}

async function gonePromise(child: StartedProcess["process"]): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}

async function exportRows(db: Db, projectId: string): Promise<ExportedRow[]> {
  const rows: ExportedRow[] = [];
  for await (const line of exportProject(db, projectId)) rows.push(JSON.parse(line) as ExportedRow);
  return rows;
}

/** A record that was parked again after a restart counts once. */
function parkedBy(processes: readonly StartedProcess[]): number {
  const lines = processes.flatMap(({ log }) =>
    log.filter(({ message }) => message === "record parked"),
  );
  return new Set(lines.map((line) => JSON.stringify([line["partition"], line["ver"]]))).size;
}

/** The kernel's own high-water mark, in MiB; 0 when the process is gone. */
function peakRss(pid: number | undefined): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, "utf8");
    return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1] ?? 0) / 1024;
  } catch {
    return 0;
  }
}
