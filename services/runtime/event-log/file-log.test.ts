import { contractLimits, describeEventLog } from "./event-log.contract.ts";
import { openFileLog } from "./file-log.ts";
import type { EventLog } from "./port.ts";
import { copyAsAfterKill, removeDirectories, temporaryDirectory } from "./testing.ts";

describeEventLog("file log", async () => {
  const dirs = [await temporaryDirectory()];
  const logs: EventLog[] = [];
  async function open(): Promise<EventLog> {
    const log = await openFileLog({
      dir: dirs.at(-1) ?? "",
      retention: { keepBytes: 1 << 20, keepMs: 60_000 },
      diskFloorBytes: 0,
      ...contractLimits,
    });
    logs.push(log);
    return log;
  }
  return {
    log: await open(),
    reopen: open,
    async crash() {
      dirs.push(await copyAsAfterKill(dirs[0] ?? ""));
      return open();
    },
    async dispose() {
      for (const log of logs) await log.close();
      await removeDirectories(dirs);
    },
  };
});
