import { access, constants, readdir, stat, statfs } from "node:fs/promises";
import path from "node:path";

import type { Config } from "../runtime/config.ts";
import { isMissing } from "../runtime/event-log/durable-files.ts";
import { sharedPepper } from "../runtime/keys.ts";
import { fail, ok, reasonOf, showSize, warn } from "./doctor-finding.ts";
import type { Finding } from "./doctor-finding.ts";

/** Whether the settings describe processes on Kafka rather than one on a data directory. */
export function isScaledOut({ kafka, clickhouse }: Config): boolean {
  return kafka.brokers !== null || clickhouse.url !== null;
}

/** Settings that are allowed together and yet rarely meant. */
export function checkSettings(config: Config): readonly Finding[] {
  const { kafka, clickhouse, forward, http } = config;
  const check = "settings";
  if (!isScaledOut(config)) return [ok(check, "of one process on a data directory (standalone)")];
  const found: Finding[] = [];
  if (kafka.brokers === null)
    found.push(
      fail(
        check,
        "SLUICE_CLICKHOUSE_URL is set without SLUICE_KAFKA_BROKERS",
        "set both for gateway, writer and query; standalone uses neither",
      ),
    );
  if (clickhouse.url === null)
    found.push(
      warn(check, "SLUICE_CLICKHOUSE_URL is not set", "set it for writer and query processes"),
    );
  if (kafka.brokers !== null && kafka.replication < 3)
    found.push(
      warn(
        check,
        `SLUICE_KAFKA_REPLICATION is ${kafka.replication}`,
        "with fewer than 3 replicas a lost disk can lose accepted events; use three brokers",
      ),
    );
  if (kafka.saslMechanism === "plain" && kafka.ssl === "off")
    found.push(
      warn(
        check,
        "SLUICE_KAFKA_SASL_MECHANISM is plain without SLUICE_KAFKA_SSL",
        "the password crosses the network as it is: set SLUICE_KAFKA_SSL=on",
      ),
    );
  if (forward.queryUrl === `http://127.0.0.1:${http.port}`)
    found.push(
      warn(
        check,
        "SLUICE_QUERY_URL and SLUICE_PORT are one address",
        "a gateway with these settings would send reads to itself: name the query process",
      ),
    );
  return found.length > 0 ? found : [ok(check, "of processes on Kafka and a ClickHouse server")];
}

/** The pepper: all keys are refused without the one that they were made with. */
export async function checkPepper(config: Config): Promise<readonly Finding[]> {
  const check = "pepper";
  if (config.keyPepper !== null) return [ok(check, "SLUICE_KEY_PEPPER is set")];
  const file = path.resolve(config.dataDir, "secrets", "pepper");
  try {
    await sharedPepper(config);
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0)
      return [warn(check, `others can read ${file}`, `run chmod 600 ${file}`)];
    return isScaledOut(config)
      ? [
          warn(
            check,
            `it comes from ${file}`,
            "set SLUICE_KEY_PEPPER, the same for all gateway and query processes",
          ),
        ]
      : [ok(check, `${file} is there`)];
  } catch (error) {
    if (isScaledOut(config) || (await hasLog(config.dataDir)))
      return [
        fail(check, reasonOf(error), "without the pepper that made them all keys are refused"),
      ];
    return [ok(check, "the first start makes one")];
  }
}

/** The directory of standalone: whether it can be written, and the room on its disk. */
export async function checkDataDir(config: Config): Promise<readonly Finding[]> {
  const check = "data-directory";
  const { diskFloorBytes } = config.eventLog;
  const directory = path.resolve(config.dataDir);
  try {
    const existing = await nearestExisting(directory);
    await access(existing, constants.W_OK);
    const { bavail, bsize } = await statfs(existing);
    const freeBytes = bavail * bsize;
    const about = `${directory} ${existing === directory ? "can be written" : "can be made"}, ${showSize(freeBytes)} are free`;
    if (freeBytes < diskFloorBytes)
      return [
        fail(
          check,
          `${about}, less than SLUICE_DISK_FLOOR_BYTES`,
          "make room: until then requests get 503",
        ),
      ];
    // Room for the log's greatest backlog, beside which the database grows.
    if (freeBytes < diskFloorBytes + config.eventLog.bytesMax)
      return [
        warn(
          check,
          `${about}, less than SLUICE_LOG_BYTES_MAX and the floor together`,
          "make room, or lower SLUICE_LOG_BYTES_MAX",
        ),
      ];
    return [ok(check, about)];
  } catch (error) {
    return [
      fail(
        check,
        reasonOf(error),
        "let the user of this process write there, or set SLUICE_DATA_DIR",
      ),
    ];
  }
}

async function hasLog(dataDir: string): Promise<boolean> {
  const entries = await readdir(path.resolve(dataDir, "log")).catch(() => []);
  return entries.length > 0;
}

async function nearestExisting(directory: string): Promise<string> {
  try {
    await stat(directory);
    return directory;
  } catch (error) {
    if (!isMissing(error)) throw error;
    return await nearestExisting(path.dirname(directory));
  }
}
