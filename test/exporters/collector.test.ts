import { afterAll, beforeAll, expect, test } from "vitest";

import { expectSilentConsole, expectSilentServer } from "../sdk/clients.ts";
import {
  grpcExporter,
  jsonExporter,
  protobufExporter,
  startOtlpServer,
} from "../sdk/otlp-clients.ts";
import type { OtlpServer } from "../sdk/otlp-clients.ts";
import { givenBack, readTold, storyTraceId, tellSpans, toldTrace } from "../sdk/span-story.ts";
import { collectorCommand } from "./build-collector.ts";
import { startCollector } from "./collector.ts";
import type { Collector } from "./collector.ts";

/** A first build fetches and compiles some hundred modules. */
const buildMsMax = 1_800_000;

let server: OtlpServer;
let collector: Collector;
/** Of what was started, the collector before what it forwards to. */
const stops: (() => Promise<void>)[] = [];

expectSilentConsole();
expectSilentServer(() => server);
beforeAll(async () => {
  const command = await collectorCommand();
  server = await startOtlpServer();
  stops.push(() => server.stop());
  collector = await startCollector(command, server);
  stops.unshift(() => collector.stop());
}, buildMsMax);
afterAll(async () => {
  for (const stop of stops) await stop();
});

const ways = [
  { by: "JSON, forwarded over HTTP", exporterOf: () => jsonExporter(collector.httpUrl) },
  { by: "Protobuf, forwarded over HTTP", exporterOf: () => protobufExporter(collector.httpUrl) },
  { by: "gRPC, forwarded over gRPC", exporterOf: () => grpcExporter(collector.grpcAddress) },
  {
    by: "gRPC in gzip, forwarded over gRPC",
    exporterOf: () => grpcExporter(collector.grpcAddress, "gzip"),
  },
].map((way, index) => ({ ...way, traceId: storyTraceId(index + 1) }));

test.for(ways)("Told to a collector by $by, a trace is as told to Sluice.", async (way) => {
  const since = Date.now();
  await tellSpans(way.exporterOf(), way.traceId);
  expect(await readTold(server, way.traceId)).toStrictEqual(toldTrace(way.traceId, since));
});

test("A collector takes nothing from a span that Sluice gives back.", async () => {
  const direct = storyTraceId(9);
  await tellSpans(protobufExporter(`${server.url}/v1/traces`), direct);
  const expected = await givenBack(server, direct);
  for (const { traceId, exporterOf } of ways) {
    await tellSpans(exporterOf(), traceId);
    expect(await givenBack(server, traceId)).toBe(expected);
  }
});
