// Tells one trace to the server that its input names. Runs beside an installed @traceloop/node-server-sdk.
import { text } from "node:stream/consumers";
import * as traceloop from "@traceloop/node-server-sdk";

const { baseUrl, authorization } = JSON.parse(await text(process.stdin));
traceloop.initialize({
  appName: "shop",
  baseUrl,
  headers: { authorization },
  silenceInitializationMessage: true,
  traceloopSyncEnabled: false,
  // None of the libraries that it knows is here.
  instrumentModules: {},
});

const properties = { user_id: "user-1", session_id: "session-1", plan: "pro" };
await traceloop.withAssociationProperties(properties, () =>
  traceloop.withWorkflow({ name: "forecast", version: 3 }, forecast, "How is the weather?"),
);
await traceloop.forceFlush();

async function forecast(question) {
  return await traceloop.withAgent({ name: "planner" }, plan, question);
}

async function plan(question) {
  const city = await traceloop.withTool(
    { name: "locate" },
    async (ip) => ip && "Bern",
    "127.0.0.1",
  );
  return await traceloop.withTask({ name: "answer" }, answer, question, city);
}

async function answer(question, city) {
  return await traceloop.withLLMCall({ vendor: "openai", type: "chat" }, async ({ span }) => {
    const messages = [
      { role: "system", content: `You know ${city}.` },
      { role: "user", content: question },
    ];
    span.reportRequest({ model: "fake-1", messages });
    span.reportResponse({
      model: "fake-1-2025",
      usage: { prompt_tokens: 20, completion_tokens: 7, total_tokens: 27 },
      completions: [{ finish_reason: "stop", message: { role: "assistant", content: "Sunny." } }],
    });
    return "Sunny.";
  });
}
