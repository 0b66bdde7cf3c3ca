import { expect, test } from "vitest";

import { postNew } from "./clients.ts";
import { createIssuer } from "./events.ts";
import { createRig } from "./rig.ts";
import { createPlace, runCommand } from "./server.ts";

test("E6: a second process on the directory is refused by name, and the first one is unharmed", async () => {
  const { place, book, ...rig } = await createRig();
  const first = await rig.start();
  const issuer = createIssuer("E6", Date.now());
  await postNew(place.url, book, issuer, 20);

  const elsewhere = await createPlace({ SLUICE_DATA_DIR: place.dataDir });
  const second = await runCommand(elsewhere, ["standalone"]);
  await elsewhere.dispose();
  expect(second.code).toBe(1);
  expect(second.stdout).toBe("");
  expect(second.stderr).toContain(`${place.dataDir} is in use by process ${first.pid}`);

  await postNew(place.url, book, issuer, 20);
  const { problems } = await rig.close({
    name: "E6 second process",
    faults: second.code === 1 ? 1 : 0,
    floor: { acked: 40, faults: 1 },
  });
  expect(problems).toEqual([]);
  expect(await first.stop()).toMatchObject({ code: 0, signal: null });
});
