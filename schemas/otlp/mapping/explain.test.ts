import { expect, test } from "vitest";

import { spanOf } from "../testing.ts";
import { explainSpan } from "./explain.ts";

test("an explanation names what fed a field, what came too late, what could not be used and what nobody asked for", () => {
  const { fields, steps, unmapped } = explainSpan(
    spanOf({
      attributes: {
        "gen_ai.request.model": "asked",
        "gen_ai.response.model": "answered",
        "langfuse.observation.level": "loud",
        "input.value": "mine",
        "gen_ai.input.messages": "theirs",
        "http.route": "/x",
      },
      statusCode: 2,
    }),
  );
  expect(fields).toMatchObject({ call: { model: "answered" }, level: "ERROR", input: "mine" });
  const step = (field: string) =>
    steps
      .filter((one) => one.field === field)
      .map(({ use, source, by }) => `${use}: ${source} (${by})`);
  expect(step("model")).toEqual([
    "used: gen_ai.response.model (GenAI semantic conventions)",
    "lost: gen_ai.request.model (GenAI semantic conventions)",
  ]);
  expect(step("level")).toEqual([
    "unusable: langfuse.observation.level (Langfuse SDKs)",
    "used: span status (OpenTelemetry)",
  ]);
  expect(step("input")).toEqual([
    "used: input.value (OpenInference)",
    "lost: gen_ai.input.messages (GenAI semantic conventions)",
  ]);
  expect(unmapped).toEqual(["langfuse.observation.level", "gen_ai.input.messages", "http.route"]);
});
