import type { Context, Handler } from "hono";
import { html } from "hono/html";

import type { HttpEnv } from "../runtime/http/app.ts";
import { answerPage, pageOf } from "./html-page.ts";
import { pathParam } from "./route.ts";

/**
 * GET /trace/{traceId} and /project/{projectId}/traces/{traceId}: the links that SDKs print. The trace itself needs
 * keys, which a browser has not, so the page says how to read it; it looks the same for traces that do not exist.
 */
export function tracePage(publicUrl: (c: Context<HttpEnv>) => string): Handler<HttpEnv> {
  return async (c) => {
    const id = pathParam(c, "traceId");
    const base = publicUrl(c);
    const url = `${base}/api/public/traces/${encodePathPart(id)}`;
    const literal = JSON.stringify(id);
    const page = await pageOf(
      `Trace ${id}`,
      html`<h1>Trace <code>${id}</code></h1>
        <p>
          Sluice stores this trace and has no web interface to show it. With the keys of its
          project, it can be read as JSON:
        </p>
        <pre>curl -u "$LANGFUSE_PUBLIC_KEY:$LANGFUSE_SECRET_KEY" '${url}'</pre>
        <p>or with the SDKs, here for JavaScript and Python:</p>
        <pre>await new LangfuseClient().api.trace.get(${literal})</pre>
        <pre>get_client().api.trace.get(${literal})</pre>
        <p>
          A trace that is too large for one answer can be read in parts: its observations from
          <code>${base}/api/public/v2/observations?traceId=${encodePathPart(id)}</code>, its shape
          from <code>${base}/api/public/x/traces/${encodePathPart(id)}/tree</code>.
        </p>
        <p><a href="${base}/docs">All routes of this server</a></p>`,
    );
    return await answerPage(c, page);
  };
}

/** As encodeURIComponent, and so that it can stand between the quotes of a shell. */
function encodePathPart(text: string): string {
  return encodeURIComponent(text).replaceAll(
    /[!'()*]/g,
    (sign) => `%${sign.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
