import { onTestFinished } from "vitest";

import { Book } from "./book.ts";
import { postUntilTaken } from "./clients.ts";
import { createIssuer } from "./events.ts";
import { repeatsInLog } from "./log-files.ts";
import { print, verdictOf } from "./ledger.ts";
import type { CaseFacts, Verdict } from "./ledger.ts";
import type { ExportedRow } from "./oracle.ts";
import { authorization, createPlace, logged, project, runCommand, startServer } from "./server.ts";
import type { Place, RunOptions, Server } from "./server.ts";
import { buildVariant } from "./variant.ts";
import type { Patch } from "./variant.ts";

/** One case: a place, the book of what was sent there, and every server that ran on it. */
export interface Rig {
  readonly place: Place;
  readonly book: Book;
  readonly servers: readonly Server[];
  start(options?: RunOptions): Promise<Server>;
  /** Sends an event of its own, which must be acknowledged within seconds. */
  probe(): Promise<void>;
  /** Probes, exports and judges, on a server that runs. */
  close(facts: ClosingFacts): Promise<Verdict>;
}

export interface ClosingFacts extends Pick<
  CaseFacts,
  "name" | "faults" | "floor" | "detectMs" | "recoverMs"
> {
  /** Since when there was no fault, as `performance.now()` counts. */
  readonly healedAt?: number;
}

/** A rig that is taken down when the running test ends. */
export async function createRig(env: Readonly<Record<string, string>> = {}): Promise<Rig> {
  const place = await createPlace(env);
  onTestFinished(() => place.dispose());
  const book = new Book();
  const servers: Server[] = [];
  let probes = 0;
  const rig: Rig = {
    place,
    book,
    servers,
    async start(options) {
      const server = await startServer(place, options);
      servers.push(server);
      return server;
    },
    async probe() {
      probes += 1;
      const issued = createIssuer(`probe${probes}`, Date.now()).next("trace");
      book.issue(issued);
      await postUntilTaken(place.url, book, [issued]);
    },
    async close({ healedAt, ...facts }) {
      await rig.probe();
      const rows = await exportRows(place);
      const drainMs = healedAt === undefined ? null : performance.now() - healedAt;
      const verdict = verdictOf({
        ...facts,
        book,
        rows,
        drainMs,
        parked: parkedBy(servers),
        dupLog: await repeatsInLog(place.dataDir),
        rssMax: Math.max(...servers.map((server) => server.rssMax())),
      });
      print(verdict);
      return verdict;
    },
  };
  return rig;
}

/** A build with faults, which is removed when the running test ends. */
export async function variantForTest(...patches: readonly Patch[]): Promise<RunOptions> {
  const variant = await buildVariant(...patches);
  onTestFinished(() => variant.dispose());
  return { program: variant.program };
}

/** All rows of the project, as `sluice export` gives them once everything accepted is stored. */
export async function exportRows(place: Place): Promise<ExportedRow[]> {
  return (await exportText(place))
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as ExportedRow);
}

export async function exportText(place: Place): Promise<string> {
  const { code, stdout, stderr } = await runCommand(place, ["export", "--project", project]);
  if (code !== 0) throw new Error(`The export failed with ${code}: ${stderr}`);
  return stdout;
}

/** How many traces can be read now. */
export async function countTraces(place: Place): Promise<number> {
  const answer = await fetch(`${place.url}/api/public/traces?limit=1`, {
    headers: { authorization },
  });
  const { meta } = (await answer.json()) as { readonly meta: { readonly totalItems: number } };
  return meta.totalItems;
}

/** Records that any of the servers put aside; a record that was parked again after a restart counts once. */
function parkedBy(servers: readonly Server[]): number {
  const lines = servers.flatMap((server) => logged(server.stderr(), "record parked"));
  return new Set(lines.map(({ partition, ver }) => JSON.stringify([partition, ver]))).size;
}
