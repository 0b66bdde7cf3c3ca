import type { Readable } from "node:stream";
import type { ClickHouseClient } from "@clickhouse/client";
import type { Params, ReadBudget } from "./engine.ts";
import { httpStatement } from "./http-params.ts";
import { budgetSettings, streamSettings, streamTimeMsMax } from "./read-settings.ts";
import type { Settings } from "./read-settings.ts";
import { RowReader } from "./row-reader.ts";
import { explainedOverHttp, refusalOf } from "./server-client.ts";

export interface ServerStreams {
  /** The rows of one statement, row by row. Ends the statement in the server when the consumer stops. */
  open<Row>(sql: string, params: Params): AsyncGenerator<Row, void, void>;
  /** Ends all statements; their consumers get an error. */
  stopAll(): void;
}

/** Reads of any size, each over a connection that it keeps busy for as long as its consumer likes. */
export function serverStreams(
  client: ClickHouseClient,
  settings: Settings,
  { memoryBytes }: ReadBudget,
): ServerStreams {
  const limits = budgetSettings({ timeMs: streamTimeMsMax, ...(memoryBytes && { memoryBytes }) });
  const bodies = new Set<Readable>();
  let stopped = false;

  function refuseWhenStopped(): void {
    if (stopped) throw new Error("The connection to ClickHouse is closed: end streams first.");
  }

  async function start(sql: string, params: Params): Promise<Readable> {
    const statement = httpStatement(sql, params);
    const { stream } = await explainedOverHttp("read", () =>
      client.exec({
        query: `${statement.sql}\nFORMAT JSONEachRow`,
        query_params: statement.fields,
        clickhouse_settings: { ...settings, ...limits, ...streamSettings },
      }),
    );
    return stream;
  }

  return {
    // One generator on purpose: each one more between the server and the consumer costs a microsecond a row.
    async *open<Row>(sql: string, params: Params) {
      refuseWhenStopped();
      const body = await start(sql, params);
      bodies.add(body);
      const reader = new RowReader<Row>();
      try {
        for await (const chunk of body) {
          for (const row of reader.push(chunk)) yield row;
        }
        reader.end();
      } catch (error) {
        // What cannot be read on was stopped here, or by the server.
        refuseWhenStopped();
        throw refusalOf("read", error);
      } finally {
        bodies.delete(body);
        // The server sees its reader gone, and ends the statement.
        body.destroy();
      }
    },
    stopAll() {
      stopped = true;
      for (const body of bodies) body.destroy();
    },
  };
}
