import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFile, rm, writeFile } from "node:fs/promises";
import path from "node:path";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";
import type { ReadableStream as NodeReadableStream } from "node:stream/web";
import { Hono } from "hono";
import type { Logger } from "../runtime/logger.ts";
import { serve } from "../runtime/http/server.ts";
import type { Operations } from "./operations.ts";

/**
 * How the command line reaches the running server: a port of its own on loopback, whose address and token stand in a
 * file of the data directory that only its owner may read. Whoever can read the data can thus use it, and nobody else.
 */
export interface Control {
  close(): Promise<void>;
}

interface Address {
  readonly url: string;
  readonly token: string;
}

export async function startControl(
  directory: string,
  operations: Operations,
  log: Logger,
): Promise<Control> {
  const token = randomBytes(32).toString("hex");
  const server = await serve(controlApp(operations, token), { host: "127.0.0.1", port: 0, log });
  const file = addressFile(directory);
  await rm(file, { force: true });
  const address: Address = { url: server.url, token };
  await writeFile(file, JSON.stringify(address), { mode: 0o600, flag: "wx" });
  return {
    async close() {
      await rm(file, { force: true });
      await server.close(1000);
    },
  };
}

function controlApp(operations: Operations, token: string): Hono {
  const app = new Hono();
  const expected = Buffer.from(`Bearer ${token}`);
  app.use(async (c, next) => {
    const given = Buffer.from(c.req.header("authorization") ?? "");
    if (given.length !== expected.length || !timingSafeEqual(given, expected))
      return c.body(null, 401);
    return next();
  });
  app.get("/keys", async (c) => c.json(await operations.listKeys()));
  app.post("/keys", async (c) => {
    const { projectId, note } = await c.req.json<{ projectId: string; note: string | null }>();
    return c.json(await operations.createKey(projectId, note));
  });
  app.delete("/keys/:publicKey", async (c) =>
    c.json(await operations.revokeKey(c.req.param("publicKey"))),
  );
  app.get("/export/:project", async (c) => {
    const rows = await operations.exportRows(c.req.param("project"));
    if (!rows) return c.body(null, 404);
    return c.body(
      Readable.toWeb(Readable.from(lines(rows), { objectMode: false })) as ReadableStream,
    );
  });
  return app;
}

/** The operations of the server that runs on this directory; null when none answers. */
export async function remoteOperations(directory: string): Promise<Operations | null> {
  const address = await readAddress(directory);
  if (!address) return null;
  const call = (method: string, where: string, body?: unknown): Promise<Response> =>
    fetch(address.url + where, {
      method,
      headers: { authorization: `Bearer ${address.token}` },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  try {
    if ((await call("GET", "/keys")).status !== 200) return null;
  } catch {
    return null; // A server that was killed leaves its file behind.
  }
  return {
    listKeys: () => json(call("GET", "/keys")),
    createKey: (projectId, note) => json(call("POST", "/keys", { projectId, note })),
    revokeKey: (publicKey) => json(call("DELETE", `/keys/${encodeURIComponent(publicKey)}`)),
    async exportRows(projectId) {
      const answer = await call("GET", `/export/${encodeURIComponent(projectId)}`);
      return answer.status === 200 && answer.body ? linesOf(answer.body) : null;
    },
  };
}

async function json<Answer>(answer: Promise<Response>): Promise<Answer> {
  return (await answer).json() as Promise<Answer>;
}

async function* lines(rows: AsyncIterable<string>): AsyncGenerator<string> {
  for await (const row of rows) yield `${row}\n`;
}

/** The end of an export that broke off is no whole line, so it must not pass for one. */
async function* linesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  for await (const line of createInterface({ input: Readable.fromWeb(body as NodeReadableStream) }))
    yield line;
}

async function readAddress(directory: string): Promise<Address | null> {
  try {
    return JSON.parse(await readFile(addressFile(directory), "utf8")) as Address;
  } catch {
    return null;
  }
}

function addressFile(directory: string): string {
  return path.join(directory, "control.json");
}
