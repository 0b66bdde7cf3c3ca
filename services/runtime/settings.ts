import { isIP } from "node:net";

import { logLevels } from "./logger.ts";
import { optional, setting } from "./setting.ts";
import { clickhouseSettings } from "./settings-clickhouse.ts";
import {
  drainMsSetting,
  forwardSettings,
  gatewaySettings,
  keyPepperSetting,
} from "./settings-processes.ts";
import {
  brokerList,
  byteSize,
  httpUrl,
  oneOf,
  proxyList,
  textLike,
  wholeNumber,
} from "./setting-formats.ts";
import type { Format } from "./setting-formats.ts";

const KiB = 1024;
const MiB = 1024 * KiB;
const GiB = 1024 * MiB;
const TiB = 1024 * GiB;

/** Any public or secret key that can stand in an HTTP Basic header: visible ASCII, no colon. */
const keyFormat = textLike(
  /^[!-9;-~]{1,200}$/,
  "1 to 200 visible ASCII characters without a colon",
);

const grpcPortFormat: Format<number | "off"> = {
  expected: `${wholeNumber(0, 65_535).expected}, or off`,
  parse: (text) => (text === "off" ? "off" : wholeNumber(0, 65_535).parse(text)),
};

const hostFormat: Format<string> = {
  expected: "an IP address or a host name, without a port",
  parse: (text) => (isIP(text) > 0 || /^[A-Za-z0-9._-]+$/.test(text) ? text : undefined),
};

/**
 * Every setting there is. The shape of this table is the shape of `Config` in config.ts; `--help`,
 * `--check-config` and `.env.example` are made from it.
 */
export const settings = {
  http: {
    host: setting("SLUICE_HOST", "127.0.0.1", hostFormat, "Address to listen on."),
    port: setting(
      "SLUICE_PORT",
      "3000",
      wholeNumber(0, 65_535),
      "Port to listen on; 0 takes a free one.",
    ),
    publicUrl: optional(
      "SLUICE_PUBLIC_URL",
      "https://traces.example.com",
      httpUrl(),
      "Base URL to show to people, where a proxy stands in front.",
    ),
    trustedProxies: optional(
      "SLUICE_TRUSTED_PROXIES",
      "127.0.0.1,10.0.0.0/8",
      proxyList(),
      "Proxies whose X-Forwarded-Proto and -Host count in links: addresses, or how many there are.",
    ),
    // 4.5 MiB is Langfuse's own limit for one request body.
    bodyBytesMax: setting(
      "SLUICE_BODY_BYTES_MAX",
      "4718592",
      byteSize(KiB, 64 * MiB),
      "Greatest request body, as sent and after inflating; a greater one gets 413.",
    ),
    inflightBytesMax: setting(
      "SLUICE_INFLIGHT_BYTES_MAX",
      "64MiB",
      byteSize(MiB, 64 * GiB),
      "Bytes of request bodies held at once; beyond it a request gets 503 and may retry.",
    ),
    // JSON.stringify throws from a depth of about 5,000; 1,000 keeps well away from that.
    depthMax: setting(
      "SLUICE_JSON_DEPTH_MAX",
      "200",
      wholeNumber(10, 1000),
      "Deepest nesting of a JSON body, in levels; a deeper one gets 400.",
    ),
  },
  otlp: {
    // What the OTLP specification recommends: exporters send larger batches than the batch API takes.
    bodyBytesMax: setting(
      "SLUICE_OTLP_BODY_BYTES_MAX",
      "20MiB",
      byteSize(KiB, 64 * MiB),
      "Greatest OTLP request, as sent and after inflating; a greater one gets 413.",
    ),
    // No default here, so that a port that was asked for can be told from the one that is tried.
    grpcPort: optional(
      "SLUICE_OTLP_GRPC_PORT",
      "4317",
      grpcPortFormat,
      "Port for OTLP over gRPC; 0 takes a free one, off none. When not set, 4317 if that is free.",
    ),
  },
  dataDir: setting(
    "SLUICE_DATA_DIR",
    "./data",
    textLike(/^[^\0]+$/, "a path"),
    "Directory for the event log and the embedded engine; one process at a time.",
  ),
  logLevel: setting(
    "SLUICE_LOG_LEVEL",
    "info",
    oneOf(logLevels),
    "Least severe messages to print on standard error.",
  ),
  shutdownMs: setting(
    "SLUICE_SHUTDOWN_MS",
    "10000",
    wholeNumber(100, 600_000),
    "Time to finish accepted work after SIGTERM or SIGINT, in milliseconds.",
  ),
  eventLog: {
    keepBytes: setting(
      "SLUICE_LOG_KEEP_BYTES",
      "256MiB",
      byteSize(0, TiB),
      "Consumed log segments kept for replay: at most this size in all.",
    ),
    keepHours: setting(
      "SLUICE_LOG_KEEP_HOURS",
      "24",
      wholeNumber(0, 8760),
      "Consumed log segments kept for replay: at most this age, in hours.",
    ),
    bytesMax: setting(
      "SLUICE_LOG_BYTES_MAX",
      "4GiB",
      byteSize(16 * MiB, 64 * TiB),
      "Greatest size of what is not consumed yet; beyond it a request gets 503. Never deleted.",
    ),
    diskFloorBytes: setting(
      "SLUICE_DISK_FLOOR_BYTES",
      "512MiB",
      byteSize(0, TiB),
      "Free disk space below which a request gets 503.",
    ),
  },
  engine: {
    memoryBytesMax: setting(
      "SLUICE_ENGINE_MEMORY_BYTES",
      "2GiB",
      byteSize(256 * MiB, TiB),
      "Memory that the embedded engine may take.",
    ),
    readers: setting(
      "SLUICE_ENGINE_READERS",
      "2",
      wholeNumber(1, 8),
      "Reads that the embedded engine runs at the same time.",
    ),
  },
  clickhouse: clickhouseSettings,
  kafka: {
    brokers: optional(
      "SLUICE_KAFKA_BROKERS",
      "kafka-1:9092,kafka-2:9092",
      brokerList(),
      "Kafka brokers to reach the cluster by, where Kafka is the event log.",
    ),
    topicPrefix: setting(
      "SLUICE_KAFKA_TOPIC_PREFIX",
      "sluice",
      // Kafka allows 249 characters in a topic; what Sluice adds needs far less than 49.
      textLike(/^[A-Za-z0-9._-]{1,200}$/, "1 to 200 letters, digits, dots, dashes or underscores"),
      "How the names of Sluice's topics and consumer groups begin.",
    ),
    partitions: setting(
      "SLUICE_KAFKA_PARTITIONS",
      "12",
      wholeNumber(1, 1000),
      "Partitions of the events; raising it starts a new generation of the topic.",
    ),
    replication: setting(
      "SLUICE_KAFKA_REPLICATION",
      "3",
      wholeNumber(1, 9),
      "Brokers that keep each entry; 1 where there is one broker.",
    ),
    retentionHours: setting(
      "SLUICE_KAFKA_RETENTION_HOURS",
      "168",
      wholeNumber(1, 87_600),
      "How long Kafka keeps events, in hours: the longest outage of ClickHouse that loses nothing.",
    ),
    compression: setting(
      "SLUICE_KAFKA_COMPRESSION",
      "gzip",
      oneOf(["gzip", "none"]),
      "How entries are compressed on their way to Kafka and in it.",
    ),
    queueBytesMax: setting(
      "SLUICE_KAFKA_QUEUE_BYTES_MAX",
      "64MiB",
      byteSize(16 * MiB, 64 * GiB),
      "Bytes that may wait for Kafka; beyond it a request gets 503.",
    ),
    ssl: setting(
      "SLUICE_KAFKA_SSL",
      "off",
      oneOf(["off", "on"]),
      "Whether to reach the brokers over TLS.",
    ),
    saslMechanism: optional(
      "SLUICE_KAFKA_SASL_MECHANISM",
      "scram-sha-512",
      oneOf(["plain", "scram-sha-256", "scram-sha-512"]),
      "How to sign in to the brokers; it needs a user name and a password.",
    ),
    saslUsername: optional(
      "SLUICE_KAFKA_SASL_USERNAME",
      "sluice",
      textLike(/^[^\p{Cc}]{1,200}$/u, "1 to 200 characters on one line"),
      "User name at the brokers.",
    ),
    saslPassword: optional(
      "SLUICE_KAFKA_SASL_PASSWORD",
      "example",
      textLike(/^[^\p{Cc}]{1,1000}$/u, "1 to 1,000 characters on one line"),
      "Password at the brokers.",
      { secret: true },
    ),
  },
  writer: {
    rowsMax: setting(
      "SLUICE_WRITER_ROWS_MAX",
      "5000",
      wholeNumber(1, 100_000),
      "Records in one batch.",
    ),
    bytesMax: setting(
      "SLUICE_WRITER_BYTES_MAX",
      "16MiB",
      byteSize(MiB, GiB),
      "Bytes in one batch.",
    ),
    lingerMs: setting(
      "SLUICE_WRITER_LINGER_MS",
      "100",
      wholeNumber(0, 10_000),
      "Longest wait of a record for others to fill its batch, in milliseconds.",
    ),
    cacheBytesMax: setting(
      "SLUICE_WRITER_CACHE_BYTES",
      "64MiB",
      byteSize(0, TiB),
      "Memory for rows written lately, so that an update need not read them back.",
    ),
    filterBytesMax: setting(
      "SLUICE_WRITER_FILTER_BYTES",
      "64MiB",
      byteSize(0, TiB),
      "Memory for the filter of known ids, so that a new id need not be looked up.",
    ),
    // Half a millisecond to two for each KiB; a limit of time instead would not give the same rows again.
    tokenizeBytesMax: setting(
      "SLUICE_TOKENIZE_BYTES_MAX",
      "32KiB",
      byteSize(0, MiB),
      "Longest text whose tokens are counted when an OpenAI model comes without usage; 0 counts none.",
    ),
  },
  reads: {
    timeoutMs: setting(
      "SLUICE_READ_TIMEOUT_MS",
      "15000",
      wholeNumber(100, 600_000),
      "Longest time of one read, in milliseconds.",
    ),
    memoryBytesMax: setting(
      "SLUICE_READ_MEMORY_BYTES",
      "1GiB",
      byteSize(16 * MiB, TiB),
      "Most memory of one read.",
    ),
    rowsMax: setting(
      "SLUICE_READ_ROWS_MAX",
      "50000000",
      wholeNumber(1_000, 1_000_000_000_000),
      "Most rows of the database that one read looks at.",
    ),
  },
  drainMs: drainMsSetting,
  gateway: gatewaySettings,
  forward: forwardSettings,
  keyPepper: keyPepperSetting,
  init: {
    projectId: optional(
      "SLUICE_INIT_PROJECT_ID",
      "my-project",
      textLike(/^[A-Za-z0-9._-]{1,128}$/, "1 to 128 letters, digits, dots, dashes or underscores"),
      "Id of the project that the first start makes.",
      { twin: "LANGFUSE_INIT_PROJECT_ID" },
    ),
    projectName: optional(
      "SLUICE_INIT_PROJECT_NAME",
      "My Project",
      textLike(/^[^\p{Cc}]{1,200}$/u, "1 to 200 characters on one line"),
      "Name of that project.",
      { twin: "LANGFUSE_INIT_PROJECT_NAME" },
    ),
    publicKey: optional(
      "SLUICE_INIT_PROJECT_PUBLIC_KEY",
      "pk-lf-example",
      keyFormat,
      "Public key of that project; without it the first start makes a pair and shows it once.",
      { twin: "LANGFUSE_INIT_PROJECT_PUBLIC_KEY" },
    ),
    secretKey: optional(
      "SLUICE_INIT_PROJECT_SECRET_KEY",
      "sk-lf-example",
      keyFormat,
      "Secret key that belongs to it; only its hash is stored.",
      { twin: "LANGFUSE_INIT_PROJECT_SECRET_KEY", secret: true },
    ),
  },
};
