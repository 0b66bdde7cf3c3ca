import type * as z from "zod";

import type { Issue } from "./errors.ts";

/** A schema's findings as answers carry them. */
export function issuesOf(error: z.ZodError): Issue[] {
  return error.issues.map((issue) => ({
    ...issue,
    // JSON has no symbols, so that this only narrows the type.
    path: issue.path.filter((key) => typeof key !== "symbol"),
  }));
}
