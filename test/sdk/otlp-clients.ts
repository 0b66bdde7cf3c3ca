import { Metadata } from "@grpc/grpc-js";
import { OTLPTraceExporter as GrpcExporter } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtobufExporter } from "@opentelemetry/exporter-trace-otlp-proto";
import { CompressionAlgorithm } from "@opentelemetry/otlp-exporter-base";
import type { SpanExporter } from "@opentelemetry/sdk-trace-node";

import { eventually, project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { patienceMs } from "./clients.ts";

/** What every exporter of OTLP has to send along. */
export const authorization = `Basic ${Buffer.from(`${project.publicKey}:${project.secretKey}`).toString("base64")}`;

export interface OtlpServer extends StartedServer {
  /** Where it takes OTLP over gRPC: host and port. */
  readonly grpcAddress: string;
}

/** Starts the built command with OTLP over gRPC, on free ports. */
export async function startOtlpServer(): Promise<OtlpServer> {
  const server = await startServer({ env: { SLUICE_OTLP_GRPC_PORT: "0" } });
  // The log comes over another pipe than the word that it is ready.
  const line = await eventually(
    async () => server.log.find(({ message }) => message === "listening for OTLP over gRPC"),
    (found) => found !== undefined,
  );
  return { ...server, grpcAddress: `127.0.0.1:${String(line?.["port"])}` };
}

/** `@opentelemetry/exporter-trace-otlp-http`, to a whole address. */
export function jsonExporter(url: string, coding?: "gzip"): SpanExporter {
  return new JsonExporter({ url, ...httpOptions(coding) });
}

/** `@opentelemetry/exporter-trace-otlp-proto`, to a whole address. */
export function protobufExporter(url: string, coding?: "gzip"): SpanExporter {
  return new ProtobufExporter({ url, ...httpOptions(coding) });
}

/** `@opentelemetry/exporter-trace-otlp-grpc`, to a host and port, without TLS. */
export function grpcExporter(address: string, coding?: "gzip"): SpanExporter {
  const metadata = new Metadata();
  metadata.set("authorization", authorization);
  const { headers: _, ...options } = httpOptions(coding);
  return new GrpcExporter({ url: `http://${address}`, metadata, ...options });
}

function httpOptions(coding: "gzip" | undefined) {
  const compression = coding ? CompressionAlgorithm.GZIP : CompressionAlgorithm.NONE;
  return { headers: { authorization }, compression, timeoutMillis: patienceMs };
}
