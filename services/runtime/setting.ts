import type { Format } from "./setting-formats.ts";

/** One setting, as `--help` and `.env.example` show it. */
export interface Setting<Value> {
  readonly name: string;
  /** Langfuse's name for the same thing, which is read too. */
  readonly twin: string | null;
  /** The default, as one would write it; null when there is none. */
  readonly initial: string | null;
  /** A value to show where there is no default. */
  readonly example: string;
  readonly about: string;
  readonly secret: boolean;
  readonly format: Format<Value>;
}

export function setting<Value>(
  name: string,
  initial: string,
  format: Format<Value>,
  about: string,
): Setting<Value> {
  return { name, twin: null, initial, example: initial, about, secret: false, format };
}

export function optional<Value>(
  name: string,
  example: string,
  format: Format<Value>,
  about: string,
  extra: { readonly twin?: string; readonly secret?: boolean } = {},
): Setting<Value | null> {
  const { twin = null, secret = false } = extra;
  return { name, twin, initial: null, example, about, secret, format };
}
