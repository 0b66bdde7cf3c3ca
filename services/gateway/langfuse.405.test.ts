import { expect, it } from "vitest";

import { answerOf, startGateway } from "./testing.ts";

it.each(["GET", "PUT", "PATCH", "DELETE"])(
  "write-api §1.3, §6 #6: %s gets a JSON 405, also without a key",
  async (method) => {
    const { url } = await startGateway();
    const answer = await answerOf(fetch(`${url}/api/public/ingestion`, { method }));
    expect(answer).toMatchObject({
      status: 405,
      body: { error: "MethodNotAllowedError", message: "Method not allowed" },
    });
  },
);

it("write-api §1.3: HEAD gets 405 without a body", async () => {
  const { url } = await startGateway();
  const response = await fetch(`${url}/api/public/ingestion`, { method: "HEAD" });
  expect(response.status).toBe(405);
});

it("write-api §1.2: OPTIONS gets an empty 204 that lets any origin in, without credentials", async () => {
  const { url } = await startGateway();
  const response = await fetch(`${url}/api/public/ingestion`, {
    method: "OPTIONS",
    headers: {
      origin: "https://app.example",
      "access-control-request-headers": "authorization,x-langfuse-sdk-name",
    },
  });
  expect(response.status).toBe(204);
  expect(response.headers.get("access-control-allow-origin")).toBe("https://app.example");
  expect(response.headers.get("access-control-allow-headers")).toContain("x-langfuse-sdk-name");
  expect(response.headers.get("access-control-allow-credentials")).toBeNull();
});
