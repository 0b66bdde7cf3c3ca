import type { Context, Handler, Hono } from "hono";

import type { HttpEnv } from "./app.ts";

/** The Langfuse release whose contract is served: clients read it to tell what a server can do. */
export const contractVersion = "4.16.0";

export interface Probes {
  /** Why the process cannot do its work now, in a sentence; null when it can. */
  readonly notReady: () => Promise<string | null>;
  /** For people. */
  readonly figures?: () => object;
  /** Answers a health request that asks for more; null where it cannot. */
  readonly asked?: (c: Context<HttpEnv>) => Promise<Response> | null;
}

/**
 * The two questions of an orchestrator: `health` asks whether the process answers, and nothing else of it, so that it
 * is never restarted for what others lack; `ready` whether to send it work.
 */
export function addProbes(app: Hono<HttpEnv>, { notReady, figures, asked }: Probes): void {
  const health: Handler<HttpEnv> = async (c) => {
    const deeper = new URL(c.req.url).search === "" ? null : await asked?.(c);
    return deeper ?? c.json({ status: "OK", version: contractVersion, ...figures?.() });
  };
  const ready = async (c: Context<HttpEnv>): Promise<Response> => {
    const reason = await notReady();
    if (reason === null) return c.json({ status: "OK", version: contractVersion });
    return c.json({ status: "ERROR", version: contractVersion, reason }, 503);
  };
  for (const base of ["/api/public", ""]) {
    app.get(`${base}/health`, health);
    app.get(`${base}/ready`, ready);
  }
}
