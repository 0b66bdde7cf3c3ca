import { AppendError } from "../port.ts";

/** Error codes of the protocol that say a batch can never be taken; kafkajs gives them as the error's `type`. */
const tooLargeTypes = new Set(["MESSAGE_TOO_LARGE", "RECORD_LIST_TOO_LARGE"]);
const signInTypes = new Set([
  "SASL_AUTHENTICATION_FAILED",
  "TOPIC_AUTHORIZATION_FAILED",
  "CLUSTER_AUTHORIZATION_FAILED",
  "GROUP_AUTHORIZATION_FAILED",
]);

/**
 * What a failed send means to the caller. All but a batch that is too large may succeed later: a refusal that is too
 * strict loses events, one that is too mild costs another try.
 */
export function toAppendError(error: unknown): AppendError {
  if (error instanceof AppendError) return error;
  const chain = causes(error);
  const message = chain.map(({ message: text }) => text).find((text) => text !== "") ?? "no reason";
  if (chain.some((cause) => tooLargeTypes.has(typeOf(cause)))) {
    const text = `Kafka refused an entry as too large (${message}).`;
    return new AppendError("too-large", text, { cause: error });
  }
  const advice = chain.some(isAboutSignIn)
    ? "check the credentials and rights of Sluice at the brokers"
    : "try again later";
  return new AppendError("retryable", `Kafka did not take the entries (${message}): ${advice}.`, {
    cause: error,
  });
}

/** Whether the same request may succeed later: an outage, not a request that the broker will never take. */
export function isOutage(error: unknown): boolean {
  const names = causes(error).map(({ name }) => name);
  return causes(error).some(
    (cause, n) =>
      Reflect.get(cause, "retriable") === true ||
      /Connection|RequestTimeout|RetriesExceeded|Broker|Lock/.test(names[n] ?? ""),
  );
}

/** The error code of the protocol behind an error, like `TOPIC_ALREADY_EXISTS`; empty when there is none. */
export function protocolType(error: unknown): string {
  return (
    causes(error)
      .map(typeOf)
      .find((type) => type !== "") ?? ""
  );
}

/** The error and what caused it, outermost first: kafkajs wraps errors of the protocol in others. */
function causes(error: unknown): Error[] {
  const chain: Error[] = [];
  for (let cause = error; cause instanceof Error && chain.length < 10; cause = cause.cause) {
    chain.push(cause);
    const inner: unknown = Reflect.get(cause, "errors");
    if (Array.isArray(inner)) chain.push(...inner.filter((item) => item instanceof Error));
  }
  return chain;
}

function typeOf(error: Error): string {
  const type: unknown = Reflect.get(error, "type");
  return typeof type === "string" ? type : "";
}

function isAboutSignIn(error: Error): boolean {
  return signInTypes.has(typeOf(error)) || error.name === "KafkaJSSASLAuthenticationError";
}
