import type { Issued, Issuer } from "../faults/events.ts";
import type { Draw } from "./draw.ts";
import type { Table } from "./events.ts";

/** The two projects of a run. */
export type Project = "a" | "b";

/** One request of a case, and what must be true of its answer. */
export interface Step {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | readonly string[]>>;
  /** As sent. */
  readonly body: Buffer | null;
  /** As the server has to read it, where that differs from what is sent. */
  readonly plain: Buffer | null;
  readonly chunked: boolean;
  /** The statuses that are right; null where any below 500 is. */
  readonly statuses: readonly number[] | null;
  /** Events that must be accepted whatever travels with them, by their envelope's id. */
  readonly sound: readonly string[];
  readonly neighbours: readonly Issued[];
  /** What a single-item route writes. */
  readonly writes: Table | null;
  /** What a 2xx to this request deletes; of a bulk delete the body says it. */
  readonly deletes: Deleted | "listed" | null;
}

export interface Deleted {
  readonly kind: "trace" | "score";
  readonly id: string;
}

/** A number of requests, one after the other, that are made from the seed and this number alone. */
export interface Case {
  readonly n: number;
  readonly kind: string;
  readonly project: Project;
  /** Begins the ids of the entities that only it writes. */
  readonly own: string;
  /** How many generated bodies it holds. */
  readonly bodies: number;
  readonly steps: readonly Step[];
}

/** Everything that a case is made from. */
export interface Making {
  readonly draw: Draw;
  readonly n: number;
  readonly project: Project;
  /** Begins the ids of the case's own entities. */
  readonly own: string;
  readonly issuer: Issuer;
  /** The id of an entity that a case of the other project has or will have. */
  readonly foreignId: () => string;
}

export const keysOf = {
  a: { publicKey: "pk-lf-fuzz-a", secretKey: "sk-lf-fuzz-a" },
  b: { publicKey: "pk-lf-fuzz-b", secretKey: "sk-lf-fuzz-b" },
} as const satisfies Record<Project, unknown>;

export function projectIdOf(project: Project): string {
  return `fuzz-${project}`;
}

export function other(project: Project): Project {
  return project === "a" ? "b" : "a";
}

export function basicOf(project: Project): string {
  const { publicKey, secretKey } = keysOf[project];
  return `Basic ${Buffer.from(`${publicKey}:${secretKey}`).toString("base64")}`;
}

/** A request with a body of JSON, except for what `parts` say. */
export function stepOf(project: Project, parts: Partial<Step> & Pick<Step, "path">): Step {
  return {
    method: "POST",
    headers: { authorization: basicOf(project), "content-type": "application/json" },
    body: null,
    plain: parts.body ?? null,
    chunked: false,
    statuses: null,
    sound: [],
    neighbours: [],
    writes: null,
    deletes: null,
    ...parts,
  };
}
