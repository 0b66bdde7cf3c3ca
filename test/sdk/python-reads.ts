import type { StartedServer } from "../started-server.ts";
import { langfuseEnv } from "./python.ts";
import type { Python } from "./python.ts";

/**
 * A method of an SDK with its arguments, and the request it stands for. At the end what is to come of it: how many
 * items, where it gives a list, or the name of the error that it raises.
 */
export type Read = readonly [
  method: string,
  args: object,
  where: string,
  outcome?: number | string,
];

export interface Given {
  readonly method: string;
  readonly outcome: number | string | undefined;
  /** With moments as numbers, which both write with other digits, and with keys in one spelling. */
  readonly body: unknown;
}

/** What the SDK's models hold, and what the server answers to come to that outcome: the same, where all is well. */
export async function readBoth(
  server: StartedServer,
  python: Python,
  reads: readonly Read[],
): Promise<{ readonly bySdk: readonly Given[]; readonly byServer: readonly Given[] }> {
  const calls = JSON.stringify(reads.map(([method, args]) => [method, args]));
  const read = (await python.run("read.py", [calls], langfuseEnv(server))) as readonly PythonRead[];
  const bySdk = reads.map(([method], index) => {
    const { raised, body, given } = read[index] ?? {};
    const outcome = raised ?? (given as { data?: unknown[] } | undefined)?.data?.length;
    return { method, outcome, body: comparable(given ?? body) };
  });
  const byServer: Given[] = [];
  for (const [method, , where, outcome] of reads) {
    const { body } = await server.get(where);
    byServer.push({ method, outcome, body: comparable(body) });
  }
  return { bySdk, byServer };
}

/** As `python/read.py` prints it: what a method gave, or what it raised about which answer. */
interface PythonRead {
  readonly given?: unknown;
  readonly raised?: string;
  readonly body?: unknown;
}

/**
 * The SDKs write a field that the chosen variant of a union does not have as it came in most runs, and with underscores
 * in some: both mean that it was read.
 */
function comparable(value: unknown): unknown {
  if (typeof value === "string") return momentOr(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(comparable);
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [
      key.replaceAll(/_([a-z])/g, (_match, letter: string) => letter.toUpperCase()),
      comparable(part),
    ]),
  );
}

function momentOr(text: string): number | string {
  return /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|\+00:00)$/.test(text) ? new Date(text).getTime() : text;
}
