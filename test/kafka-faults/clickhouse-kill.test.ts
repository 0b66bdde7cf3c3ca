import { afterAll, beforeAll, expect, test } from "vitest";

import { startLoad } from "../faults/clients.ts";
import { untilTrue } from "../faults/wait.ts";
import type { StartedProcess } from "../processes/cluster.ts";
import { startClickHouseProcess } from "./clickhouse-process.ts";
import type { ClickHouseProcess } from "./clickhouse-process.ts";
import { sumOf } from "./group.ts";
import { createRig, timesLogged } from "./rig.ts";
import type { Rig } from "./rig.ts";

const ackedMin = 300;
const kills = 2;

let rig: Rig;
let clickhouse: ClickHouseProcess;
let gateway: StartedProcess;
let writer: StartedProcess;
beforeAll(async () => {
  rig = await createRig({
    async startClickHouse(directory) {
      clickhouse = await startClickHouseProcess(directory);
      return clickhouse;
    },
  });
  [gateway, writer] = await Promise.all([rig.start("gateway"), rig.start("writer")]);
});
afterAll(async () => await rig?.stop());

test("C1: while ClickHouse is killed and restarted events are taken, and each is stored once", async () => {
  const { book, ...one } = rig.begin("C1");
  const load = startLoad(gateway.url, book, { run: "C1.load", clients: 2, pauseMs: 200 });
  let slowestMs = 0;
  for (let n = 0; n < kills; n += 1) {
    // Killed while it stores: some of this load is in, and more is on its way.
    await rig.group.untilBeyond(sumOf(await rig.group.committed()));
    const failed = timesLogged(writer, "batch not stored, it is tried again");
    await clickhouse.kill();
    const ackedWhenDead = book.acked;
    await untilTrue(
      () =>
        timesLogged(writer, "batch not stored, it is tried again") > failed &&
        book.acked >= ackedWhenDead + ackedMin / kills,
    );
    const before = sumOf(await rig.group.committed());
    await clickhouse.restart();
    const healedAt = performance.now();
    await rig.group.untilBeyond(before);
    slowestMs = Math.max(slowestMs, performance.now() - healedAt);
  }
  await load.stop();
  const { problems } = await one.close({
    name: `C1 ClickHouse killed ${kills} times`,
    url: gateway.url,
    faults: kills,
    floor: { acked: ackedMin, faults: kills },
    recoverMs: slowestMs,
    healedAt: performance.now(),
  });
  expect(problems).toEqual([]);
});
