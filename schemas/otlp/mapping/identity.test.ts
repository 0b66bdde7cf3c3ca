import { describe, expect, test } from "vitest";

import { observationRowOf, readerOf, traceRowOf } from "../testing.ts";
import type { PlainMap } from "../testing.ts";
import { environment, observationName, sessionOf, tagsOf, userOf } from "./identity.ts";

/** Of attributes in the order of a table: what is read when the first so many are taken away. */
function readInTurn(
  attributes: PlainMap,
  count: number,
  read: (attributes: PlainMap) => unknown,
): unknown[] {
  const entries = Object.entries(attributes);
  return Array.from({ length: count }, (_, index) =>
    read(Object.fromEntries(entries.slice(index).toReversed())),
  );
}

describe("otlp.md §2.4", () => {
  test("the name comes from the first of the sources, at last from the span itself", () => {
    const attributes = {
      "gen_ai.tool.name": "tool",
      "genkit:name": "flow",
      "logfire.msg": "message",
      "ai.toolCall.name": "call",
      "ai.operationId": "ai.generateText",
      "langsmith.trace.name": "run",
    };
    const names = [...Object.values(attributes), "span"];
    expect(
      readInTurn(attributes, names.length, (left) =>
        observationName(readerOf({ attributes: left })),
      ),
    ).toEqual(names);
    const named = {
      "ai.operationId": "ai.generateText",
      "ai.telemetry.functionId": "summarise",
    };
    expect(observationName(readerOf({ attributes: named }))).toBe("summarise:ai.generateText");
  });

  test("the user comes from the first source that is not empty, and from Langfuse's own it is the trace's", () => {
    const attributes = {
      "langfuse.user.id": "1",
      "user.id": "2",
      "langfuse.observation.metadata.langfuse_user_id": "3",
      "langfuse.trace.metadata.langfuse_user_id": "4",
      "ai.telemetry.metadata.userId": "5",
      "traceloop.association.properties.user_id": "6",
      "mlflow.trace.user": '"7"',
      "langsmith.metadata.user_id": "8",
      "mastra.metadata.userId": "9",
    };
    expect(readInTurn(attributes, 9, (left) => userOf(readerOf({ attributes: left })))).toEqual(
      [1, 2, 3, 4, 5, 6, 7, 8, 9].map((id) => ({ id: String(id), isOfTrace: id <= 5 })),
    );
    expect(
      userOf(readerOf({ attributes: { "user.id": "", "mastra.metadata.userId": 7 } })),
    ).toEqual({ id: "7", isOfTrace: false });
    expect(userOf(readerOf({ resource: { "user.id": "resource" } }))).toBeNull();
  });

  test("the session comes from the first source that is not empty", () => {
    const attributes = {
      "langfuse.session.id": "1",
      "session.id": "2",
      "gen_ai.conversation.id": "3",
      "langfuse.observation.metadata.langfuse_session_id": "4",
      "langfuse.trace.metadata.langfuse_session_id": "5",
      "ai.telemetry.metadata.sessionId": "6",
      "traceloop.association.properties.session_id": "7",
      "mlflow.trace.session": "8",
      "langsmith.metadata.session_id": "9",
      "langsmith.metadata.thread_id": "10",
      "gcp.vertex.agent.session_id": "11",
      "genkit:sessionId": "12",
      "spring.ai.chat.client.conversation.id": "13",
      "mastra.metadata.sessionId": "14",
    };
    const sessions = Object.values(attributes);
    expect(
      readInTurn(
        attributes,
        sessions.length,
        (left) => sessionOf(readerOf({ attributes: left }))?.id,
      ),
    ).toEqual(sessions);
  });

  test("tags are a list, the JSON text of one, or text with commas", () => {
    for (const [value, tags] of [
      [
        ["a", 1],
        ["a", "1"],
      ],
      ['["a","b"]', ["a", "b"]],
      ["a, b ,,c", ["a", "b", "c"]],
      ["single", ["single"]],
      [7, null],
      [{ a: 1 }, null],
      ["", null],
    ] as const) {
      expect(tagsOf(readerOf({ attributes: { "langfuse.trace.tags": value } }))).toEqual(tags);
    }
    const both = { "langfuse.trace.tags": 7, "tag.tags": ["open-inference"] };
    expect(tagsOf(readerOf({ attributes: both }))).toEqual(["open-inference"]);
  });

  test("only true, and its text, publish; nothing takes it back", () => {
    expect(traceRowOf({ attributes: { "langfuse.trace.public": "true" } }).public).toBe(true);
    expect(traceRowOf({ attributes: { "langfuse.public": true } }).public).toBe(true);
    expect(traceRowOf({ attributes: { "langfuse.trace.public": "yes" } }).public).toBeUndefined();
    const published = { attributes: { "langfuse.trace.public": true } };
    const later = { spanId: "c", startNanos: "1772366401000000000" };
    for (const attributes of [{}, { "langfuse.trace.public": false }]) {
      expect(traceRowOf(published, { ...later, attributes }).public).toBe(true);
      expect(traceRowOf({ ...later, attributes }, published).public).toBe(true);
    }
  });

  test("the environment is looked for on the span and then on the resource, name by name", () => {
    expect(
      environment(
        readerOf({
          attributes: { "deployment.environment": "span" },
          resource: { "langfuse.environment": "resource" },
        }),
      ),
    ).toBe("resource");
    expect(
      environment(
        readerOf({
          attributes: { "langfuse.environment": "span" },
          resource: { "langfuse.environment": "resource" },
        }),
      ),
    ).toBe("span");
    expect(environment(readerOf({ attributes: { "deployment.environment": "Prod" } }))).toBe(
      "prod",
    );
    expect(environment(readerOf({ attributes: { "langfuse.environment": "langfuse-x" } }))).toBe(
      "x",
    );
    const unusable = {
      attributes: { "langfuse.environment": "a b", "deployment.environment": "c" },
    };
    expect(observationRowOf(unusable).environment).toBe("default");
  });

  test("the version falls back to the service's, the release to the resource's", () => {
    const resource = { "service.version": "1.0", "langfuse.release": "r1" };
    expect(traceRowOf({ resource })).toMatchObject({ version: "1.0", release: "r1" });
    const attributes = { "langfuse.version": "v2", "langfuse.release": "r2" };
    expect(traceRowOf({ resource, attributes })).toMatchObject({ version: "v2", release: "r2" });
  });
});
