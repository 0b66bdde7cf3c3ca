import { databaseState, driftOf } from "../../clickhouse/database-state.ts";
import type { DatabaseState } from "../../clickhouse/database-state.ts";
import { DbError } from "../../clickhouse/engine.ts";
import type { Db } from "../../clickhouse/engine.ts";
import { disks, serverIdentity, systemLogs } from "../../clickhouse/queries/server-state.ts";
import type { SystemLog } from "../../clickhouse/queries/server-state.ts";
import { openServer } from "../../clickhouse/server.ts";
import type { Config } from "../runtime/config.ts";
import { fail, ok, reasonOf, showSize, warn } from "./doctor-finding.ts";
import type { Finding } from "./doctor-finding.ts";

/** README.md says so. */
const versionMin = [25, 6] as const;
/** Processes and servers of one network keep their clocks within some milliseconds. */
const skewMsWarn = 1_000;
/** Half of what a lease lasts (services/runtime/lease.ts), which rests on clocks that differ by less. */
const skewMsFail = 15_000;
/** Below the first share of a disk merges may not find room; below the second inserts are refused soon. */
const freeShareWarn = 0.15;
const freeShareFail = 0.05;
const readMsMax = 10_000;
/** What fits a line. */
const shownMax = 5;

/** Looks at the ClickHouse server that the settings name. `expected` gives what the migrations would make. */
export async function checkClickhouse(
  { clickhouse }: Config,
  expected: () => Promise<DatabaseState>,
): Promise<readonly Finding[]> {
  const url = clickhouse.url ?? "";
  const db = await openServer({
    ...clickhouse,
    url,
    password: clickhouse.password ?? "",
    compress: clickhouse.compress === "on",
    consistentReads: false,
    readDefaults: { timeMs: readMsMax },
  });
  try {
    const reached = await checkReached(db, url);
    if (reached.some(({ level }) => level === "fail")) return reached;
    const rest = await Promise.all([
      settled("clickhouse.tables", async () => {
        const found = await databaseState(db, clickhouse.cluster);
        return compareStates(await expected(), found);
      }),
      settled("clickhouse.logs", async () => judgeLogs(await systemLogs(db))),
      settled("clickhouse.disks", () => checkDisks(db)),
    ]);
    return [...reached, ...rest.flat()];
  } finally {
    await db.close();
  }
}

async function checkReached(db: Db, url: string): Promise<readonly Finding[]> {
  const before = Date.now();
  try {
    const { version, now } = await serverIdentity(db);
    // The server looked at its clock somewhere in between.
    const [early, late] = [now - Date.now(), now - before];
    const skewMs = early > 0 ? early : Math.min(late, 0);
    return [judgeVersion(version, url), judgeSkew(skewMs)];
  } catch (error) {
    const isAnswer = error instanceof DbError && error.code !== 0;
    const advice = isAnswer
      ? "check SLUICE_CLICKHOUSE_USER and _PASSWORD, and that the user's profile may change settings"
      : "start it, or set SLUICE_CLICKHOUSE_URL to where its HTTP interface is";
    return [fail("clickhouse.reach", `${url} does not answer (${reasonOf(error)})`, advice)];
  }
}

function judgeVersion(version: string, url: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isOld = major < versionMin[0] || (major === versionMin[0] && minor < versionMin[1]);
  const about = `${url} answers, version ${version}`;
  return isOld
    ? fail("clickhouse.reach", about, `upgrade it to ${versionMin.join(".")} or newer`)
    : ok("clickhouse.reach", about);
}

/** Judges by how many milliseconds the server's clock is ahead of this one. */
export function judgeSkew(skewMs: number): Finding {
  const about = `the clock of ClickHouse differs from this machine's by ${Math.abs(skewMs)} ms`;
  const advice = "let NTP set the clocks of all machines";
  if (Math.abs(skewMs) > skewMsFail) return fail("clickhouse.clock", about, advice);
  if (Math.abs(skewMs) > skewMsWarn) return warn("clickhouse.clock", about, advice);
  return ok("clickhouse.clock", about);
}

/** Judges migrations and tables against those that this build makes. */
export function compareStates(expected: DatabaseState, found: DatabaseState): readonly Finding[] {
  const known = new Map(expected.migrations.map(({ file, checksum }) => [file, checksum]));
  const foreign = found.migrations.filter(({ file, checksum }) => known.get(file) !== checksum);
  if (foreign.length > 0) {
    const names = listed(foreign.map(({ file }) => file));
    const advice = "run the version of Sluice that made them, or a newer one";
    return [fail("clickhouse.migrations", `this build does not know ${names} as applied`, advice)];
  }
  const missing = expected.migrations.length - found.migrations.length;
  if (missing > 0) {
    const about = `${missing} of ${expected.migrations.length} migrations are not applied`;
    return [warn("clickhouse.migrations", about, "start a writer, which applies them")];
  }
  const drift = driftOf(expected, found);
  const harmful = drift.filter(({ harm }) => harm === "data");
  const about = listed((harmful.length > 0 ? harmful : drift).map(({ about: text }) => text));
  const repair = "undo by hand what was changed by hand (ALTER TABLE)";
  return [
    ok("clickhouse.migrations", `all ${known.size} are applied`),
    drift.length === 0
      ? ok("clickhouse.tables", `${expected.tables.length} tables are as the migrations make them`)
      : (harmful.length > 0 ? fail : warn)("clickhouse.tables", about, repair),
  ];
}

/** Judges whether the server's logs about itself end. */
export function judgeLogs(logs: readonly SystemLog[]): readonly Finding[] {
  const endless = logs.filter(({ hasTtl }) => !hasTtl);
  if (endless.length === 0)
    return [ok("clickhouse.logs", `${logs.length} system logs, none without a TTL`)];
  const bytes = endless.reduce((sum, log) => sum + log.bytes, 0);
  const about = `system logs that grow for ever, ${showSize(bytes)} now (${listed(endless.map(({ name }) => name))})`;
  const advice = "give each a <ttl> in the server's configuration, as deploy/clickhouse/ does";
  return [warn("clickhouse.logs", about, advice)];
}

async function checkDisks(db: Db): Promise<readonly Finding[]> {
  return (await disks(db)).map(({ name, freeBytes, totalBytes }) => {
    const about = `${showSize(freeBytes)} of ${showSize(totalBytes)} are free on the disk ${name}`;
    const advice = "make room or add a disk before inserts are refused";
    const share = freeBytes / totalBytes;
    if (share < freeShareFail) return fail("clickhouse.disks", about, advice);
    return share < freeShareWarn
      ? warn("clickhouse.disks", about, advice)
      : ok("clickhouse.disks", about);
  });
}

/** A look that cannot be taken is itself a finding. */
async function settled(
  check: string,
  look: () => Promise<readonly Finding[]>,
): Promise<readonly Finding[]> {
  try {
    return await look();
  } catch (error) {
    const detail = error instanceof DbError ? `${error.message}, ${error.detail}` : reasonOf(error);
    const about = `could not be looked at (${detail.slice(0, 200)})`;
    return [fail(check, about, "let the user of SLUICE_CLICKHOUSE_USER read the tables of system")];
  }
}

function listed(texts: readonly string[]): string {
  const more = texts.length - shownMax;
  return texts.slice(0, shownMax).join("; ") + (more > 0 ? `; and ${more} more` : "");
}
