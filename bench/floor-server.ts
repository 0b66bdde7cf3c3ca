import { createHttpApp } from "../services/runtime/http/app.ts";
import { readBody } from "../services/runtime/http/body.ts";
import { serve } from "../services/runtime/http/server.ts";
import { createLogger } from "../services/runtime/logger.ts";

/**
 * The least that any server of this route has to do with the same HTTP stack: read the body, parse it, and answer as
 * many successes as there were events. It checks nothing and keeps nothing. The port is its one argument.
 */
async function main(): Promise<void> {
  const log = createLogger({
    level: "info",
    format: "json",
    write: (line) => void process.stderr.write(line),
  });
  const app = createHttpApp(log);
  const limits = { bytesMax: 4_718_592, inflatedBytesMax: 4_718_592 };
  app.post("/api/public/ingestion", async (c) => {
    const { incoming } = c.env;
    const body = await readBody(incoming, incoming.headers, limits);
    const { batch } = JSON.parse(body.toString()) as { batch: { id: string }[] };
    return c.json({ successes: batch.map(({ id }) => ({ id, status: 201 })), errors: [] }, 207);
  });
  app.get("/api/public/health", (c) => c.json({ status: "OK" }));
  const server = await serve(app, { host: "127.0.0.1", port: Number(process.argv[2]), log });
  process.once("SIGTERM", () => void server.close(0));
}

void main();
