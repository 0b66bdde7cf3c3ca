import { createHash } from "node:crypto";

/** The namespace of every id that Sluice derives; a random UUID, fixed for ever. */
const namespace = Buffer.from("5b0f9a3ed1c44f6c9c1b7f0e2a6d8e41", "hex");

/** The UUIDv5 (RFC 9562 §5.5) of these parts within Sluice's namespace. */
export function derivedUuid(...parts: readonly string[]): string {
  // Ids hold no carriage return, so that no two lists of parts join to the same text.
  const bytes = createHash("sha1")
    .update(namespace)
    .update(parts.join("\r"))
    .digest()
    .subarray(0, 16);
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x50;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = bytes.toString("hex");
  return [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join("-");
}
