import kafkajs from "kafkajs";
import { expect, test } from "vitest";

import { isOutage, toAppendError } from "./errors.ts";

/** An error of the protocol, as kafkajs gives it: by its type, and wrapped. */
function protocolError(type: string, retriable = false): Error {
  const error = new kafkajs.KafkaJSProtocolError(`it was ${type}`);
  Object.assign(error, { type, retriable });
  return Object.assign(new kafkajs.KafkaJSNonRetriableError(error.message), { cause: error });
}

test.each([
  ["MESSAGE_TOO_LARGE", "too-large"],
  ["RECORD_LIST_TOO_LARGE", "too-large"],
  ["NOT_ENOUGH_REPLICAS", "retryable"],
  ["NOT_LEADER_FOR_PARTITION", "retryable"],
  ["REQUEST_TIMED_OUT", "retryable"],
  ["UNKNOWN", "retryable"],
] as const)("%s, wherever kafkajs wraps it, is %s", (type, kind) => {
  const error = toAppendError(protocolError(type));
  expect(error).toMatchObject({ kind });
  expect(error.message).toContain(`it was ${type}`);
});

test("an outage is retryable although kafkajs calls it not retriable (K9)", () => {
  const cause = new kafkajs.KafkaJSConnectionError("connect ECONNREFUSED");
  const error = Object.assign(new kafkajs.KafkaJSNonRetriableError("gave up"), { cause });
  expect(toAppendError(error)).toMatchObject({ kind: "retryable" });
  expect(isOutage(error)).toBe(true);
  expect(isOutage(protocolError("INVALID_REQUEST"))).toBe(false);
});

test("what credentials or rights lack is said", () => {
  expect(toAppendError(protocolError("TOPIC_AUTHORIZATION_FAILED")).message).toContain(
    "check the credentials and rights",
  );
});
