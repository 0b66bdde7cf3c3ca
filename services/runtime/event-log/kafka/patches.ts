import { createRequire } from "node:module";

/** The version whose insides the patches below know. */
const knownVersion = "2.2.4";

const load = createRequire(import.meta.url);

/**
 * Mends two things in kafkajs, once for the process. Rejects a version that nobody looked into, because a patch that
 * silently misses would cost CPU and clean hand-overs.
 *
 * - Each connection starts a timer every millisecond while it has nothing to send (kafkajs issues 1704, 1751).
 * - A member of a group re-joins at once when others come or go. Here it first awaits `beforeJoin` of its assigner, so
 *   that the batch in hand is done and committed before another process gets its partition.
 */
export function patchKafkajs(): void {
  const { version } = load("kafkajs/package.json") as { version: string };
  if (version !== knownVersion) {
    throw new Error(
      `kafkajs is ${version}, and its patches are for ${knownVersion}: install that version.`,
    );
  }
  const { prototype: queue } = load("kafkajs/src/network/requestQueue") as Patched<RequestQueue>;
  const { prototype: group } = load("kafkajs/src/consumer/consumerGroup") as Patched<ConsumerGroup>;
  if (isPatched) return;
  isPatched = true;
  const schedule = queue.scheduleCheckPendingRequests;
  queue.scheduleCheckPendingRequests = function patched() {
    if (this.pending.length === 0 && this.throttledUntil <= Date.now()) return;
    schedule.call(this);
  };
  const join = group.joinAndSync;
  group.joinAndSync = async function patched() {
    for (const { beforeJoin } of this.assigners) await beforeJoin?.();
    await join.call(this);
  };
}

/** What the patched `joinAndSync` looks for on an assigner. It must not reject. */
export interface BeforeJoin {
  readonly beforeJoin?: () => Promise<void>;
}

let isPatched = false;

interface Patched<Kind> {
  readonly prototype: Kind;
}

interface RequestQueue {
  readonly pending: readonly unknown[];
  readonly throttledUntil: number;
  scheduleCheckPendingRequests: (this: RequestQueue) => void;
}

interface ConsumerGroup {
  readonly assigners: readonly BeforeJoin[];
  joinAndSync: (this: ConsumerGroup) => Promise<void>;
}
