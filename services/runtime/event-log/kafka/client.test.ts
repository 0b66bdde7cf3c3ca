import { createServer } from "node:net";
import type { AddressInfo, Socket } from "node:net";
import { gzipSync } from "node:zlib";

import kafkajs from "kafkajs";
import { expect, test } from "vitest";

import { createLogger } from "../../logger.ts";
import { createClient } from "./client.ts";
import { installCodecs } from "./codec.ts";
import { patchKafkajs } from "./patches.ts";

test("an idle connection starts no timers (K4)", async () => {
  patchKafkajs();
  const sockets: Socket[] = [];
  const server = createServer((socket) => void sockets.push(socket));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const log = createLogger({ level: "error", format: "json", write: () => {} });
  const admin = createClient({ brokers: [`127.0.0.1:${port}`], log }).admin();
  // Nobody answers: the connection waits with one request under way, and nothing to send.
  const connecting = admin.connect();
  await expect.poll(() => sockets.length).toBe(1);
  const { setTimeout: original } = globalThis;
  let timers = 0;
  globalThis.setTimeout = Object.assign((...args: Parameters<typeof original>) => {
    timers += args[1] === undefined || args[1] <= 10 ? 1 : 0;
    return original(...args);
  }, original);
  await new Promise((resolve) => original(resolve, 300));
  globalThis.setTimeout = original;
  expect(timers).toBeLessThan(10);
  for (const socket of sockets) socket.destroy();
  server.close();
  await expect(connecting).rejects.toThrow("onnection");
});

test("gzip inflates what kafkajs's own made, and not without a bound (K12)", async () => {
  installCodecs();
  const codec = kafkajs.CompressionCodecs[kafkajs.CompressionTypes.GZIP]() as {
    compress(encoder: { buffer: Buffer }): Promise<Buffer>;
    decompress(bytes: Buffer): Promise<Buffer>;
  };
  const text = Buffer.from("trace ".repeat(1000));
  expect(await codec.decompress(await codec.compress({ buffer: text }))).toEqual(text);
  expect(await codec.decompress(gzipSync(text, { level: 6 }))).toEqual(text);
  const bomb = gzipSync(Buffer.alloc((16 << 20) + 1), { level: 1 });
  await expect(codec.decompress(bomb)).rejects.toThrow("larger than");
});
