import { join } from "node:path";

import { describe, expect, it } from "vitest";

import { listSettings, parseConfig, showConfig } from "./config.ts";
import type { Config, Environment } from "./config.ts";

const envExamplePath = join(import.meta.dirname, "..", "..", ".env.example");

const exampleConfig: Config = {
  http: {
    host: "127.0.0.1",
    port: 3000,
    publicUrl: "https://traces.example.com",
    trustedProxies: ["127.0.0.1", "10.0.0.0/8"],
    bodyBytesMax: 4_718_592,
    inflightBytesMax: 67_108_864,
    depthMax: 200,
  },
  otlp: { bodyBytesMax: 20_971_520, grpcPort: 4317 },
  dataDir: "./data",
  logLevel: "info",
  shutdownMs: 10_000,
  eventLog: {
    keepBytes: 268_435_456,
    keepHours: 24,
    bytesMax: 4_294_967_296,
    diskFloorBytes: 536_870_912,
  },
  engine: { memoryBytesMax: 2_147_483_648, readers: 2 },
  clickhouse: {
    url: "http://clickhouse:8123",
    user: "default",
    password: "example",
    cluster: "default",
    connectionsMax: 16,
    compress: "off",
  },
  kafka: {
    brokers: ["kafka-1:9092", "kafka-2:9092"],
    topicPrefix: "sluice",
    partitions: 12,
    replication: 3,
    retentionHours: 168,
    compression: "gzip",
    queueBytesMax: 67_108_864,
    ssl: "off",
    saslMechanism: "scram-sha-512",
    saslUsername: "sluice",
    saslPassword: "example",
  },
  writer: {
    rowsMax: 5000,
    bytesMax: 16_777_216,
    lingerMs: 100,
    cacheBytesMax: 67_108_864,
    filterBytesMax: 67_108_864,
    tokenizeBytesMax: 32_768,
  },
  reads: { timeoutMs: 15_000, memoryBytesMax: 1_073_741_824, rowsMax: 50_000_000 },
  drainMs: 0,
  gateway: { workers: 1 },
  forward: {
    queryUrl: "http://query:3000",
    upstreamUrl: "https://langfuse.example.com",
    inflightMax: 256,
    timeoutMs: 30_000,
  },
  keyPepper: Buffer.from("key pepper of 32 bytes in hex!!:"),
  init: {
    projectId: "my-project",
    projectName: "My Project",
    publicKey: "pk-lf-example",
    secretKey: "sk-lf-example",
  },
};

describe(".env.example", () => {
  it("is made from the table of settings (vitest -u writes it anew)", async () => {
    await expect(renderEnvExample()).toMatchFileSnapshot(envExamplePath);
  });

  it("gives the whole expected configuration when every line of it is in force", () => {
    const env = Object.fromEntries(
      [...renderEnvExample().matchAll(/^(?:# )?([A-Z_]+)=(.*)$/gm)].map((line) => [
        line[1],
        line[2]?.replaceAll('"', ""),
      ]),
    ) as Environment;
    expect(parseConfig(env)).toEqual({ ok: true, config: exampleConfig, warnings: [] });
  });
});

describe("parseConfig", () => {
  it("starts with the defaults of the example when nothing is set", () => {
    const nothing = { projectId: null, projectName: null, publicKey: null, secretKey: null };
    const noSasl = { saslMechanism: null, saslUsername: null, saslPassword: null };
    expect(configOf({})).toEqual({
      ...exampleConfig,
      http: { ...exampleConfig.http, publicUrl: null, trustedProxies: null },
      otlp: { ...exampleConfig.otlp, grpcPort: null },
      clickhouse: { ...exampleConfig.clickhouse, url: null, password: null, cluster: null },
      kafka: { ...exampleConfig.kafka, brokers: null, ...noSasl },
      forward: { ...exampleConfig.forward, queryUrl: null, upstreamUrl: null },
      keyPepper: null,
      init: nothing,
    });
  });

  it("takes an empty variable for one that is not set", () => {
    expect(configOf({ SLUICE_PORT: "", SLUICE_PUBLIC_URL: "" })).toEqual(configOf({}));
  });

  it("reports every problem together, with the name, the value and what is expected", () => {
    expect(
      problemsOf({
        SLUICE_HOST: "127.0.0.1:3000",
        SLUICE_PORT: "65536",
        SLUICE_LOG_LEVEL: "verbose",
        SLUICE_DISK_FLOOR_BYTES: "512MB",
        SLUICE_PUBLIC_URL: "traces.example.com",
        SLUICE_INIT_PROJECT_PUBLIC_KEY: "pk-lf-1",
      }),
    ).toEqual([
      'SLUICE_HOST is "127.0.0.1:3000": it must be an IP address or a host name, without a port.',
      'SLUICE_PORT is "65536": it must be a whole number from 0 to 65535.',
      'SLUICE_PUBLIC_URL is "traces.example.com": it must be an address like https://traces.example.com.',
      'SLUICE_LOG_LEVEL is "verbose": it must be one of debug, info, warn, error.',
      'SLUICE_DISK_FLOOR_BYTES is "512MB": it must be a size from 0 to 1TiB, in bytes or like 256MiB.',
      "SLUICE_INIT_PROJECT_PUBLIC_KEY and SLUICE_INIT_PROJECT_SECRET_KEY belong together: set both or neither.",
    ]);
  });

  it.each(["abc", "3000 ", "-1", "1e3", "0x10", "3000.5", "NaN", "Infinity", "9".repeat(40)])(
    "refuses %j as a number instead of falling back to the default",
    (text) => {
      expect(problemsOf({ SLUICE_PORT: text })).toHaveLength(1);
      expect(problemsOf({ SLUICE_BODY_BYTES_MAX: text })).toHaveLength(1);
    },
  );

  it.each([
    ["SLUICE_PORT", "0", "65535", "65536"],
    ["SLUICE_JSON_DEPTH_MAX", "10", "1000", "9"],
    ["SLUICE_JSON_DEPTH_MAX", "10", "1000", "1001"],
    ["SLUICE_BODY_BYTES_MAX", "1KiB", "64MiB", "1023"],
    ["SLUICE_BODY_BYTES_MAX", "1024", "67108864", "67108865"],
  ])(
    "allows both bounds of %s (%s, %s) and nothing just outside (%s)",
    (name, min, max, outside) => {
      expect(parseConfig({ [name]: min }).ok).toBe(true);
      expect(parseConfig({ [name]: max }).ok).toBe(true);
      expect(problemsOf({ [name]: outside })).toHaveLength(1);
    },
  );

  it.each([
    ["1048576", 1_048_576],
    ["2048KiB", 2_097_152],
    ["32MiB", 33_554_432],
    ["1GiB", 1_073_741_824],
  ])("reads the size %s as %i bytes", (text, bytes) => {
    expect(configOf({ SLUICE_INFLIGHT_BYTES_MAX: "4GiB", SLUICE_WRITER_BYTES_MAX: text })).toEqual({
      ...configOf({}),
      http: { ...configOf({}).http, inflightBytesMax: 4_294_967_296 },
      writer: { ...configOf({}).writer, bytesMax: bytes },
    });
  });

  it.each(["localhost", "::1", "0.0.0.0", "gateway.internal"])("accepts the host %s", (host) => {
    expect(configOf({ SLUICE_HOST: host }).http.host).toBe(host);
  });

  it.each([
    ["0", 0],
    ["4318", 4318],
    ["off", "off"],
  ])("takes %s for the port of OTLP over gRPC", (text, port) => {
    expect(configOf({ SLUICE_OTLP_GRPC_PORT: text }).otlp.grpcPort).toBe(port);
    expect(problemsOf({ SLUICE_OTLP_GRPC_PORT: "none" })[0]).toContain("65535, or off.");
  });

  it("reads a pepper in hex and in base64, and takes none of fewer than 32 bytes", () => {
    const bytes = Buffer.alloc(32, 0xa5);
    for (const encoding of ["hex", "base64"] as const) {
      const env = { SLUICE_KEY_PEPPER: bytes.toString(encoding) };
      expect(configOf(env).keyPepper).toEqual(bytes);
      expect(showConfig(env)).toContain("SLUICE_KEY_PEPPER=(hidden)");
      const short = { SLUICE_KEY_PEPPER: bytes.subarray(1).toString(encoding) };
      expect(problemsOf(short)[0]).toContain("openssl rand -hex 32");
    }
  });

  it("drops the last slash of the public address and keeps its path", () => {
    const url = "https://example.com/traces/";
    expect(configOf({ SLUICE_PUBLIC_URL: url }).http.publicUrl).toBe("https://example.com/traces");
    expect(problemsOf({ SLUICE_PUBLIC_URL: "https://user:pw@example.com" })).toHaveLength(1);
  });

  it("reads Langfuse's names for the first project and its keys", () => {
    const env = {
      LANGFUSE_INIT_PROJECT_ID: "p1",
      LANGFUSE_INIT_PROJECT_NAME: "Project one",
      LANGFUSE_INIT_PROJECT_PUBLIC_KEY: "pk-lf-1",
      LANGFUSE_INIT_PROJECT_SECRET_KEY: "sk-lf-1",
    };
    expect(configOf(env).init).toEqual({
      projectId: "p1",
      projectName: "Project one",
      publicKey: "pk-lf-1",
      secretKey: "sk-lf-1",
    });
  });

  it("refuses two names of one setting with different values, and takes equal ones", () => {
    const env = { SLUICE_INIT_PROJECT_ID: "a", LANGFUSE_INIT_PROJECT_ID: "b" };
    expect(problemsOf(env)).toEqual([
      "SLUICE_INIT_PROJECT_ID and LANGFUSE_INIT_PROJECT_ID differ: set only one of them.",
    ]);
    expect(configOf({ ...env, LANGFUSE_INIT_PROJECT_ID: "a" }).init.projectId).toBe("a");
  });

  it("refuses limits that contradict each other", () => {
    const env = { SLUICE_BODY_BYTES_MAX: "2MiB", SLUICE_INFLIGHT_BYTES_MAX: "1MiB" };
    expect(problemsOf(env)[0]).toContain("no such body could ever enter");
    const otlp = { SLUICE_OTLP_BODY_BYTES_MAX: "2MiB", SLUICE_BODY_BYTES_MAX: "1MiB" };
    expect(problemsOf({ ...otlp, SLUICE_INFLIGHT_BYTES_MAX: "1MiB" })).toEqual([
      expect.stringContaining("no such request could ever enter"),
    ]);
    expect(problemsOf({ SLUICE_READ_MEMORY_BYTES: "3GiB" })[0]).toContain("lower it");
    expect(problemsOf({ SLUICE_CLICKHOUSE_CLUSTER: "c" })[0]).toContain("SLUICE_CLICKHOUSE_URL");
    const url = { SLUICE_CLICKHOUSE_URL: "http://clickhouse:8123" };
    expect(configOf({ ...url, SLUICE_READ_MEMORY_BYTES: "3GiB" }).clickhouse.cluster).toBeNull();
  });

  it("warns of a misspelt setting and leaves other variables alone", () => {
    const parsed = parseConfig({ SLUICE_PROT: "1", PATH: "/bin", LANGFUSE_HOST: "x" });
    expect(parsed).toMatchObject({
      warnings: ["SLUICE_PROT is not a setting of Sluice and is ignored: see --help."],
    });
  });

  it("never shows a secret, neither in a problem nor when shown whole", () => {
    const env = { SLUICE_INIT_PROJECT_SECRET_KEY: "sk lf with spaces" };
    expect(problemsOf(env).join()).not.toContain("with spaces");
    expect(showConfig({ SLUICE_INIT_PROJECT_SECRET_KEY: "sk-lf-hidden" }).join()).not.toContain(
      "sk-lf-hidden",
    );
  });
});

describe("showConfig", () => {
  it("has one line for every setting: what is in force, or that nothing is", () => {
    const lines = showConfig({ SLUICE_PORT: "4000" });
    expect(lines).toHaveLength(listSettings().length);
    expect(lines).toContain("SLUICE_PORT=4000");
    expect(lines).toContain("SLUICE_HOST=127.0.0.1");
    expect(lines).toContain("SLUICE_PUBLIC_URL is not set");
  });
});

function configOf(env: Environment): Config {
  const parsed = parseConfig(env);
  if (!parsed.ok) throw new Error(parsed.problems.join("\n"));
  return parsed.config;
}

function problemsOf(env: Environment): readonly string[] {
  const parsed = parseConfig(env);
  return parsed.ok ? [] : parsed.problems;
}

function renderEnvExample(): string {
  const head = [
    "# Every setting of Sluice. Uncommented lines show the defaults, commented ones an example.",
    "# Sluice does not read this file by itself; Node can:",
    "#   cp .env.example .env && node --env-file=.env dist/services/cli.js standalone",
  ];
  const settings = listSettings().map(({ name, twin, initial, example, about }) => {
    const value = example.includes(" ") ? `"${example}"` : example;
    return [
      `# ${about}`,
      ...(twin === null ? [] : [`# Also read as ${twin}.`]),
      `${initial === null ? "# " : ""}${name}=${value}`,
    ].join("\n");
  });
  return `${[head.join("\n"), ...settings].join("\n\n")}\n`;
}
