import { brotliCompressSync, deflateSync, gzipSync } from "node:zlib";

import { describe, expect, it } from "vitest";

import { rawClient } from "../runtime/http/testing.ts";
import { basic, exportOf, otlpSpan, postProtobuf, protobufOf, startGateway } from "./testing.ts";

const paths = ["/api/public/otel/v1/traces", "/v1/traces"];
const [langfusePath = ""] = paths;

describe.each(paths)("%s", (path) => {
  it("answers a full success with an empty message in the encoding of the request (otlp.md §1.8)", async () => {
    const gateway = await startGateway();
    const json = await gateway.post(path, exportOf(otlpSpan()));
    expect(json).toMatchObject({ status: 200, body: {} });
    expect(Object.keys(json.body)).toEqual([]);
    expect(json.headers.get("content-type")).toContain("application/json");

    const protobuf = await postProtobuf(gateway, path, protobufOf(exportOf(otlpSpan())));
    expect(protobuf).toMatchObject({ status: 200, bytes: Buffer.alloc(0) });
    expect(protobuf.headers.get("content-type")).toBe("application/x-protobuf");
    expect(gateway.records()).toHaveLength(2);
  });

  it("keeps the good spans of a batch, and says how many of the others there were, and why", async () => {
    const gateway = await startGateway();
    const batch = exportOf(
      otlpSpan(),
      otlpSpan({ traceId: "" }),
      otlpSpan({ spanId: "0000000000000000" }),
    );
    const errorMessage = "2 of 3 spans were not kept: traceId:absent (1), spanId:all_zero (1).";
    const json = await gateway.post(path, batch);
    expect(json.status).toBe(200);
    expect(json.body).toEqual({ partialSuccess: { rejectedSpans: "2", errorMessage } });

    const protobuf = await postProtobuf(gateway, path, protobufOf(batch));
    expect(protobuf.status).toBe(200);
    const message = Buffer.from(errorMessage);
    const partial = Buffer.concat([Buffer.from([8, 2, 18, message.length]), message]);
    expect(protobuf.bytes).toEqual(Buffer.concat([Buffer.from([10, partial.length]), partial]));
    expect(gateway.records()).toHaveLength(2);
  });

  it.each([
    ["gzip", gzipSync],
    ["deflate", deflateSync],
    ["br", brotliCompressSync],
  ])("takes bodies in %s", async (coding, compress) => {
    const gateway = await startGateway();
    const bytes = new Uint8Array(compress(protobufOf(exportOf(otlpSpan()))));
    const answer = await postProtobuf(gateway, path, bytes, { "content-encoding": coding });
    expect(answer.status).toBe(200);
    expect(gateway.records()).toHaveLength(1);
  });

  it("takes chunks without a length, as the JavaScript SDK sends them (§7)", async () => {
    const gateway = await startGateway();
    const client = await rawClient(gateway.url);
    const text = JSON.stringify(exportOf(otlpSpan()));
    client.send(
      [
        `POST ${path} HTTP/1.1`,
        "Host: x",
        `Authorization: ${basic("pk-lf-1:sk-lf-1")}`,
        "Content-Type: application/json",
        "Transfer-Encoding: chunked",
        "\r\n",
      ].join("\r\n"),
    );
    for (const part of text.match(/[^]{1,100}/g) ?? []) {
      client.send(`${part.length.toString(16)}\r\n${part}\r\n`);
    }
    client.send("0\r\n\r\n");
    expect(await client.until("{}")).toMatch(/^HTTP\/1.1 200 /);
    expect(gateway.records()).toHaveLength(1);
  });

  it("answers a request without spans with success", async () => {
    const gateway = await startGateway();
    for (const text of ["{}", '{"resourceSpans":[]}', '{"resourceSpans":null}']) {
      expect(await gateway.post(path, text)).toMatchObject({ status: 200, body: {} });
    }
    expect((await postProtobuf(gateway, path, new Uint8Array())).bytes).toHaveLength(0);
    expect(gateway.records()).toEqual([]);
  });
});

it("parameters and case of the content type do not count (§7)", async () => {
  const gateway = await startGateway();
  for (const type of ["application/json; charset=utf-8", "Application/JSON"]) {
    const headers = { "content-type": type };
    expect((await gateway.post(langfusePath, exportOf(otlpSpan()), headers)).status).toBe(200);
  }
});

it("application/protobuf is taken, and answered with itself", async () => {
  const gateway = await startGateway();
  const answer = await postProtobuf(gateway, langfusePath, protobufOf(exportOf(otlpSpan())), {
    "content-type": "application/protobuf",
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("content-type")).toBe("application/protobuf");
});

it("each span is a record of its own under the key of its trace, with who sent it", async () => {
  const appends: string[][] = [];
  const gateway = await startGateway({
    append: (log) => async (entries) => {
      appends.push(entries.map(({ key }) => key));
      return await log.append(entries);
    },
  });
  const one = otlpSpan({ attributes: [{ key: "a", value: { intValue: "9007199254740993" } }] });
  const other = otlpSpan({ kind: 3 });
  const answer = await gateway.post(langfusePath, exportOf(one, other), {
    x_langfuse_sdk_name: "python",
    x_langfuse_sdk_version: "3.0.0",
  });
  expect(answer.status).toBe(200);
  expect(answer.headers.get("x-sluice-position")).toMatch(/^g\d+-/);
  expect(appends).toEqual([[`trace\rp1\r${one.traceId}`, `trace\rp1\r${other.traceId}`]]);
  const records = gateway.records();
  for (const { header, isPlain } of records) {
    expect(header).toMatchObject({
      project: "p1",
      dialect: "otlp",
      keyId: "pk-lf-1",
      sdkName: "python",
      sdkVersion: "3.0.0",
    });
    expect(isPlain).toBe(true);
  }
  const spans = records.map(({ body }) => JSON.parse(body));
  expect(spans).toHaveLength(2);
  expect(spans.find(({ spanId }) => spanId === one.spanId)).toMatchObject({
    name: one.name,
    startNanos: "1777000000000000001",
    attributes: [["a", { int: "9007199254740993" }]],
    resource: { attributes: [["service.name", "test"]], schemaUrl: "" },
    scope: { name: "scope" },
  });
  expect(spans.find(({ spanId }) => spanId === other.spanId)).toMatchObject({ kind: 3 });
});

function named(name: string): object {
  return {
    resource: { attributes: [{ key: "n", value: { stringValue: name } }] },
    scopeSpans: [{ scope: { name }, spans: [otlpSpan({ name })] }],
  };
}

it("spans of several resources keep their own", async () => {
  const gateway = await startGateway();
  await gateway.post("/v1/traces", { resourceSpans: [named("a"), named("b"), named("a")] });
  const seen = gateway.records().map(({ body }) => JSON.parse(body));
  expect(seen).toHaveLength(3);
  for (const { name, resource, scope } of seen) {
    expect({ resource: resource.attributes, scope: scope.name }).toEqual({
      resource: [["n", name]],
      scope: name,
    });
  }
});

it("the log line of an export has its spans, and none of their content", async () => {
  const gateway = await startGateway();
  await gateway.post(
    langfusePath,
    exportOf(otlpSpan({ name: "customer" }), otlpSpan({ spanId: "" })),
  );
  expect(gateway.lines).toContainEqual(
    expect.objectContaining({
      message: "request",
      route: langfusePath,
      status: 200,
      project: "p1",
      events: 2,
      rejected: 1,
    }),
  );
  expect(JSON.stringify(gateway.lines)).not.toContain("customer");
});

it.each(["/api/public/otel/v1/metrics", "/v1/metrics"])(
  "%s takes whoever has a key, and keeps nothing",
  async (path) => {
    const gateway = await startGateway();
    expect(await gateway.post(path, { resourceMetrics: [{}] })).toMatchObject({
      status: 200,
      body: {},
    });
    expect((await postProtobuf(gateway, path, new Uint8Array([1]))).bytes).toHaveLength(0);
    expect((await gateway.post(path, {}, { authorization: null })).status).toBe(401);
    expect(gateway.records()).toEqual([]);
  },
);
