import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { once } from "node:events";
import { tmpdir } from "node:os";
import path from "node:path";

import { afterAll, beforeAll, describe, expect, it } from "vitest";

import { expectedState } from "../../clickhouse/database-state.ts";
import type { DatabaseState } from "../../clickhouse/database-state.ts";
import type { DevServer } from "../../clickhouse/dev-server/dev-server.ts";
import { migrate } from "../../clickhouse/migrate.ts";
import { connectTo, openTestServer, testUser } from "../../clickhouse/testing.ts";
import { parseConfig } from "../runtime/config.ts";
import type { Config, Environment } from "../runtime/config.ts";
import { createLogger } from "../runtime/logger.ts";
import { compareStates, judgeLogs, judgeSkew } from "./doctor-clickhouse.ts";
import { releaseOf } from "./doctor-kafka-versions.ts";
import { doctorCommand, examine } from "./doctor.ts";
import type { Finding } from "./doctor-finding.ts";

const log = createLogger({ level: "error", format: "json", write: () => {} });
const pepper = "5c".repeat(32);
let directory = "";
let expected: DatabaseState = { migrations: [], tables: [] };
let server: DevServer;

beforeAll(async () => {
  directory = await mkdtemp(path.join(tmpdir(), "sluice-doctor-"));
  // A process holds one engine at a time: first that of the expectation, then the server's.
  expected = await expectedState();
  server = await openTestServer();
});
afterAll(async () => {
  await server.close();
  await rm(directory, { recursive: true, force: true });
});

function configOf(env: Environment): Config {
  const parsed = parseConfig(env);
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
  return parsed.config;
}

function look(env: Environment): Promise<readonly Finding[]> {
  return examine({ config: configOf(env), log, expected: async () => expected });
}

function onServer(env: Environment = {}): Environment {
  return {
    SLUICE_CLICKHOUSE_URL: server.url,
    SLUICE_CLICKHOUSE_USER: testUser.user,
    SLUICE_CLICKHOUSE_PASSWORD: testUser.password,
    SLUICE_KEY_PEPPER: pepper,
    ...env,
  };
}

function about(findings: readonly Finding[], check: string): readonly Finding[] {
  return findings.filter((finding) => finding.check === check);
}

/** A data directory of this name. */
function data(name: string): Environment {
  return { SLUICE_DATA_DIR: path.join(directory, name) };
}

async function answer(env: Environment, json: boolean) {
  const lines: string[] = [];
  const print = async (line: string): Promise<void> => void lines.push(line);
  const outcome = await doctorCommand({ config: configOf(env), log, json, print }).then(
    () => "done",
    (error: Error) => error.message,
  );
  return { outcome, text: lines.join("\n") };
}

async function closedPort(): Promise<number> {
  const listener = createServer().listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  listener.close();
  await once(listener, "close");
  return port;
}

describe("sluice doctor on a ClickHouse server", () => {
  it("tells first that migrations are missing, then that all is well, then each drift", async () => {
    const before = await look(onServer());
    expect(about(before, "clickhouse.reach")).toMatchObject([{ level: "ok" }]);
    expect(about(before, "clickhouse.clock")).toMatchObject([{ level: "ok" }]);
    expect(about(before, "clickhouse.logs")).toMatchObject([{ level: "ok" }]);
    expect(about(before, "clickhouse.disks")).toMatchObject([
      { about: expect.stringMatching(/iB of [\d.]+ .iB are free on the disk default$/) },
    ]);
    expect(about(before, "clickhouse.migrations")).toMatchObject([
      { level: "warn", advice: expect.stringContaining("start a writer") },
    ]);

    const db = await connectTo(server.url);
    try {
      await migrate(db);
      const after = await look(onServer());
      expect(about(after, "clickhouse.migrations")).toMatchObject([{ level: "ok" }]);
      expect(about(after, "clickhouse.tables")).toMatchObject([{ level: "ok" }]);

      const table = "(event_date Date) ENGINE = MergeTree ORDER BY event_date";
      await db.exec(`CREATE TABLE system.query_log ${table} TTL event_date + INTERVAL 7 DAY`);
      await db.exec(`CREATE TABLE system.trace_log ${table}`);
      expect(about(await look(onServer()), "clickhouse.logs")).toMatchObject([
        { level: "warn", about: expect.stringContaining("(trace_log)") },
      ]);

      await db.exec("ALTER TABLE sluice.traces ADD COLUMN extra String");
      await db.exec("ALTER TABLE sluice.scores DROP INDEX ix_trace_id");
      expect(about(await look(onServer()), "clickhouse.tables")).toMatchObject([
        {
          level: "warn",
          about: expect.stringMatching(
            /ix_trace_id is missing.*traces\.extra|traces\.extra.*ix_trace_id is missing/,
          ),
        },
      ]);
      await db.exec("ALTER TABLE sluice.traces MODIFY SETTING fsync_after_insert = 0");
      await db.exec("ALTER TABLE sluice.observations DROP COLUMN status_message");
      const [drift] = about(await look(onServer()), "clickhouse.tables");
      expect(drift).toMatchObject({ level: "fail" });
      expect(drift?.about).toContain("setting fsync_after_insert is 0 instead of 1");
      expect(drift?.about).toContain("column status_message is missing");
    } finally {
      await db.close();
    }
  });

  it("says what to do about a wrong password, and about a server that is away", async () => {
    const refused = await look(onServer({ SLUICE_CLICKHOUSE_PASSWORD: "wrong" }));
    expect(about(refused, "clickhouse.reach")).toMatchObject([
      { level: "fail", advice: expect.stringContaining("_PASSWORD") },
    ]);
    const url = `http://127.0.0.1:${await closedPort()}`;
    const away = await look(onServer({ SLUICE_CLICKHOUSE_URL: url }));
    expect(about(away, "clickhouse.reach")).toMatchObject([
      {
        level: "fail",
        about: expect.stringContaining(url),
        advice: expect.stringMatching(/^start it/),
      },
    ]);
    expect(away.filter(({ check }) => check === "clickhouse.tables")).toEqual([]);
  });
});

describe("what the doctor makes of a ClickHouse server", () => {
  it.each([
    [0, "ok"],
    [-1_000, "ok"],
    [1_001, "warn"],
    [-15_000, "warn"],
    [15_001, "fail"],
    [-3_600_000, "fail"],
  ])("a clock that is %i ms ahead: %s", (skewMs, level) => {
    expect(judgeSkew(skewMs).level).toBe(level);
  });

  it("warns of logs of the server that grow for ever, and of no others", () => {
    const kept = { name: "query_log", hasTtl: true, bytes: 2 ** 40 };
    const endless = { name: "trace_log", hasTtl: false, bytes: 3 * 2 ** 30 };
    expect(judgeLogs([kept])).toMatchObject([{ level: "ok" }]);
    expect(judgeLogs([kept, endless])).toMatchObject([
      { level: "warn", about: "system logs that grow for ever, 3.0 GiB now (trace_log)" },
    ]);
  });

  it("fails on migrations of another build", () => {
    const [first, ...rest] = expected.migrations;
    const changed = { file: first?.file ?? "", checksum: "another" };
    expect(compareStates(expected, { ...expected, migrations: [changed, ...rest] })).toMatchObject([
      { level: "fail", about: expect.stringContaining(changed.file) },
    ]);
  });

  it("finds a table that is missing or has another key", () => {
    const [first, ...rest] = expected.tables;
    if (first === undefined) throw new Error("the migrations make tables");
    expect(compareStates(expected, { ...expected, tables: rest }).at(-1)).toMatchObject({
      level: "fail",
      about: `the table ${first.name} is missing`,
    });
    const other = { ...first, sortingKey: "id" };
    expect(compareStates(expected, { ...expected, tables: [other, ...rest] }).at(-1)).toMatchObject(
      { level: "fail", about: expect.stringContaining("sortingKey id instead of") },
    );
  });
});

describe("sluice doctor on Kafka's address", () => {
  it("says what to do when nothing listens, or something else does", async () => {
    const chatter = createServer((socket) => void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n"));
    chatter.listen(0, "127.0.0.1");
    await once(chatter, "listening");
    const { port } = chatter.address() as AddressInfo;
    try {
      const brokers = `127.0.0.1:${await closedPort()},127.0.0.1:${port}`;
      const found = await look({ SLUICE_KAFKA_BROKERS: brokers, SLUICE_KEY_PEPPER: pepper });
      expect(about(found, "kafka.reach")).toMatchObject([
        { level: "fail", about: expect.stringContaining("ECONNREFUSED") },
        { level: "fail", about: expect.stringContaining("does not speak Kafka's protocol") },
      ]);
      expect(about(found, "kafka.topics")).toEqual([]);
    } finally {
      chatter.close();
    }
  });

  it("tells releases apart by what they take", () => {
    const old = { min: 0, max: 17 };
    expect(releaseOf(new Map([[1, { min: 4, max: 17 }]]))).toBe("4.0 or newer");
    expect(releaseOf(new Map([1, 75].map((request) => [request, old])))).toBe("3.8 or 3.9");
    expect(releaseOf(new Map([[1, old]]))).toBeNull();
  });
});

describe("sluice doctor on settings and directories", () => {
  it("finds nothing wrong with a standalone that was never started", async () => {
    const found = await look({
      ...data("new"),
      SLUICE_DISK_FLOOR_BYTES: "0",
      SLUICE_LOG_BYTES_MAX: "16MiB",
    });
    expect(found.map(({ check, level }) => `${check} ${level}`)).toEqual([
      "settings ok",
      "pepper ok",
      "data-directory ok",
    ]);
  });

  it("asks for room where the disk lacks it for the floor and the backlog together", async () => {
    const found = await look({
      ...data("full"),
      SLUICE_DISK_FLOOR_BYTES: "1TiB",
      SLUICE_LOG_BYTES_MAX: "64TiB",
    });
    const [finding] = about(found, "data-directory");
    expect(["warn", "fail"]).toContain(finding?.level);
    expect(finding?.advice).toContain("make room");
  });

  it("fails when there is a log and its pepper is gone, and warns when others can read it", async () => {
    const dataDir = path.join(directory, "used");
    await mkdir(path.join(dataDir, "log", "events"), { recursive: true });
    expect(about(await look(data("used")), "pepper")).toMatchObject([{ level: "fail" }]);
    const file = path.join(dataDir, "secrets", "pepper");
    await mkdir(path.dirname(file));
    await writeFile(file, Buffer.alloc(32, 7), { mode: 0o600 });
    expect(about(await look(data("used")), "pepper")).toMatchObject([{ level: "ok" }]);
    await chmod(file, 0o644);
    expect(about(await look(data("used")), "pepper")).toMatchObject([
      { level: "warn", advice: `run chmod 600 ${file}` },
    ]);
  });

  it.each<[string, Environment, string]>([
    ["ClickHouse without Kafka", { SLUICE_CLICKHOUSE_URL: "http://127.0.0.1:1" }, "fail"],
    [
      "a gateway that would send reads to itself",
      { SLUICE_KAFKA_BROKERS: "127.0.0.1:1", SLUICE_QUERY_URL: "http://127.0.0.1:3000" },
      "warn",
    ],
    ["no pepper for several processes", { SLUICE_KAFKA_BROKERS: "127.0.0.1:1" }, "fail"],
    [
      "a query process that does not answer",
      { SLUICE_QUERY_URL: "http://127.0.0.1:1", SLUICE_KEY_PEPPER: pepper },
      "fail",
    ],
  ])("sees %s", async (_what, env, level) => {
    const found = await look({ ...data("new"), ...env });
    expect(found.map((finding) => finding.level)).toContain(level);
    for (const { level: one, advice } of found) expect(advice === null).toBe(one === "ok");
  });
});

describe("sluice doctor's answer", () => {
  const bad = { SLUICE_QUERY_URL: "http://127.0.0.1:1" };

  it("is a line for each look, and a rejection that counts the failures", async () => {
    const { outcome, text } = await answer(
      { ...bad, SLUICE_DATA_DIR: path.join(directory, "new") },
      false,
    );
    expect(outcome).toMatch(/^1 of \d+ checks failed/);
    expect(text).toMatch(/^ok {4}settings: /m);
    expect(text).toMatch(/^FAIL {2}query\.reach: .*: start the query process/m);
  });

  it("is one object with --json", async () => {
    const { text } = await answer({ ...bad, SLUICE_DATA_DIR: path.join(directory, "new") }, true);
    const report = JSON.parse(text) as { ok: boolean; findings: Finding[] };
    expect(report.ok).toBe(false);
    expect(report.findings).toContainEqual(
      expect.objectContaining({ check: "query.reach", level: "fail" }),
    );
  });

  it("never shows a secret", async () => {
    const { text } = await answer(
      {
        ...bad,
        SLUICE_KEY_PEPPER: pepper,
        SLUICE_CLICKHOUSE_URL: "http://127.0.0.1:1",
        SLUICE_CLICKHOUSE_PASSWORD: "hush-hush",
      },
      true,
    );
    expect(text).not.toContain(pepper);
    expect(text).not.toContain("hush-hush");
  });
});
