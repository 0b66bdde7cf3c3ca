/**
 * Free-form fields as columns hold them: text stays text, anything else becomes JSON text (write-api §2.5).
 */

/** Null when there is none: null, absent or empty. */
export function payloadOf(value: unknown): string | null {
  if (value === undefined || value === null || value === "") return null;
  return textOf(value);
}

/**
 * Metadata by first-level key. A scalar or a list goes under the key `metadata`; what is falsy is none. Null when the
 * event states no key.
 */
export function metadataOf(value: unknown): Readonly<Record<string, string>> | null {
  if (!value) return null;
  // Without a prototype: keys are the client's, `__proto__` among them.
  const metadata: Record<string, string> = Object.create(null);
  if (typeof value !== "object" || Array.isArray(value)) metadata["metadata"] = textOf(value);
  else for (const [key, part] of Object.entries(value)) metadata[key] = textOf(part);
  return Object.keys(metadata).length > 0 ? metadata : null;
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}
