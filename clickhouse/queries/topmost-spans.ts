import { isAnyOf, whereOf, type ProjectReader } from "./conditions.ts";
import { newestRows } from "./newest.ts";
import { observationsByKey, type ObservationKey } from "./observations.ts";
import { noPayloadColumns, payloadColumns } from "./payload.ts";

/** What a trace shows in place of what nobody has said of it yet. Empty text means none. */
export interface Provisional {
  readonly name: string;
  readonly input: string;
  readonly output: string;
}

/**
 * The traces with what is missing taken from the first of their top-most spans, those whose parent is not there: the root
 * of a trace comes last, or never when an exporter leaves it out (otlp.md §3.3). Only traces without a name, as a root
 * has one. It is found at each read, so that nothing has to be taken back when the root comes.
 */
export async function withTopmostSpans<Row extends Provisional & { readonly id: string }>(
  reader: ProjectReader,
  traces: readonly Row[],
  withPayload: boolean,
): Promise<readonly Row[]> {
  const nameless = traces.filter(({ name }) => name === "").map(({ id }) => id);
  if (nameless.length === 0) return traces;
  const keys = await topmostSpans(reader, nameless);
  const spans = await observationsByKey(
    reader,
    keys,
    withPayload ? payloadColumns : noPayloadColumns,
  );
  const byTrace = new Map(spans.map((span) => [span.trace_id, span]));
  return traces.map((trace) => {
    const span = trace.name === "" ? byTrace.get(trace.id) : undefined;
    if (span === undefined) return trace;
    const { name, input, output } = trace;
    return {
      ...trace,
      name: name || span.name,
      input: input || span.input,
      output: output || span.output,
    };
  });
}

async function topmostSpans(
  reader: ProjectReader,
  traceIds: readonly string[],
): Promise<ObservationKey[]> {
  const where = whereOf(reader, [isAnyOf("trace_id", traceIds)]);
  const columns = "trace_id, id, parent_id, start_time, toUnixTimestamp(key_hour) AS hour, otel";
  const rows = await reader.db.query<{ trace_id: string; first: [id: string, hour: number] }>(
    `SELECT trace_id, argMin((id, hour), (start_time, id)) AS first
     FROM (${newestRows("observations", columns, where)})
     WHERE otel != ''
       AND (parent_id = '' OR parent_id NOT IN (SELECT id FROM sluice.observations WHERE ${where.sql}))
     GROUP BY trace_id`,
    where.params,
    reader.budget,
  );
  return rows.map(({ trace_id, first: [id, hour] }) => ({ trace_id, id, hour }));
}
