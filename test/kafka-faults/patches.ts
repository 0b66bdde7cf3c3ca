import type { Patch } from "../faults/variant.ts";

/**
 * The shortest session that brokers allow by default. In all builds of this suite: what a dead writer had in hand goes to
 * another one after the session, and a suite has no half minute for each death.
 */
export const shortSession: Patch = {
  file: "services/runtime/event-log/kafka/kafka-log.js",
  anchor: "sessionMs: 30_000,",
  replacement: "sessionMs: 6_000,",
};

const insertCall = "await db.insert(`sluice.${table}`, lines);";

/** What {@link heldInserts} logs when an insert is about to begin. */
export const heldMessage = "insert held";

/** Every insert is logged, and waits so long before it begins. */
export function heldInserts(ms: number): Patch {
  const line = JSON.stringify(JSON.stringify({ level: "info", message: heldMessage }));
  return {
    file: "services/writer/store.js",
    anchor: insertCall,
    replacement: `{ process.stderr.write(${line} + "\\n"); await new Promise((resolve) => setTimeout(resolve, ${ms})); ${insertCall} }`,
  };
}
