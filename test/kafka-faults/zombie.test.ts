import { afterAll, beforeAll, expect, test } from "vitest";

import { postUntilTaken } from "../faults/clients.ts";
import { createIssuer } from "../faults/events.ts";
import type { Issued, Kind } from "../faults/events.ts";
import { untilTrue } from "../faults/wait.ts";
import type { StartedProcess } from "../processes/cluster.ts";
import { heldInserts, heldMessage } from "./patches.ts";
import { createRig, timesLogged } from "./rig.ts";
import type { Rig } from "./rig.ts";

const entities = 40;
const hourMs = 3_600_000;
/** Long enough to stop the process while an insert is held. */
const heldMs = 5000;

let rig: Rig;
let gateway: StartedProcess;
beforeAll(async () => {
  rig = await createRig();
  gateway = await rig.start("gateway");
});
afterAll(async () => await rig?.stop());

test("W4: what a writer stores that was stopped for longer than its session does not show, although rows have moved meanwhile", async () => {
  const { book, ...one } = rig.begin("W4");
  // An update that comes before its create lies in the hour in which it came; the create moves it to its own.
  const issuer = createIssuer("W4.events", Date.now() - 5 * hourMs);
  const issue = (kind: Kind): Issued[] => Array.from({ length: entities }, () => issuer.next(kind));
  const [trace, creates, updates] = [[issuer.next("trace")], issue("span"), issue("span-update")];
  for (const issued of [...trace, ...creates, ...updates]) book.issue(issued);

  const zombie = await rig.start("writer", heldInserts(heldMs));
  await postUntilTaken(gateway.url, book, updates);
  await untilTrue(() => timesLogged(zombie, heldMessage) > 0);
  zombie.process.kill("SIGSTOP");
  const stoppedAt = performance.now();
  const storedByZombie = timesLogged(zombie, "batch stored");

  const second = await rig.start("writer");
  await rig.group.untilDrained();
  const recoverMs = performance.now() - stoppedAt;
  await postUntilTaken(gateway.url, book, [...trace, ...creates]);
  await rig.group.untilDrained();

  zombie.process.kill("SIGCONT");
  const healedAt = performance.now();
  await untilTrue(() => timesLogged(zombie, "batch stored") > storedByZombie);
  const { problems } = await one.close({
    name: `W4 zombie, ${((healedAt - stoppedAt) / 1000).toFixed(0)} s`,
    url: gateway.url,
    faults: timesLogged(zombie, "batch stored") - storedByZombie,
    floor: { acked: 2 * entities, faults: 1 },
    recoverMs,
    healedAt,
  });
  await Promise.all([zombie.stop(), second.stop()]);
  expect(problems).toEqual([]);
});
