import { z } from "zod";

import { gatewayDescriptions } from "../services/gateway/descriptions.ts";
import { queryDescriptions } from "../services/query/descriptions.ts";
import type { RouteDescription } from "../services/runtime/http/route-description.ts";

/** Every route that `/openapi.json` describes. */
export const describedRoutes: readonly RouteDescription[] = [
  ...gatewayDescriptions,
  ...queryDescriptions,
];

/**
 * What a successful answer has that its description in `/openapi.json` has not, or the other way round, in sentences;
 * empty when they agree. Rejects a target that no described route answers.
 */
export function deviations(method: string, target: string, body: unknown): string {
  const { pathname } = new URL(target, "http://sluice.test");
  const { answer } = routeOf(method, pathname);
  const result = answer.safeParse(body);
  return result.success ? "" : z.prettifyError(result.error);
}

/** The described route that a request reaches; one without parameters counts before one with. */
export function routeOf(method: string, pathname: string): RouteDescription {
  const found = describedRoutes
    .filter((route) => route.method === method.toLowerCase() && isPathOf(route, pathname))
    .toSorted((a, b) => parameterCount(a) - parameterCount(b));
  if (found[0]) return found[0];
  throw new Error(`${method} ${pathname} is no route that is described`);
}

function isPathOf({ path }: RouteDescription, pathname: string): boolean {
  const wanted = path.split("/");
  const parts = pathname.split("/");
  return (
    wanted.length === parts.length &&
    wanted.every((part, i) => part.startsWith(":") || part === parts[i])
  );
}

function parameterCount({ path }: RouteDescription): number {
  return path.split(":").length - 1;
}
