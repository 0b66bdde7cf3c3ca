/**
 * The HTTP status that ClickHouse answers an error with, by its code; 500 for the rest
 * (ClickHouse, src/Server/HTTP/exceptionCodeToHTTPStatus.cpp).
 */
export function statusOf(code: number): number {
  return statuses.get(code) ?? 500;
}

const statuses = new Map<number, number>();

for (const [status, codes] of [
  [401, [194]], // REQUIRED_PASSWORD
  [403, [192, 193, 516]], // UNKNOWN_USER, WRONG_PASSWORD, AUTHENTICATION_FAILED
  [400, [6, 26, 27, 36, 38, 41, 43, 53, 62, 69, 72, 117, 321, 456]], // what cannot be parsed, or does not fit
  [404, [46, 47, 50, 56, 60, 73, 81, 115]], // UNKNOWN_FUNCTION, UNKNOWN_IDENTIFIER, UNKNOWN_TABLE and their like
  [408, [159]], // TIMEOUT_EXCEEDED
  [413, [223]], // QUERY_IS_TOO_LARGE
  [501, [48]], // NOT_IMPLEMENTED
  [503, [209, 439]], // SOCKET_TIMEOUT, CANNOT_SCHEDULE_TASK
] as const) {
  for (const code of codes) statuses.set(code, status);
}
