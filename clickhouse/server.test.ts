import { once } from "node:events";
import { createServer } from "node:http";
import type { RequestListener } from "node:http";
import { createServer as createTcpServer } from "node:net";
import type { AddressInfo, Server } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { DevServer } from "./dev-server/dev-server.ts";
import { DbError } from "./engine.ts";
import type { Db } from "./engine.ts";
import { collect } from "./engine-streams.contract.ts";
import { connectTo, hostileTexts, openTestServer, testUser } from "./testing.ts";

let server: DevServer;
let db: Db;

beforeAll(async () => {
  server = await openTestServer();
  db = await connectTo(server.url);
  await db.exec("CREATE TABLE default.t (n UInt64) ENGINE = MergeTree ORDER BY n");
});

afterEach(() => server.setFault(null));

afterAll(async () => {
  await db.close();
  await server.close();
});

const row = Buffer.from('{"n":1}\n');

async function errorOf(work: Promise<unknown>): Promise<DbError> {
  const error = await work.then(
    () => "no error",
    (refusal: unknown) => refusal,
  );
  expect(error).toBeInstanceOf(DbError);
  return error as DbError;
}

async function count(): Promise<number> {
  const [found] = await db.query<{ n: string }>("SELECT count() AS n FROM default.t");
  return Number(found?.n);
}

/** The port to something that listens and is no ClickHouse. */
async function connectToListener(listener: Server, scheme = "http"): Promise<Db> {
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;
  const other = await connectTo(`${scheme}://127.0.0.1:${port}`);
  onTestFinished(async () => {
    await other.close();
    listener.close();
  });
  return other;
}

const answering = (listener: RequestListener): Promise<Db> =>
  connectToListener(createServer(listener));

describe("a server that is in trouble", () => {
  test("statements are transient failures while it is down, and succeed once it is back", async () => {
    server.setFault({ kind: "down" });
    for (const work of [
      () => db.query("SELECT 1"),
      () => db.insert("default.t", row),
      () => db.exec("CREATE TABLE default.never (n Int8) ENGINE = Memory"),
      () => collect(db.stream("SELECT 1")),
    ]) {
      expect(await errorOf(work())).toMatchObject({ kind: "transient", code: 0 });
    }
    server.setFault(null);
    expect(await db.query("SELECT 1 AS one")).toEqual([{ one: 1 }]);
    expect(await db.query("EXISTS TABLE default.never")).toEqual([{ result: 0 }]);
  });

  test("nothing that listens is a transient failure", async () => {
    const nowhere = createTcpServer();
    const other = await connectToListener(nowhere);
    nowhere.close();
    await once(nowhere, "close");
    expect(await errorOf(other.query("SELECT 1"))).toMatchObject({ kind: "transient", code: 0 });
  });

  test("an insert of which the answer is lost is a transient failure, although it was done", async () => {
    const before = await count();
    server.setFault({ kind: "lost", match: "INSERT INTO default.t" });
    expect(await errorOf(db.insert("default.t", row))).toMatchObject({
      kind: "transient",
      code: 0,
    });
    expect(await count()).toBe(before + 1);
  });

  test.each([
    [241, "read", "budget"],
    [241, "insert", "transient"],
    [252, "insert", "transient"],
    [289, "read", "transient"],
    [242, "insert", "transient"],
    [516, "read", "unknown"],
    [60, "insert", "unknown"],
  ] as const)(
    "the code %i of a refused %s is a failure of the kind %s",
    async (code, purpose, kind) => {
      server.setFault({ kind: "refuse", code });
      const work = purpose === "read" ? db.query("SELECT 1") : db.insert("default.t", row);
      expect(await errorOf(work)).toMatchObject({ kind, code });
    },
  );

  test("an answer that is cut off is a failure, whole or streamed", async () => {
    server.setFault({ kind: "cut" });
    const sql = "SELECT number AS n FROM numbers(100000)";
    expect(await errorOf(db.query(sql))).toMatchObject({ kind: "transient" });
    expect(await errorOf(collect(db.stream(sql)))).toMatchObject({ kind: "transient" });
  });

  test("one that is silent is given up after a read's time and 3 s, one that cannot be connected after 3 s", async () => {
    const silent = await answering(() => {});
    // It takes the connection, and never the handshake.
    const deaf = await connectToListener(
      createTcpServer(() => {}),
      "https",
    );
    const errors = await Promise.all([
      errorOf(silent.query("SELECT 1", {}, { timeMs: 1 })),
      errorOf(deaf.insert("default.t", row)),
    ]);
    for (const error of errors) expect(error).toMatchObject({ kind: "transient", code: 0 });
    expect(errors[1].detail).toContain("3000 ms");
  });

  test("a proxy's own answer is a transient failure", async () => {
    const proxied = await answering((_request, response) => {
      response.statusCode = 502;
      response.end("<html>Bad gateway; Code: 27. </html>");
    });
    expect(await errorOf(proxied.query("SELECT 1"))).toMatchObject({ kind: "transient", code: 0 });
  });

  test("an answer that is no answer is a failure", async () => {
    const odd = await answering((_request, response) => response.end("<html>Welcome</html>"));
    expect(await errorOf(odd.query("SELECT 1"))).toMatchObject({ kind: "transient", code: 0 });
    expect(await errorOf(collect(odd.stream("SELECT 1")))).toMatchObject({ kind: "transient" });
  });
});

test("neither secrets nor rows nor texts stand in an error, but where no logger looks", async () => {
  const secret = "of a customer";
  const wrong = await connectTo(server.url, { password: "not-the-password" });
  onTestFinished(() => wrong.close());
  const errors = [
    await errorOf(wrong.query("SELECT 1")),
    await errorOf(db.insert("default.t", Buffer.from(`{"n":"${secret}"}\n`))),
    await errorOf(db.query(`SELECT '${secret}' AS x FROM nowhere`)),
    await errorOf(db.query("SELECT toUInt8({text:String})", { text: secret })),
  ];
  for (const error of errors) {
    const shown = `${error.message} ${String(error.stack)} ${JSON.stringify(error)}`;
    expect(shown).not.toContain(secret);
    expect(shown).not.toContain(testUser.password);
    expect(shown).not.toContain("not-the-password");
  }
  expect(errors.map(({ code }) => code)).toEqual([516, expect.any(Number), 60, 6]);
  expect(errors[1]?.kind).toBe("data");
});

test("every text comes through as it went in, also where the values are too long for an address", async () => {
  const rest = "x".repeat(5000);
  for (const value of hostileTexts) {
    const sql = "SELECT {value:String} AS value, length({rest:String}) AS rest";
    expect(await db.query(sql, { value, rest })).toEqual([{ value, rest: "5000" }]);
  }
});

test("a list that is too long for one field of a request still finds what it names", async () => {
  const ids = Array.from({ length: 12_000 }, (_, n) => `${n} it's "a" long\\id ${"x".repeat(20)}`);
  const [found] = await db.query(
    `SELECT countIf(id IN {ids:Array(String)}) AS hits, length({ids:Array(String)}) AS all,
       {other:UInt8} AS other, has({ids:Array(String)}, {last:String}) AS last
     FROM (SELECT arrayJoin(arrayConcat(['none'], {ids:Array(String)})) AS id)`,
    { ids, other: 7, last: ids.at(-1) ?? "" },
  );
  expect(found).toEqual({ hits: "12000", all: "12000", other: 7, last: 1 });
});

test("close waits for what runs, ends streams with an error, and refuses what comes later", async () => {
  const own = await connectTo(server.url);
  const stream = own.stream("SELECT number AS n FROM numbers(1e12)")[Symbol.asyncIterator]();
  await stream.next();
  const read = own.query("SELECT sleep(0.2) AS z");
  const insert = own.insert("default.t", row);
  const closed = own.close();
  expect(await read).toEqual([{ z: 0 }]);
  await insert;
  await closed;
  await own.close();
  const rest = (async () => {
    for (;;) if ((await stream.next()).done) return;
  })();
  await expect(rest).rejects.toThrow(/closed/);
  await expect(own.query("SELECT 1")).rejects.toThrow(/closed/);
  await expect(own.exec("SELECT 1")).rejects.toThrow(/closed/);
  await expect(own.insert("default.t", row)).rejects.toThrow(/closed/);
  await expect(collect(own.stream("SELECT 1"))).rejects.toThrow(/closed/);
});

test("an insert that meets another's quorum waits for its turn, and no other refusal is waited out", async () => {
  const before = await count();
  server.setFault({ kind: "refuse", code: 286, match: "INSERT", times: 3 });
  await db.insert("default.t", row);
  expect(await count()).toBe(before + 1);
  server.setFault({ kind: "refuse", code: 285, match: "INSERT", times: 1 });
  expect(await errorOf(db.insert("default.t", row))).toMatchObject({
    kind: "transient",
    code: 285,
  });
  expect(await count()).toBe(before + 1);
});

test("on a cluster statements say what keeps what was acknowledged", async () => {
  const asked: URLSearchParams[] = [];
  const listener = createServer((request, response) => {
    asked.push(new URL(request.url ?? "", "http://localhost").searchParams);
    request.resume();
    response.end('{"data":[],"statistics":{"rows_read":0}}');
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const url = `http://127.0.0.1:${(listener.address() as AddressInfo).port}`;
  const writer = await connectTo(url, { cluster: "c", consistentReads: true });
  const reader = await connectTo(url, { cluster: "c", consistentReads: false });
  onTestFinished(async () => {
    await Promise.all([writer.close(), reader.close()]);
    listener.close();
  });
  await writer.insert("sluice.traces", row);
  await writer.query("SELECT 1");
  await reader.query("SELECT 1");
  await writer.exec("ALTER TABLE a");
  const [insert, lookUp, read, change] = asked.map((one) => Object.fromEntries(one));
  expect(insert).toMatchObject({
    async_insert: "0",
    insert_deduplicate: "0",
    distributed_foreground_insert: "1",
    insert_quorum: "auto",
    insert_quorum_parallel: "0",
  });
  expect(lookUp).toMatchObject({
    select_sequential_consistency: "1",
    distributed_product_mode: "global",
    readonly: "2",
  });
  expect(read).not.toHaveProperty("select_sequential_consistency");
  expect(change).toMatchObject({ alter_sync: "2", distributed_ddl_output_mode: "throw" });
});
