/**
 * An ExportTraceServiceResponse in protobuf; those of logs and metrics have the same fields. Nothing rejected and
 * nothing to say is no bytes at all; `rejected: 0` with a message is a warning (otlp.md §1.8).
 */
export function exportResponse(rejected: number, message: string): Uint8Array {
  const partialSuccess = [...varintField(1, rejected), ...textField(2, message)];
  return Uint8Array.from(delimitedField(1, partialSuccess));
}

/** A google.rpc.Status in protobuf. `code` is one of google.rpc.Code, and may be left out as 0. */
export function rpcStatus(code: number, message: string): Uint8Array {
  return Uint8Array.from([...varintField(1, code), ...textField(2, message)]);
}

/** Fields that hold their default are not written. */
function varintField(field: number, value: number): readonly number[] {
  return value === 0 ? [] : [field << 3, ...varint(value)];
}

function textField(field: number, text: string): readonly number[] {
  return delimitedField(field, [...Buffer.from(text)]);
}

function delimitedField(field: number, bytes: readonly number[]): readonly number[] {
  return bytes.length === 0 ? [] : [(field << 3) | 2, ...varint(bytes.length), ...bytes];
}

/** `value` is a whole number from 0 to 2^53 - 1. */
function varint(value: number): readonly number[] {
  return value < 0x80 ? [value] : [(value % 0x80) | 0x80, ...varint(Math.floor(value / 0x80))];
}
