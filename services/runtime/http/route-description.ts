import type { z } from "zod";

/** What `/openapi.json` and `/docs` say of a route. */
export interface RouteDescription {
  /** Of the operation: a verb and what it is about, such as `listTraces`. */
  readonly id: string;
  readonly method: "get" | "post" | "patch" | "put" | "delete";
  /** As it is registered: parameters begin with a colon. */
  readonly path: string;
  readonly tag: string;
  /** In a sentence. */
  readonly summary: string;
  /** Whose key it takes: both keys of a project, or its public key alone as well. */
  readonly key: "project" | "public" | "none";
  readonly query?: z.ZodObject;
  readonly body?: RouteBody;
  /** Default 200. */
  readonly status?: 200 | 202 | 207;
  readonly answer: z.ZodType;
  /** Statuses beyond those of every route of its kind. */
  readonly errors?: readonly number[];
}

export interface RouteBody {
  readonly schema: z.ZodType;
  /** Default: JSON alone. */
  readonly contentTypes?: readonly string[];
}
