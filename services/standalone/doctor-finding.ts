/** What one look of `sluice doctor` found. */
export interface Finding {
  /** What was looked at, like `kafka.topics`: a name that stays, for programs. */
  readonly check: string;
  /** `fail`: events or reads suffer, now or at the next start. `warn`: they may. */
  readonly level: "ok" | "warn" | "fail";
  readonly about: string;
  /** What to do; null where all is well. */
  readonly advice: string | null;
}

export function ok(check: string, about: string): Finding {
  return { check, level: "ok", about, advice: null };
}

export function warn(check: string, about: string, advice: string): Finding {
  return { check, level: "warn", about, advice };
}

export function fail(check: string, about: string, advice: string): Finding {
  return { check, level: "fail", about, advice };
}

/** A finding as a line of text. */
export function lineOf({ check, level, about, advice }: Finding): string {
  const label = (level === "fail" ? "FAIL" : level).padEnd(4);
  return `${label}  ${check}: ${about}${advice === null ? "" : `: ${advice}`}`;
}

/** An error's words on one line. */
export function reasonOf(error: unknown): string {
  const { message, name } = error instanceof Error ? error : { message: String(error), name: "" };
  return (message === "" ? name : message).replace(/\s+/g, " ").trim();
}

/** A size for people, like `12.3 GiB`. */
export function showSize(bytes: number): string {
  const units = ["bytes", "KiB", "MiB", "GiB", "TiB", "PiB"];
  const power = Math.min(Math.floor(Math.log2(Math.max(bytes, 1)) / 10), units.length - 1);
  const digits = power === 0 ? 0 : 1;
  return `${(bytes / 1024 ** power).toFixed(digits)} ${units[power] ?? ""}`;
}
