import { expect, it } from "vitest";

import { startGateway } from "./testing.ts";

it.each(["br", "zstd", "compress", "gzip, gzip"])(
  "a body in %s gets a JSON 415 that says what is read",
  async (encoding) => {
    const gateway = await startGateway();
    const answer = await gateway.post("/api/public/ingestion", "{}", {
      "content-encoding": encoding,
    });
    expect(answer).toMatchObject({ status: 415, body: { error: "UnsupportedMediaTypeError" } });
    expect(answer.headers.get("accept-encoding")).toBe("identity, gzip, deflate");
  },
);
