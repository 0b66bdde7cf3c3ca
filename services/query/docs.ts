import type { Context, Hono } from "hono";
import { html } from "hono/html";

import type { HttpEnv } from "../runtime/http/app.ts";
import { answerText } from "../runtime/http/compress.ts";
import { publicUrlOf, type PublicUrlOptions } from "../runtime/http/public-url.ts";
import type { RouteDescription } from "../runtime/http/route-description.ts";
import { answerPage, pageOf, type Html } from "./html-page.ts";
import { openApiOf, type JsonSchema, type OpenApi, type Operation } from "./openapi.ts";
import { tracePage } from "./trace-page.ts";
import { yamlOf } from "./yaml.ts";

export interface PagesOptions extends PublicUrlOptions {
  /** Every route of the server that is described. */
  readonly routes: readonly RouteDescription[];
}

/** Where {@link addPages} puts them. */
export const pageRoutes = [
  "/trace/:traceId",
  "/project/:projectId/traces/:traceId",
  "/openapi.json",
  "/openapi.yaml",
  "/docs",
].map((path) => ({ method: "get", path }));

/** The pages that need no key: where links of SDKs lead, and what the API is. They tell nothing of any project. */
export function addPages(app: Hono<HttpEnv>, options: PagesOptions): void {
  const publicUrl = publicUrlOf(options);
  app.get("/trace/:traceId", tracePage(publicUrl));
  app.get("/project/:projectId/traces/:traceId", tracePage(publicUrl));

  // Anybody may ask, and writing them takes a while: so once each, and then only the address is put in.
  const texts = new Map<string, Promise<string>>();
  const textOf = async (
    name: string,
    c: Context<HttpEnv>,
    make: (document: OpenApi) => string | Promise<string>,
  ) => {
    const url = publicUrl(c);
    const made = texts.get(name) ?? Promise.resolve(make(openApiOf(options.routes, anyUrl)));
    texts.set(name, made);
    return (await made).replaceAll(anyUrl, url);
  };
  app.get("/openapi.json", async (c) =>
    answerText(c, await textOf("json", c, JSON.stringify), "application/json"),
  );
  app.get("/openapi.yaml", async (c) =>
    answerText(c, await textOf("yaml", c, yamlOf), "application/yaml"),
  );
  app.get("/docs", async (c) =>
    answerPage(c, await textOf("html", c, (document) => pageOf("Sluice API", docsPage(document)))),
  );
}

/** Stands for the server's address, in which no character means anything in JSON, YAML or HTML. */
const anyUrl = "http://address.invalid";

/** All of it on one page, without a script: the browser's search finds everything, and nothing needs to be loaded. */
function docsPage({ info, servers, paths, components }: OpenApi): Html {
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
  );
  const tags = [...new Set(operations.flatMap(({ operation }) => operation.tags))];
  return html`<h1>${info.title} API</h1>
    <p>${info.description}</p>
    <p>
      Server: <code>${servers[0]?.url}</code>. For tools: <a href="openapi.json">openapi.json</a>,
      <a href="openapi.yaml">openapi.yaml</a>.
    </p>
    ${tags.map(
      (tag) =>
        html`<h2>${tag}</h2>
          ${operations
            .filter(({ operation }) => operation.tags.includes(tag))
            .map(({ path, method, operation }) => operationEntry(path, method, operation))}`,
    )}
    <h2>Schemas</h2>
    ${Object.entries(components.schemas).map(
      ([name, schema]) =>
        html`<details id="${name}">
          <summary><code>${name}</code></summary>
          <pre>${JSON.stringify(schema, null, 2)}</pre>
        </details>`,
    )}`;
}

function operationEntry(path: string, method: string, operation: Operation): Html {
  const { summary, security, parameters, requestBody, responses } = operation;
  return html`<details id="${operation.operationId}">
    <summary><b>${method.toUpperCase()}</b> <code>${path}</code> — ${summary}</summary>
    <p class="quiet">${security.length === 0 ? "Takes no key." : keysOf(security)}</p>
    ${parameters.length === 0 ? "" : parameterTable(parameters)}
    ${Object.entries(requestBody?.content ?? {}).map(
      ([type, { schema }]) =>
        html`<p>Body, <code>${type}</code>:</p>
          <pre>${JSON.stringify(schema, null, 2)}</pre>`,
    )}
    <table>
      ${Object.entries(responses).map(
        ([status, { description, content }]) =>
          html`<tr>
            <th>${status}</th>
            <td>${description}</td>
            <td>${Object.values(content).map(({ schema }) => schemaName(schema))}</td>
          </tr>`,
      )}
    </table>
  </details>`;
}

function keysOf(security: readonly object[]): string {
  return `Takes ${security.length > 1 ? "the keys of a project, or its public key alone" : "the keys of a project"}.`;
}

function parameterTable(parameters: Operation["parameters"]): Html {
  return html`<table>
    ${parameters.map(
      ({ name, in: where, description, schema }) =>
        html`<tr>
          <td><code>${name}</code></td>
          <td class="quiet">${where}</td>
          <td><code>${JSON.stringify(schema)}</code></td>
          <td>${description}</td>
        </tr>`,
    )}
  </table>`;
}

function schemaName(schema: JsonSchema): Html {
  const name = String(schema["$ref"]).split("/").at(-1) ?? "";
  return html`<a href="#${name}"><code>${name}</code></a>`;
}
