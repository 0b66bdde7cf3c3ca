import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { afterAll, beforeAll, expect, test } from "vitest";

import { project, startServer } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { expectSilentServer, langfuse3, patienceMs } from "./clients.ts";
import { tellStory } from "./story.ts";

const require = createRequire(import.meta.url);
const command = require.resolve("langfuse-cli/bin/langfuse.mjs");

let server: StartedServer;

expectSilentServer(() => server);
beforeAll(async () => {
  server = await startServer();
  await tellStory(server, langfuse3(server));
});
afterAll(() => server.stop());

/** Two of the versions of the API that it knows: the newer has no traces and sessions to read, the older has all. */
const older = "3.225.3";
const newer = "4.35.0";

test.for([
  [
    older,
    "traces list --tags paid --tags beta --order-by timestamp.asc",
    "traces?tags=paid&tags=beta&orderBy=timestamp.asc",
    1,
  ],
  [older, "traces get story", "traces/story"],
  [older, "traces get story --fields core", "traces/story?fields=core"],
  [
    older,
    "observations list --trace-id story --limit 3 --page 2",
    "observations?traceId=story&limit=3&page=2",
    3,
  ],
  [older, "observations get story-4-generation", "observations/story-4-generation"],
  [older, "observations get-many --trace-id story", "v2/observations?traceId=story", 7],
  [older, "sessions list --limit 1", "sessions?limit=1", 1],
  [older, "sessions get session-1", "sessions/session-1"],
  [older, "scores-v2 list --name tone", "v2/scores?name=tone", 1],
  [older, "scores get story-2-yes", "v2/scores/story-2-yes"],
  [
    newer,
    "observations list --level ERROR --fields core,io,usage",
    "v2/observations?level=ERROR&fields=core,io,usage",
    1,
  ],
  [
    newer,
    "scores list --data-type BOOLEAN --fields details,subject",
    "v3/scores?dataType=BOOLEAN&fields=details,subject",
    2,
  ],
  [newer, "models list --limit 1", "models?limit=1", 1],
  [newer, "score-configs list", "score-configs", 0],
  [newer, "projects list", "projects", 1],
  [newer, "health get", "health"],
] as const)(
  "%s `api %s` prints what the server answers.",
  async ([version, line, where, items]) => {
    const { code, out, err } = await langfuse(version, line);
    const { status, body } = await server.get(`/api/public/${where}`);
    expect({
      status,
      code,
      err,
      printed: out === "" ? null : (JSON.parse(out) as unknown),
    }).toStrictEqual({ status: 200, code: 0, err: "", printed: body });
    expect((body as { data?: unknown[] }).data?.length).toBe(items);
  },
);

test.for([
  [older, "traces list --limit 1", 1],
  [older, "observations list --limit 3", 7],
  [newer, "observations list --limit 3", 7],
  [newer, "scores list --limit 3", 4],
] as const)("%s `api %s --all` follows every page to its end.", async ([version, line, items]) => {
  const { code, out } = await langfuse(version, `${line} --all`);
  expect(code).toBe(0);
  const ids = (JSON.parse(out) as { data: readonly { id: string }[] }).data.map(({ id }) => id);
  expect(new Set(ids).size).toBe(items);
});

test.for([
  ["traces get none", {}, "LangfuseNotFoundError"],
  ["scores-v2 list --operator ~", {}, "Invalid"],
  ["sessions list", { LANGFUSE_SECRET_KEY: "sk-lf-of-nobody" }, "message"],
] as const)(
  "`api %s`, when refused, ends with the exit code of HTTP errors.",
  async ([line, env, said]) => {
    const { code, out, err } = await langfuse(older, line, env);
    expect(code).toBe(5);
    expect(out + err).toContain(said);
  },
);

/** Runs one line of it to its end, with the project's keys unless the environment says otherwise. */
function langfuse(
  version: string,
  line: string,
  env: Readonly<Record<string, string>> = {},
): Promise<{ readonly code: unknown; readonly out: string; readonly err: string }> {
  const settings = {
    LANGFUSE_HOST: server.url,
    LANGFUSE_PUBLIC_KEY: project.publicKey,
    LANGFUSE_SECRET_KEY: project.secretKey,
    ...env,
  };
  return new Promise((resolve) => {
    const args = [command, "--timeout", `${patienceMs}`, "--api-version", version, "api"];
    execFile(
      process.execPath,
      [...args, ...line.split(" ")],
      { env: settings },
      (error, out, err) => {
        resolve({ code: error === null ? 0 : error.code, out, err });
      },
    );
  });
}
