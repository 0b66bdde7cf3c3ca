import type { Config } from "../runtime/config.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Gateway } from "./app.ts";
import type { GrpcServer } from "./otlp-grpc.ts";

/** OTLP's own port. */
const grpcPortTried = 4317;

/**
 * OTLP over gRPC, loaded only where it is served. A port that was asked for must be free; without the one that is only
 * tried, for a Collector may have it, everything else still works.
 */
export async function startGrpc(
  { http: { host }, otlp: { grpcPort } }: Config,
  gateway: Gateway,
  logger: Logger,
): Promise<GrpcServer | null> {
  if (grpcPort === "off") return null;
  const { serveOtlpGrpc } = await import("./otlp-grpc.ts");
  const port = grpcPort ?? grpcPortTried;
  try {
    const server = await serveOtlpGrpc(gateway, { host, port });
    logger.info("listening for OTLP over gRPC", { host, port: server.port });
    return server;
  } catch (error) {
    const advice = "stop what listens there, or set SLUICE_OTLP_GRPC_PORT to another port or off";
    const problem = `${host}:${port} cannot be taken for OTLP over gRPC: ${advice}.`;
    if (grpcPort !== null) throw new Error(problem, { cause: error });
    logger.warn(problem, { error });
    return null;
  }
}
