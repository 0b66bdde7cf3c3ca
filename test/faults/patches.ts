import type { Patch } from "./variant.ts";

/**
 * Faults written into the built code, by their place in an event's life. The anchors are lines of the product: when a
 * line changes, building the variant fails and says so.
 */

/** The n-th time that the process comes by, it kills itself, as `kill -9` would. */
function dieAt(times: number): string {
  return `if ((globalThis.faultsHits = (globalThis.faultsHits ?? 0) + 1) === ${times}) process.kill(process.pid, "SIGKILL");`;
}

function sleep(ms: number): string {
  return `await new Promise((resolve) => setTimeout(resolve, ${ms}));`;
}

const body = "services/runtime/http/body.js";
const accept = "services/gateway/accept.js";
const segmentWriter = "services/runtime/event-log/segment-writer.js";
const store = "services/writer/store.js";
const writer = "services/writer/handle-batch.js";
const consumer = "services/runtime/event-log/consumer.js";

const appendCall = "const positions = await eventLog.append(entries);";
const frameWrite = "await this.#write(frame);";
const frameSync = "await this.#sync();";
const batchStore =
  "const { changes, parked } = await store(deps, batch, mapped, { isStubborn, prepare });";
const batchDone = 'return "done";';
const batchCommit = "reader.commit(last.offset + 1n);";
const insertCall = "await db.insert(`sluice.${table}`, lines);";

/** Where the gateway dies, for a process that comes by so many times before. */
export const gatewayDeaths = {
  "during body read": (times: number): Patch => ({
    file: body,
    anchor: "bytes += chunk.length;",
    replacement: `${dieAt(times)} bytes += chunk.length;`,
  }),
  "after parse": (times: number): Patch => ({
    file: accept,
    anchor: appendCall,
    replacement: `${dieAt(times)} ${appendCall}`,
  }),
  "after write, before fsync": (times: number): Patch => ({
    file: segmentWriter,
    anchor: frameSync,
    replacement: `if (this.#options.dir.endsWith("events")) { ${dieAt(times)} } ${frameSync}`,
  }),
  "after durable, before the answer": (times: number): Patch => ({
    file: accept,
    anchor: appendCall,
    replacement: `${appendCall} ${dieAt(times)}`,
  }),
} as const;

/** Where the writer dies. */
export const writerDeaths = {
  "before insert": (times: number): Patch => ({
    file: store,
    anchor: insertCall,
    replacement: `{ ${dieAt(times)} ${insertCall} }`,
  }),
  "between the tables' inserts": (times: number): Patch => ({
    file: store,
    anchor: insertCall,
    replacement: `{ ${insertCall} if (table === "observations") { ${dieAt(times)} } }`,
  }),
  "after insert, before commit": (times: number): Patch => ({
    file: writer,
    anchor: batchDone,
    replacement: `${dieAt(times)} ${batchDone}`,
  }),
  "after commit": (times: number): Patch => ({
    file: consumer,
    anchor: batchCommit,
    replacement: `${batchCommit} if (last.offset > 100n) { ${dieAt(times)} }`,
  }),
} as const;

/** Every insert waits so long before it begins. */
export function slowInserts(ms: number): Patch {
  return { file: store, anchor: insertCall, replacement: `{ ${sleep(ms)} ${insertCall} }` };
}

/** While this file exists, the engine refuses every row, as it does with too many parts. */
export function refusedInserts(file: string): Patch {
  const exists = `process.getBuiltinModule("node:fs").existsSync(${JSON.stringify(file)})`;
  return {
    file: store,
    anchor: insertCall,
    replacement: `{ if (${exists}) throw new DbError("transient", 252, "TOO_MANY_PARTS"); ${insertCall} }`,
  };
}

/** Every frame waits before it is written. */
export function slowWrites(ms: number): Patch {
  return { file: segmentWriter, anchor: frameWrite, replacement: `${sleep(ms)} ${frameWrite}` };
}

/** Builds that break a promise. Each must be judged FAIL, or the cases above prove nothing. */
export const mutants = {
  "ack before the append": {
    file: accept,
    anchor: appendCall,
    replacement: "void eventLog.append(entries).catch(() => {}); const positions = [];",
  },
  "ack before fsync": {
    file: segmentWriter,
    anchor: frameSync,
    replacement: "void this.#sync().catch(() => {});",
  },
  "commit before insert": {
    file: writer,
    anchor: batchStore,
    replacement:
      "void store(deps, batch, mapped, { isStubborn: false, prepare }).catch(() => {}); const { changes, parked } = { changes: [], parked: [] };",
  },
  "no toWellFormed": {
    file: "schemas/json.js",
    anchor: "const repaired = withoutLoneSurrogates(text);",
    replacement: "const repaired = text;",
  },
  "every id taken as new": {
    file: store,
    anchor: "else if (deps.filter.mayHave(one.key))",
    replacement: "else if (false)",
  },
} as const satisfies Record<string, Patch>;
