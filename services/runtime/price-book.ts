import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";

import type { ModelBook } from "../../schemas/model-book.ts";
import type { ModelDefinition } from "../../schemas/models.ts";
import { compareVersions } from "../../schemas/registry.ts";
import type { Logger } from "./logger.ts";
import type { RegistryFold } from "./registry.ts";

/** To be counted up when price-list.ts makes other definitions of the same list. */
const adapterVersion = 1;

/** About 120 kB. */
const modelsPerCommand = 200;

/** Publishes the prices of this build. Without the newest ones everything still works, so a failure is only logged. */
export async function updatePrices(fold: RegistryFold, log: Logger): Promise<void> {
  try {
    const definitions = await publishPrices(fold);
    if (definitions > 0) log.info("prices updated", { definitions });
  } catch (error) {
    log.warn("prices not updated, those of the last start stay in force", { error });
  }
}

/**
 * Puts the price list that this build ships into the registry, as far as it is newer than what is there. So every
 * process prices alike, and a cost that stands keeps the prices that it came from. Refreshed by updating the package.
 * Gives the number of definitions that came, changed or went.
 */
export async function publishPrices(fold: RegistryFold): Promise<number> {
  const version = priceListVersion();
  if (compareVersions(version, fold.registry.pricesVersion) <= 0) return 0;
  // Read only when it is newer: it takes a quarter of a second and 15 MB.
  const { builtInModels } = await import("./price-list.ts");
  const { models, removed } = changesTo(fold.registry.models, builtInModels());
  for (let from = 0; from < models.length; from += modelsPerCommand) {
    const slice = models.slice(from, from + modelsPerCommand);
    await publish(fold, version, { models: slice, removed: [], version: null });
  }
  // The version comes last: a start that is broken off is made up for by the next.
  await publish(fold, version, { models: [], removed, version });
  return models.length + removed.length;
}

async function publish(
  fold: RegistryFold,
  target: readonly number[],
  part: { models: ModelDefinition[]; removed: string[]; version: readonly number[] | null },
): Promise<void> {
  const change = { type: "prices-publish", ...part } as const;
  // The same from several processes at once counts once.
  const id = createHash("sha256")
    .update(JSON.stringify([target, change]))
    .digest("hex");
  await fold.submit(change, "start of the server", `prices ${id}`);
}

function priceListVersion(): readonly number[] {
  // The package exports no more than its code, which lies one folder below.
  const entry = createRequire(import.meta.url).resolve("@pydantic/genai-prices");
  const manifest = path.join(path.dirname(entry), "..", "package.json");
  const { version }: { version: string } = JSON.parse(readFileSync(manifest, "utf8"));
  return [...version.split(/[.-]/).map((part) => Number.parseInt(part, 10) || 0), adapterVersion];
}

function changesTo(
  book: ModelBook,
  wanted: readonly ModelDefinition[],
): { models: ModelDefinition[]; removed: string[] } {
  const held = new Map(book.builtIn().map(({ definition }) => [definition.id, definition]));
  const ids = new Set(wanted.map(({ id }) => id));
  return {
    models: wanted.filter((model) => JSON.stringify(held.get(model.id)) !== JSON.stringify(model)),
    removed: [...held.keys()].filter((id) => !ids.has(id)),
  };
}
