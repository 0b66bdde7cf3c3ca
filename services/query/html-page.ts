import { createHash } from "node:crypto";
import type { Context } from "hono";
import { html, raw } from "hono/html";

import { answerText } from "../runtime/http/compress.ts";

/** What `html` makes of a template, with every value in it escaped. */
export type Html = ReturnType<typeof html>;

const style = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.2rem; margin-top: 2rem; }
code, pre { font: 0.875rem/1.5 ui-monospace, monospace; overflow-wrap: anywhere; }
pre { padding: 0.75rem 1rem; border: 1px solid #8886; border-radius: 0.375rem; white-space: pre-wrap; }
details { border-bottom: 1px solid #8884; padding: 0.5rem 0; }
summary { cursor: pointer; } summary b { display: inline-block; min-width: 4.5rem; }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: 0.25rem 1rem 0.25rem 0; }
.quiet { opacity: 0.7; }
`;

/** In one piece: the policy holds the hash of every character in it, spaces too. */
const styleElement = raw(`<style>${style}</style>`);

/** Nothing may be loaded, run, framed or sent from a page: only its own style counts. */
const headers = {
  "content-security-policy": [
    "default-src 'none'",
    `style-src 'sha256-${createHash("sha256").update(style).digest("base64")}'`,
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-robots-tag": "noindex",
};

/** The text of a page that has no script and loads nothing. */
export async function pageOf(title: string, body: Html): Promise<string> {
  const page = await html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title}</title>
        ${styleElement}
      </head>
      <body>
        ${body}
      </body>
    </html>`;
  return page.toString();
}

/** Answers with what {@link pageOf} made. */
export async function answerPage(c: Context, page: string): Promise<Response> {
  for (const [name, value] of Object.entries(headers)) c.header(name, value);
  return await answerText(c, page, "text/html; charset=utf-8");
}
