import { once } from "node:events";
import { gunzipSync } from "node:zlib";
import { ClickHouseError, ClickHouseLogLevel, createClient } from "@clickhouse/client";
import type { ClickHouseClient } from "@clickhouse/client";
import { afterAll, beforeAll, expect, onTestFinished, test } from "vitest";
import { openTestServer, testUser } from "../testing.ts";
import { faultPath } from "./dev-server.ts";
import type { DevServer } from "./dev-server.ts";

let server: DevServer;
let client: ClickHouseClient;

beforeAll(async () => {
  server = await openTestServer();
  client = clientOf({ compression: { request: true, response: true } });
  await client.command({
    query: "CREATE TABLE default.t (n UInt64, s String) ENGINE = MergeTree ORDER BY n",
  });
});

afterAll(async () => {
  await client.close();
  await server.close();
});

function clientOf(options: Parameters<typeof createClient>[0]): ClickHouseClient {
  return createClient({
    url: server.url,
    username: testUser.user,
    password: testUser.password,
    log: { level: ClickHouseLogLevel.OFF },
    ...options,
  });
}

const authorization = `Basic ${Buffer.from(`${testUser.user}:${testUser.password}`).toString("base64")}`;

/** A request by hand, without any client. */
function post(query: Record<string, string>, body = ""): Promise<Response> {
  const url = `${server.url}/?${String(new URLSearchParams(query))}`;
  return fetch(url, { method: "POST", body, headers: { authorization } });
}

function tell(method: string, body?: string): Promise<Response> {
  return fetch(server.url + faultPath, { method, ...(body !== undefined && { body }) });
}

test("ClickHouse's own client pings, inserts, and reads what it inserted, in formats and with values of its own", async () => {
  expect(await client.ping()).toEqual({ success: true });
  expect(await client.ping({ select: true })).toEqual({ success: true });
  const values = Array.from({ length: 1000 }, (_, n) => ({ n: String(n), s: `row '${n}'\t🧑‍🚀` }));
  const { summary, executed } = await client.insert({
    table: "default.t",
    values,
    format: "JSONEachRow",
    columns: ["n", "s"],
  });
  expect({ executed, written: summary?.written_rows }).toEqual({ executed: true, written: "1000" });

  const query =
    "SELECT n, s FROM default.t WHERE n IN {ns:Array(UInt64)} AND s != {s:String} ORDER BY n";
  const query_params = { ns: Array.from({ length: 1000 }, (_, n) => n), s: "\\ ' \n" };
  for (const use_multipart_params of [false, true]) {
    const settings = { output_format_json_quote_64bit_integers: 1 as const };
    const asked = { query, query_params, use_multipart_params, clickhouse_settings: settings };
    const json = await (await client.query({ ...asked, format: "JSON" })).json();
    expect(json.data).toEqual(values);
    expect(json.statistics?.rows_read).toBe(1000);
    const lines = await (await client.query({ ...asked, format: "JSONEachRow" })).json();
    expect(lines).toEqual(values);
    const csv = await (await client.query({ ...asked, format: "CSV" })).text();
    expect(csv.split("\n")[1]).toBe(`1,"row '1'\t🧑‍🚀"`);
  }
});

test("settings and parameters of one request are those of no other", async () => {
  const setting = async (clickhouse_settings: { max_threads?: number }): Promise<unknown> => {
    const query = "SELECT getSetting('max_threads') AS threads";
    return await (await client.query({ query, format: "JSONEachRow", clickhouse_settings })).json();
  };
  expect(await setting({ max_threads: 3 })).toEqual([{ threads: 3 }]);
  expect(await setting({})).not.toEqual([{ threads: 3 }]);
  const query = "SELECT {a:String} AS a";
  await client.query({ query, query_params: { a: "x" } }).then((result) => result.text());
  await expect(client.query({ query })).rejects.toMatchObject({ code: "456" });
  await expect(
    client.query({ query: "SELECT 1", clickhouse_settings: { no_such_setting: 1 } }),
  ).rejects.toMatchObject({ code: "115" });
});

test("a failure before the first byte has ClickHouse's status, header and words", async () => {
  await expect(client.query({ query: "SELECT nope" })).rejects.toThrow(ClickHouseError);
  for (const [query, code, status] of [
    ["SELECT nope", "47", 404],
    ["SELECT FROM WHERE", "62", 400],
    ["SELECT 1 FROM default.nowhere", "60", 404],
    ["SELECT throwIf(1)", "395", 500],
  ] as const) {
    const answer = await post({}, query);
    expect(answer.status).toBe(status);
    expect(answer.headers.get("x-clickhouse-exception-code")).toBe(code);
    expect(await answer.text()).toMatch(
      new RegExp(`^Code: ${code}\\. DB::Exception: .*\\(version `, "s"),
    );
  }
});

test("a failure behind the first bytes reaches a reader that streams", async () => {
  const result = await client.query({
    query: "SELECT throwIf(number = 200000) AS t, number FROM numbers(300000)",
    format: "JSONEachRow",
    clickhouse_settings: { max_threads: 1, max_block_size: "1000" },
  });
  let rows = 0;
  const reading = (async () => {
    for await (const block of result.stream()) rows += block.length;
  })();
  await expect(reading).rejects.toMatchObject({ code: "395" });
  expect(rows).toBeGreaterThan(0);
  expect(rows).toBeLessThan(200_001);
});

test("an answer that waits for its end fails as a whole", async () => {
  const query = "SELECT throwIf(number = 200000) FROM numbers(300000) FORMAT JSONEachRow";
  const answer = await post({ wait_end_of_query: "1" }, query);
  expect(answer.status).toBe(500);
  expect(await answer.text()).toMatch(/^Code: 395\./);
});

test("a statement is killed by the id that its client gave it", async () => {
  const query = "SELECT sleepEachRow(0.05) FROM numbers(1e6) SETTINGS max_block_size = 1";
  const endless = client.query({ query, query_id: "its-id", format: "JSON" });
  const outcome = endless.then(
    () => "answered",
    (error: unknown) => error,
  );
  let ended = false;
  void outcome.then(() => (ended = true));
  await expect
    .poll(async () => {
      await client.command({ query: "KILL QUERY WHERE query_id = 'its-id' SYNC" });
      return ended;
    })
    .toBe(true);
  expect(await outcome).toMatchObject({ code: "394" });
});

test("a read whose reader goes away ends, when it asked for that", async () => {
  const asked = "SELECT count() AS n FROM system.processes WHERE query LIKE '%sleepEachRow(0.04)%'";
  const running = async (): Promise<unknown> =>
    await (await client.query({ query: asked, format: "JSONEachRow" })).json();
  const gone = new AbortController();
  const endless = client.query({
    query: "SELECT sleepEachRow(0.04) FROM numbers(1e6) SETTINGS max_block_size = 1",
    format: "JSON",
    abort_signal: gone.signal,
    clickhouse_settings: { cancel_http_readonly_queries_on_client_close: 1 },
  });
  const outcome = endless.catch((error: unknown) => String(error));
  // What asks is counted too.
  await expect.poll(running).toEqual([{ n: 2 }]);
  gone.abort();
  expect(await outcome).toContain("abort");
  await expect.poll(running).toEqual([{ n: 1 }]);
});

test("only its user gets in", async () => {
  for (const other of [{ password: "wrong" }, { username: "default" }]) {
    const stranger = clientOf(other);
    onTestFinished(() => stranger.close());
    await expect(stranger.query({ query: "SELECT 1" })).rejects.toMatchObject({ code: "516" });
  }
  const named = { user: testUser.user, password: testUser.password };
  const answer = await fetch(
    `${server.url}/?${String(new URLSearchParams({ ...named, query: "SELECT 1" }))}`,
  );
  expect(await answer.text()).toBe("1\n");
});

test("a GET changes nothing, a POST with readonly neither", async () => {
  const drop = "DROP TABLE default.t";
  const got = await fetch(`${server.url}/?query=${encodeURIComponent(drop)}`, {
    headers: { authorization },
  });
  expect(got.headers.get("x-clickhouse-exception-code")).toBe("164");
  const posted = await post({ readonly: "2" }, drop);
  expect(posted.headers.get("x-clickhouse-exception-code")).toBe("164");
});

test("statements and rows may come in the address or in the body", async () => {
  await post({}, "CREATE TABLE default.u (n UInt64) ENGINE = MergeTree ORDER BY n");
  await post({ query: "INSERT INTO default.u FORMAT JSONEachRow" }, '{"n":1}\n');
  await post({}, 'INSERT INTO default.u FORMAT JSONEachRow\n{"n":2}\n{"n":3}\n');
  await post({ query: "INSERT INTO default.u VALUES" }, "(4), (5)");
  await post({}, "INSERT INTO default.u SELECT 6");
  const answer = await post(
    { default_format: "JSONCompactEachRow" },
    "SELECT n FROM default.u ORDER BY n",
  );
  expect(await answer.text()).toBe("[1]\n[2]\n[3]\n[4]\n[5]\n[6]\n");
});

test("answers are gzipped for those who ask for it twice", async () => {
  const { request } = await import("node:http");
  const path = "/?enable_http_compression=1&query=SELECT%201";
  const asked = request(server.url + path, {
    headers: { authorization, "accept-encoding": "gzip" },
  });
  asked.end();
  const [response] = await once(asked, "response");
  expect(response.headers["content-encoding"]).toBe("gzip");
  const pieces = await response.toArray();
  expect(gunzipSync(Buffer.concat(pieces)).toString()).toBe("1\n");
});

test("what it does not emulate it refuses", async () => {
  const answer = await post({ session_id: "s" }, "SELECT 1");
  expect(answer.status).toBe(501);
  expect(await answer.text()).toMatch(/^Code: 48\./);
});

test("a fault is set from outside, for as many statements as it says", async () => {
  expect((await tell("POST", '{"kind":"nonsense"}')).status).toBe(400);
  const fault = { kind: "refuse", code: 252, match: "default.t", times: 2 };
  expect((await tell("POST", JSON.stringify(fault))).status).toBe(200);
  const insert = (): Promise<Response> =>
    post({ query: "INSERT INTO default.t FORMAT JSONEachRow" }, '{"n":1}\n');
  const codes = [];
  for (let n = 0; n < 3; n++)
    codes.push((await insert()).headers.get("x-clickhouse-exception-code"));
  expect(codes).toEqual(["252", "252", null]);
  await tell("POST", JSON.stringify({ kind: "down" }));
  await expect(post({}, "SELECT 1")).rejects.toThrow("fetch failed");
  expect(await client.ping()).toMatchObject({ success: false });
  expect((await tell("DELETE")).status).toBe(200);
  expect(await (await post({}, "SELECT 1")).text()).toBe("1\n");
});
