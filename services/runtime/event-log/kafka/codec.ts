import { promisify } from "node:util";
import { constants, gunzip, gzip } from "node:zlib";

import kafkajs from "kafkajs";

import { batchBytesMax } from "./topics.ts";

const { CompressionCodecs, CompressionTypes } = kafkajs;

/** What one batch may inflate to: its entries had to fit before they were compressed. */
const inflatedBytesMax = 2 * batchBytesMax;
/** Level 1 costs a fifth of zlib's default 6 and gives three quarters of its ratio on traces. */
const level = constants.Z_BEST_SPEED;

/** The number by which a Kafka batch names its codec. */
export const compressionTypes = { none: CompressionTypes.None, gzip: CompressionTypes.GZIP };

/** Replaces kafkajs's gzip, which compresses at level 6 and inflates without a bound. A further codec is one more line. */
export function installCodecs(): void {
  CompressionCodecs[CompressionTypes.GZIP] = () => ({
    compress: async (encoder: { buffer: Buffer }) => deflate(encoder.buffer, { level }),
    decompress: async (bytes: Buffer) => inflate(bytes, { maxOutputLength: inflatedBytesMax }),
  });
}

const deflate = promisify<Buffer, { level: number }, Buffer>(gzip);
const inflate = promisify<Buffer, { maxOutputLength: number }, Buffer>(gunzip);
