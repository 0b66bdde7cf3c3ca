import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { createGzip } from "node:zlib";
import type { Gzip } from "node:zlib";
import { statusOf } from "./statuses.ts";

export interface Summary {
  readonly rowsRead?: number;
  readonly bytesRead?: number;
  readonly rowsWritten?: number;
  readonly bytesWritten?: number;
}

/** The reader is gone: nothing more can be said to it. */
export class ReaderGone extends Error {
  override readonly name = "ReaderGone";
}

/** One answer as ClickHouse gives it: headers, gzip, and failures before as well as after the first byte. */
export class Answer {
  readonly #response: ServerResponse;
  readonly #gzip: Gzip | null;
  readonly #tag = randomBytes(8).toString("hex");
  readonly #version: string;
  #mishap: "lost" | "cut" | null = null;

  constructor(response: ServerResponse, version: string, isGzipped: boolean) {
    this.#response = response;
    this.#version = version;
    this.#gzip = isGzipped ? createGzip() : null;
    this.#gzip?.pipe(response);
    // Whoever writes learns it from `isGone`.
    response.on("error", () => {});
  }

  /** From now on nothing is said (`lost`), or the connection ends in the midst of the first bytes (`cut`). */
  suffer(mishap: "lost" | "cut"): void {
    this.#mishap = mishap;
  }

  get isGone(): boolean {
    return this.#response.destroyed;
  }

  /** Once the first byte is sent nothing can be taken back. */
  begin(format: string, queryId: string, summary: Summary = {}): void {
    this.#head(200, queryId, summary);
    this.#response.setHeader("X-ClickHouse-Format", format);
    this.#response.setHeader("X-ClickHouse-Exception-Tag", this.#tag);
    this.#response.setHeader("Content-Type", contentTypes[format] ?? "text/plain; charset=UTF-8");
  }

  /** Resolves when the reader has room for more. */
  async write(bytes: Uint8Array): Promise<void> {
    if (this.isGone) throw new ReaderGone();
    if (this.#mishap === "lost") return;
    const out = this.#gzip ?? this.#response;
    if (this.#mishap === "cut") {
      await new Promise((resolve) => out.write(bytes.subarray(0, bytes.length >> 1), resolve));
      this.cut();
      throw new ReaderGone();
    }
    if (out.write(bytes)) return;
    const given = new AbortController();
    const { signal } = given;
    const gone = once(this.#response, "close", { signal });
    await Promise.race([once(out, "drain", { signal }), gone]).finally(() => given.abort());
    gone.catch(() => {});
    if (this.isGone) throw new ReaderGone();
  }

  end(): void {
    if (this.#mishap !== null) this.cut();
    else (this.#gzip ?? this.#response).end();
  }

  /** Says that the statement failed: by status and header, or behind what was sent already. */
  fail(code: number, words: string, queryId = ""): void {
    if (this.#mishap !== null) return this.cut();
    const message = `${words} (version ${this.#version} (development server))\n`;
    if (this.#response.headersSent || (this.#gzip?.bytesWritten ?? 0) > 0) {
      const length = Buffer.byteLength(message);
      const marker = `\r\n__exception__\r\n${this.#tag}\r\n`;
      const out = this.#gzip ?? this.#response;
      out.end(`${marker}${message}${length} ${this.#tag}\r\n__exception__\r\n`);
      return;
    }
    this.#head(statusOf(code), queryId, {});
    this.#response.removeHeader("X-ClickHouse-Exception-Tag");
    this.#response.setHeader("X-ClickHouse-Exception-Code", String(code));
    this.#response.setHeader("Content-Type", "text/plain; charset=UTF-8");
    (this.#gzip ?? this.#response).end(message);
  }

  /** Ends the connection in the midst of whatever is under way. */
  cut(): void {
    this.#response.destroy();
  }

  #head(status: number, queryId: string, summary: Summary): void {
    const response = this.#response;
    response.statusCode = status;
    response.setHeader("X-ClickHouse-Server-Display-Name", "sluice-dev-clickhouse");
    response.setHeader("X-ClickHouse-Timezone", "UTC");
    response.setHeader("X-ClickHouse-Query-Id", queryId);
    response.setHeader("X-ClickHouse-Summary", summaryText(summary));
    if (this.#gzip) response.setHeader("Content-Encoding", "gzip");
  }
}

const contentTypes: Readonly<Record<string, string>> = {
  JSON: "application/json; charset=UTF-8",
  JSONEachRow: "application/x-ndjson; charset=UTF-8",
};

/** Numbers as texts, as ClickHouse writes them. */
function summaryText(summary: Summary): string {
  const { rowsRead = 0, bytesRead = 0, rowsWritten = 0, bytesWritten = 0 } = summary;
  return JSON.stringify({
    read_rows: String(rowsRead),
    read_bytes: String(bytesRead),
    written_rows: String(rowsWritten),
    written_bytes: String(bytesWritten),
    total_rows_to_read: "0",
    result_rows: "0",
    result_bytes: "0",
    elapsed_ns: "0",
  });
}
