import { afterAll, beforeAll, expect, test } from "vitest";

import { expectSilentConsole, expectSilentServer } from "./clients.ts";
import { grpcExporter, jsonExporter, protobufExporter, startOtlpServer } from "./otlp-clients.ts";
import type { OtlpServer } from "./otlp-clients.ts";
import { givenBack, readTold, storyTraceId, tellSpans, toldTrace } from "./span-story.ts";

let server: OtlpServer;

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  server = await startOtlpServer();
});
afterAll(() => server.stop());

const langfusePath = "/api/public/otel/v1/traces";
const ways = [
  { by: "JSON at the Langfuse address", exporterOf: () => jsonExporter(server.url + langfusePath) },
  { by: "JSON", exporterOf: () => jsonExporter(`${server.url}/v1/traces`) },
  { by: "JSON in gzip", exporterOf: () => jsonExporter(`${server.url}/v1/traces`, "gzip") },
  {
    by: "Protobuf at the Langfuse address",
    exporterOf: () => protobufExporter(server.url + langfusePath),
  },
  { by: "Protobuf", exporterOf: () => protobufExporter(`${server.url}/v1/traces`) },
  { by: "Protobuf in gzip", exporterOf: () => protobufExporter(`${server.url}/v1/traces`, "gzip") },
  { by: "gRPC", exporterOf: () => grpcExporter(server.grpcAddress) },
  { by: "gRPC in gzip", exporterOf: () => grpcExporter(server.grpcAddress, "gzip") },
].map((way, index) => ({ ...way, traceId: storyTraceId(index + 1) }));

test.for(ways)("By $by the same spans give the same trace.", async ({ traceId, exporterOf }) => {
  const since = Date.now();
  await tellSpans(exporterOf(), traceId);
  expect(await readTold(server, traceId)).toStrictEqual(toldTrace(traceId, since));
});

test("Sent by every way, the same spans are given back the same.", async () => {
  await Promise.all(ways.map(({ traceId, exporterOf }) => tellSpans(exporterOf(), traceId)));
  const [first, ...others] = await Promise.all(
    ways.map(({ traceId }) => givenBack(server, traceId)),
  );
  expect(first).toMatch(/"name":"exception".*"link.reason".*"code":2/);
  expect(others).toStrictEqual(others.map(() => first));
});
