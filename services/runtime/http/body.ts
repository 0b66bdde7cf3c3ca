import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { createBrotliDecompress, createGunzip, createInflate } from "node:zlib";
import type { BrotliDecompress, Gunzip, Inflate } from "node:zlib";

import { bodyTooLarge, invalidBody, unsupportedEncoding } from "../../../schemas/errors.ts";

export interface BodyLimits {
  /** Bytes as sent. */
  readonly bytesMax: number;
  /** Bytes after decompression; for an identity body `bytesMax` alone counts. */
  readonly inflatedBytesMax: number;
  /** Also takes Brotli, which the clients of the batch API do not send. */
  readonly takesBrotli?: boolean;
  /** Told how many bytes are held, whenever more have come; what it throws is what the reading rejects with. */
  readonly onHeld?: (bytes: number) => void;
}

/** The client went away before its request was complete. Nobody is left to answer, and nothing is wrong here. */
export class ClientGone extends Error {
  override readonly name = "ClientGone";
}

/**
 * Reads a request's whole body, decompressed.
 *
 * Reads the raw stream because a web body hides the connection: over the limit it resets it, and the client never
 * sees the 413. Here the stream is let go, and server.ts takes in a bounded rest of it after the answer.
 *
 * Rejects with an ApiError (400 broken compression, 413 too large, 415 unknown Content-Encoding) or with ClientGone.
 */
export async function readBody(
  incoming: IncomingMessage,
  headers: IncomingHttpHeaders,
  limits: BodyLimits,
): Promise<Buffer> {
  // It may have gone while something else was waited for, and then says so no more.
  if (incoming.destroyed) throw new ClientGone();
  const inflater = inflaterFor(headers["content-encoding"], limits.takesBrotli === true);
  if (Number(headers["content-length"] ?? 0) > limits.bytesMax) {
    throw bodyTooLarge(limits.bytesMax);
  }
  return await (inflater === null
    ? readIdentity(incoming, limits)
    : readInflated(incoming, inflater, limits));
}

/** The most bytes that reading this request may hold, for admission; nothing is read. */
export function bodyBytesBound(headers: IncomingHttpHeaders, limits: BodyLimits): number {
  const length = headers["content-length"];
  if (length === undefined && headers["transfer-encoding"] === undefined) return 0;
  const encoding = headers["content-encoding"];
  if (encoding !== undefined && encoding !== "identity") return limits.inflatedBytesMax;
  return Math.min(Number(length ?? Infinity), limits.bytesMax);
}

type Inflater = BrotliDecompress | Gunzip | Inflate;

function inflaterFor(encoding: string | undefined, takesBrotli: boolean): Inflater | null {
  switch (encoding?.trim().toLowerCase() ?? "") {
    case "":
    case "identity":
      return null;
    case "gzip":
    case "x-gzip":
      return createGunzip({ chunkSize: inflateChunkBytes });
    case "deflate":
      return createInflate({ chunkSize: inflateChunkBytes });
    case "br":
      if (takesBrotli) return createBrotliDecompress({ chunkSize: inflateChunkBytes });
  }
  throw unsupportedEncoding(takesBrotli ? ["br"] : []);
}

const inflateChunkBytes = 64 * 1024;

function readIdentity(incoming: IncomingMessage, limits: BodyLimits): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      chunks.push(chunk);
      const refusal = refusalOf(bytes, limits.bytesMax, limits);
      if (refusal) settle(() => reject(refusal));
    };
    const onEnd = (): void => settle(() => resolve(joined(chunks, bytes)));
    const onGone = (): void => settle(() => reject(new ClientGone()));
    const settle = (answer: () => void): void => {
      incoming.off("data", onData).off("end", onEnd).off("close", onGone);
      answer();
      // The listener that stays attached would hold them for as long as the rest of the body comes in.
      chunks.length = 0;
    };
    // Stays attached: an abort after the 413 is an "error" event too, and unheard it would end the process.
    incoming.on("error", onGone);
    incoming.on("data", onData).on("end", onEnd).on("close", onGone);
  });
}

/**
 * Both sides are counted while they stream. zlib's own `maxOutputLength` does not bound a stream, so a bomb is
 * stopped by destroying the inflater.
 */
function readInflated(
  incoming: IncomingMessage,
  inflater: Inflater,
  limits: BodyLimits,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let sent = 0;
    let inflated = 0;
    const onSent = (chunk: Buffer): void => {
      sent += chunk.length;
      if (sent > limits.bytesMax) settle(() => reject(bodyTooLarge(limits.bytesMax)));
    };
    const onGone = (): void => {
      if (!incoming.complete) settle(() => reject(new ClientGone()));
    };
    const settle = (answer: () => void): void => {
      incoming.unpipe(inflater).off("data", onSent).off("close", onGone);
      inflater.destroy();
      answer();
      chunks.length = 0;
    };
    inflater.on("data", (chunk: Buffer) => {
      inflated += chunk.length;
      chunks.push(chunk);
      const refusal = refusalOf(inflated, limits.inflatedBytesMax, limits);
      if (refusal) settle(() => reject(refusal));
    });
    inflater.on("end", () => settle(() => resolve(joined(chunks, inflated))));
    inflater.on("error", () =>
      settle(() => reject(invalidBody("The body is not valid compressed data"))),
    );
    incoming.on("error", onGone);
    incoming.on("data", onSent).on("close", onGone);
    incoming.pipe(inflater);
  });
}

/** Why no more of a body is read, once it has so many bytes; null to go on. */
function refusalOf(bytes: number, bytesMax: number, { onHeld }: BodyLimits): Error | null {
  if (bytes > bytesMax) return bodyTooLarge(bytesMax);
  try {
    onHeld?.(bytes);
    return null;
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error));
  }
}

function joined(chunks: readonly Buffer[], bytes: number): Buffer {
  const [only] = chunks;
  return chunks.length === 1 && only !== undefined ? only : Buffer.concat(chunks, bytes);
}
