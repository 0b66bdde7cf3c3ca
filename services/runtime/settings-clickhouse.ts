import { optional, setting } from "./setting.ts";
import { httpUrl, oneOf, textLike, wholeNumber } from "./setting-formats.ts";

/** Where rows are stored, when that is not the embedded engine. */
export const clickhouseSettings = {
  url: optional(
    "SLUICE_CLICKHOUSE_URL",
    "http://clickhouse:8123",
    httpUrl(),
    "ClickHouse server to store rows in, its HTTP interface; without it the embedded engine does.",
  ),
  user: setting(
    "SLUICE_CLICKHOUSE_USER",
    "default",
    textLike(/^[^\p{Cc}:]{1,200}$/u, "1 to 200 characters on one line without a colon"),
    "User at that server; it makes the database sluice and may change settings.",
  ),
  password: optional(
    "SLUICE_CLICKHOUSE_PASSWORD",
    "example",
    textLike(/^[^\p{Cc}]{1,500}$/u, "1 to 500 characters on one line"),
    "Password of that user.",
    { secret: true },
  ),
  // Stands in statements, where it is quoted.
  cluster: optional(
    "SLUICE_CLICKHOUSE_CLUSTER",
    "default",
    textLike(/^[A-Za-z0-9_.-]{1,100}$/, "1 to 100 letters, digits, dots, dashes or underscores"),
    "Cluster to spread the tables over, as that server's configuration names it.",
  ),
  connectionsMax: setting(
    "SLUICE_CLICKHOUSE_CONNECTIONS_MAX",
    "16",
    wholeNumber(1, 1000),
    "Reads, and as many inserts, that run at that server at the same time; more wait.",
  ),
  compress: setting(
    "SLUICE_CLICKHOUSE_COMPRESS",
    "off",
    oneOf(["on", "off"]),
    "Whether rows are gzipped on their way; worth it where the network is slow.",
  ),
};
