import type { StoredCost } from "../../schemas/public-api/cost.ts";
import { equals, whereOf, type ProjectReader } from "./conditions.ts";
import { newestRows } from "./newest.ts";

/** What the cost of an observation rests on. */
export async function costOfObservation(
  reader: ProjectReader,
  id: string,
): Promise<StoredCost | undefined> {
  const where = whereOf(reader, [equals("t.id", id, "id")]);
  const columns = `
       t.id AS id, t.trace_id AS trace_id, t.start_time AS start_time, t.level AS level, t.model AS model,
       t.provided_usage AS provided_usage, t.provided_cost AS provided_cost,
       t.usage_attributes AS usage_attributes, t.usage_details AS usage_details, t.cost_details AS cost_details,
       t.total_cost AS total_cost, t.pricing AS pricing`;
  const rows = await reader.db.query<StoredCost>(
    newestRows("observations", columns, where),
    where.params,
    reader.budget,
  );
  return rows[0];
}
