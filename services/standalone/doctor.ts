import { expectedState } from "../../clickhouse/database-state.ts";
import type { DatabaseState } from "../../clickhouse/database-state.ts";
import type { Config } from "../runtime/config.ts";
import type { Logger } from "../runtime/logger.ts";
import { checkClickhouse } from "./doctor-clickhouse.ts";
import { fail, lineOf, ok, reasonOf } from "./doctor-finding.ts";
import type { Finding } from "./doctor-finding.ts";
import { checkKafka } from "./doctor-kafka.ts";
import { checkDataDir, checkPepper, checkSettings, isScaledOut } from "./doctor-settings.ts";

export interface DoctorOptions {
  readonly config: Config;
  readonly log: Logger;
  /** Gives the database that the migrations make; made by an embedded engine when not given. */
  readonly expected?: () => Promise<DatabaseState>;
}

/** Looks at everything that the settings name, and changes nothing. Never rejects for what it finds. */
export async function examine({
  config,
  log,
  expected = expectedState,
}: DoctorOptions): Promise<readonly Finding[]> {
  const looks: Promise<readonly Finding[]>[] = [checkPepper(config)];
  if (!isScaledOut(config)) looks.push(checkDataDir(config));
  if (config.kafka.brokers !== null) looks.push(checkKafka(config, log));
  if (config.clickhouse.url !== null) looks.push(checkClickhouse(config, expected));
  if (config.forward.queryUrl !== null) looks.push(checkQuery(config.forward.queryUrl));
  return [...checkSettings(config), ...(await Promise.all(looks)).flat()];
}

/** `sluice doctor`: prints its findings, one a line or as one JSON object. Rejects when one of them is a failure. */
export async function doctorCommand(
  options: DoctorOptions & {
    readonly json: boolean;
    readonly print: (line: string) => Promise<void>;
  },
): Promise<void> {
  const findings = await examine(options);
  const failures = findings.filter(({ level }) => level === "fail").length;
  const lines = options.json
    ? [JSON.stringify({ ok: failures === 0, findings }, null, 2)]
    : findings.map(lineOf);
  for (const line of lines) await options.print(line);
  if (failures > 0)
    throw new Error(`${failures} of ${findings.length} checks failed: see what each says to do`);
}

const queryMsMax = 5_000;

async function checkQuery(url: string): Promise<readonly Finding[]> {
  const advice = "start the query process, or set SLUICE_QUERY_URL to where it is";
  try {
    const { status } = await fetch(`${url}/api/public/ready`, {
      signal: AbortSignal.timeout(queryMsMax),
    });
    return [
      status === 200
        ? ok("query.reach", `${url} is ready`)
        : fail("query.reach", `${url} answers with ${status} that it is not ready`, advice),
    ];
  } catch (error) {
    return [fail("query.reach", `${url} does not answer (${reasonOf(error)})`, advice)];
  }
}
