import type { EntityRow } from "../../schemas/entity-row.ts";
import type { ModelBook } from "../../schemas/model-book.ts";
import { isCountable, modelOf, pricedColumns } from "../../schemas/pricing.ts";
import type { CountUsage } from "./tokenizer.ts";
import type { Turn } from "./turns.ts";

/** Gives rows of observations what their models say of usage and cost; the others as they are. */
export type Pricer = (rows: readonly EntityRow[], turn: Turn) => Promise<readonly EntityRow[]>;

/** Without `countUsage`, usage that nobody stated stays unknown. */
export function pricer(models: ModelBook, countUsage: CountUsage | null): Pricer {
  return async (rows, turn) => {
    const priced: EntityRow[] = [];
    for (const row of rows) {
      await turn();
      const version = row.model ? modelOf(row, models) : null;
      if (!version) {
        priced.push(row);
        continue;
      }
      const counted =
        countUsage && isCountable(row) ? await countUsage(row, version.definition) : null;
      priced.push({ ...row, ...pricedColumns(row, version, counted) });
    }
    return priced;
  };
}
