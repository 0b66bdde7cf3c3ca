import type { Setting } from "./setting.ts";
import { settings } from "./settings.ts";

/** The parsed configuration. Sizes are bytes, times as the unit in their name says. */
export type Config = Values<typeof settings>;

export type Environment = Readonly<Record<string, string | undefined>>;

export type ParsedConfig =
  | { readonly ok: true; readonly config: Config; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly problems: readonly string[] };

/**
 * The configuration that an environment describes, or every problem with it, each with what to do.
 * Empty variables count as not set. Takes the environment as data and touches nothing else.
 */
export function parseConfig(env: Environment): ParsedConfig {
  const problems: string[] = [];
  const values = readTable(settings, (entry) => readSetting(entry, env, problems));
  problems.push(...conflicts(values));
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, config: values, warnings: unknownNames(env) };
}

/** All settings in the order of the table, or those of some of its groups. */
export function listSettings(
  groups: readonly (keyof Config)[] = Object.keys(settings) as (keyof Config)[],
): readonly Setting<unknown>[] {
  const list: Setting<unknown>[] = [];
  const table = Object.fromEntries(
    Object.entries(settings).filter(([group]) => (groups as readonly string[]).includes(group)),
  );
  readTable(table, (entry) => void list.push(entry));
  return list;
}

/** `NAME=value` for every setting of a configuration, secrets masked. */
export function showConfig(env: Environment): readonly string[] {
  return listSettings().map((entry) => {
    const text = given(entry, env)[0]?.text ?? entry.initial;
    if (text === null) return `${entry.name} is not set`;
    return `${entry.name}=${entry.secret ? "(hidden)" : text}`;
  });
}

type Values<Entry> =
  Entry extends Setting<infer Value>
    ? Value
    : { readonly [Key in keyof Entry]: Values<Entry[Key]> };

type Table = { readonly [key: string]: Table | Setting<unknown> };

function readTable<Part extends object>(
  table: Part,
  read: (entry: Setting<unknown>) => unknown,
): Values<Part> {
  const entries = Object.entries(table as Table).map(([key, part]) => [
    key,
    isSetting(part) ? read(part) : readTable(part, read),
  ]);
  return Object.fromEntries(entries) as Values<Part>;
}

function isSetting(part: Table | Setting<unknown>): part is Setting<unknown> {
  return typeof part["format"] === "object" && "parse" in part["format"];
}

function readSetting(entry: Setting<unknown>, env: Environment, problems: string[]): unknown {
  const [found, other] = given(entry, env);
  if (found && other && found.text !== other.text)
    problems.push(`${found.name} and ${other.name} differ: set only one of them.`);
  const text = found?.text ?? entry.initial;
  if (text === null) return null;
  const value = entry.format.parse(text);
  if (value === undefined) {
    const shown = entry.secret ? "" : ` is ${JSON.stringify(text.slice(0, 60))}`;
    problems.push(`${found?.name ?? entry.name}${shown}: it must be ${entry.format.expected}.`);
  }
  return value;
}

/** What the environment gives for a setting, under its own name first. */
function given(entry: Setting<unknown>, env: Environment): { name: string; text: string }[] {
  return [entry.name, entry.twin].flatMap((name) => {
    const text = name === null ? undefined : env[name];
    return name === null || text === undefined || text === "" ? [] : [{ name, text }];
  });
}

/** Settings that are well written each by itself but cannot go together. */
function conflicts(config: Config): readonly string[] {
  const found: string[] = [];
  const { http, otlp, init, reads, engine, clickhouse, kafka } = config;
  if (http.bodyBytesMax > http.inflightBytesMax)
    found.push(
      "SLUICE_BODY_BYTES_MAX is above SLUICE_INFLIGHT_BYTES_MAX: no such body could ever enter.",
    );
  if (otlp.bodyBytesMax > http.inflightBytesMax)
    found.push(
      "SLUICE_OTLP_BODY_BYTES_MAX is above SLUICE_INFLIGHT_BYTES_MAX: no such request could ever enter.",
    );
  if (clickhouse.url === null && reads.memoryBytesMax > engine.memoryBytesMax)
    found.push("SLUICE_READ_MEMORY_BYTES is above SLUICE_ENGINE_MEMORY_BYTES: lower it.");
  if (clickhouse.url === null && clickhouse.cluster !== null)
    found.push("SLUICE_CLICKHOUSE_CLUSTER is of a server: set SLUICE_CLICKHOUSE_URL too.");
  if ((init.publicKey === null) !== (init.secretKey === null))
    found.push(
      "SLUICE_INIT_PROJECT_PUBLIC_KEY and SLUICE_INIT_PROJECT_SECRET_KEY belong together: set both or neither.",
    );
  const sasl = [kafka.saslMechanism, kafka.saslUsername, kafka.saslPassword];
  if (sasl.includes(null) && sasl.some((part) => part !== null))
    found.push(
      "SLUICE_KAFKA_SASL_MECHANISM, _USERNAME and _PASSWORD belong together: set all three or none.",
    );
  return found;
}

/** A misspelt name would silently leave its default in force, so it is named. */
function unknownNames(env: Environment): readonly string[] {
  const known = new Set(listSettings().map((entry) => entry.name));
  return Object.keys(env)
    .filter((name) => name.startsWith("SLUICE_") && !known.has(name))
    .map((name) => `${name} is not a setting of Sluice and is ignored: see --help.`);
}
