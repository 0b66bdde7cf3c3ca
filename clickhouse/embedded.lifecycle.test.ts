import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { expect, test } from "vitest";
import { openEmbedded } from "./embedded.ts";
import { openTestDb } from "./testing.ts";

const limits = { readers: 2, memoryBytesMax: 1024 ** 3, readDefaults: { timeMs: 5000 } };

/** Holds the directory from a process of its own, until killed. */
const holder = `
  const { Session } = require("chdb");
  const session = new Session(process.argv[1]);
  session.query("CREATE TABLE IF NOT EXISTS default.t (n UInt64) ENGINE = MergeTree ORDER BY n");
  session.query("INSERT INTO default.t VALUES (1)");
  console.log("ready");
  setInterval(() => {}, 1000);`;

test("what was stored is there after closing and opening again", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-clickhouse-"));
  const first = await openEmbedded({ directory, ...limits });
  await first.exec("CREATE TABLE default.t (n UInt64) ENGINE = MergeTree ORDER BY n");
  await first.insert("default.t", Buffer.from('{"n":1}\n'));
  await first.close();
  const second = await openEmbedded({ directory, ...limits });
  expect(await second.query("SELECT n FROM default.t")).toEqual([{ n: "1" }]);
  await second.close();
  await rm(directory, { recursive: true });
});

test("a directory that another process holds is refused by name, and opens once that is gone", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-clickhouse-"));
  const other = spawn(process.execPath, ["-e", holder, directory], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await once(other.stdout, "data");
  const refusal = await openEmbedded({ directory, ...limits }).catch((error: unknown) => error);
  expect(String(refusal)).toContain(directory);
  expect(String(refusal)).toContain(`Process ${other.pid} holds it`);
  other.kill("SIGKILL");
  await once(other, "exit");
  const db = await openEmbedded({ directory, ...limits });
  expect(await db.query("SELECT n FROM default.t")).toEqual([{ n: "1" }]);
  await db.close();
  await rm(directory, { recursive: true });
});

test("a directory that cannot be made says which", async () => {
  const directory = path.join(process.execPath, "clickhouse");
  await expect(openEmbedded({ directory, ...limits })).rejects.toThrow(directory);
});

test("close waits for what runs and waits, ends streams with an error, and refuses what comes later", async () => {
  const db = await openTestDb();
  await db.exec("CREATE TABLE default.t (n UInt64) ENGINE = MergeTree ORDER BY n");
  const stream = db.stream("SELECT number AS n FROM numbers(1e12)")[Symbol.asyncIterator]();
  await stream.next();
  const reads = Array.from({ length: 8 }, () => db.query("SELECT sleep(0.1) AS z"));
  const insert = db.insert("default.t", Buffer.from('{"n":1}\n'));
  const closed = db.close();

  for (const rows of await Promise.all(reads)) expect(rows).toEqual([{ z: 0 }]);
  await insert;
  await closed;
  await db.close();
  const rest = (async () => {
    for (;;) if ((await stream.next()).done) return;
  })();
  await expect(rest).rejects.toThrow(/closed/);
  await expect(db.query("SELECT 1")).rejects.toThrow(/closed/);
  await expect(db.exec("SELECT 1")).rejects.toThrow(/closed/);
  await expect(db.insert("default.t", Buffer.from("{}"))).rejects.toThrow(/closed/);
  await expect(db.stream("SELECT 1")[Symbol.asyncIterator]().next()).rejects.toThrow(/closed/);
});

test("killing the process loses no insert that was acknowledged", async () => {
  const directory = await mkdtemp(path.join(tmpdir(), "sluice-clickhouse-"));
  const script = `
    const { Session } = require("chdb");
    const session = new Session(process.argv[1]);
    session.query("CREATE TABLE IF NOT EXISTS default.t (n UInt64) ENGINE = MergeTree ORDER BY n SETTINGS fsync_after_insert = 1, fsync_part_directory = 1");
    (async () => {
      for (let n = 0; n < 20; n++) {
        await session.insert({ table: "default.t", values: Buffer.from('{"n":' + n + '}\\n'), format: "JSONEachRow", settings: { async_insert: 0 } });
      }
      process.kill(process.pid, "SIGKILL");
    })();`;
  const { signal } = spawnSync(process.execPath, ["-e", script, directory]);
  expect(signal).toBe("SIGKILL");
  const db = await openEmbedded({ directory, ...limits });
  expect(await db.query("SELECT count() AS n FROM default.t")).toEqual([{ n: "20" }]);
  await db.close();
  await rm(directory, { recursive: true });
});
