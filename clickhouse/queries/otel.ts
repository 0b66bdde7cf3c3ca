import { equals, whereOf, type ProjectReader } from "./conditions.ts";
import { newestRows } from "./newest.ts";

/** The span that an observation came as, JSON of OtelSpan; empty for one that did not come as a span. */
export async function otelOfObservation(
  reader: ProjectReader,
  id: string,
): Promise<string | undefined> {
  const where = whereOf(reader, [equals("t.id", id, "id")]);
  const rows = await reader.db.query<{ readonly otel: string }>(
    newestRows("observations", "t.id AS id, t.otel AS otel", where),
    where.params,
    reader.budget,
  );
  return rows[0]?.otel;
}
