import { existsSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, it } from "vitest";
import { z } from "zod";

import { documentsOf, environmentProblems, isPinned, stopMs, textOf } from "./environment.ts";

/** As much of the Compose specification as the file uses: a key that is misspelt is refused. */
const service = z.strictObject({
  image: z.string(),
  build: z.strictObject({ context: z.literal(".."), dockerfile: z.string() }).optional(),
  command: z.array(z.string()).optional(),
  restart: z.literal("unless-stopped"),
  init: z.boolean().optional(),
  read_only: z.boolean().optional(),
  cap_drop: z.array(z.string()).optional(),
  security_opt: z.array(z.string()).optional(),
  tmpfs: z.array(z.string()).optional(),
  stop_grace_period: z.string().regex(/^\d+s$/),
  healthcheck: z.strictObject({
    test: z.tuple([z.literal("CMD"), z.string()]).rest(z.string()),
    interval: z.string(),
    timeout: z.string(),
    retries: z.int(),
    start_period: z.string(),
  }),
  environment: z.record(z.string(), z.string()),
  ports: z.array(z.string()).optional(),
  volumes: z.array(z.string()).optional(),
  ulimits: z.record(z.string(), z.strictObject({ soft: z.int(), hard: z.int() })).optional(),
  depends_on: z
    .record(z.string(), z.strictObject({ condition: z.literal("service_healthy") }))
    .optional(),
  deploy: z.strictObject({
    resources: z.strictObject({
      limits: z.strictObject({ cpus: z.string(), memory: z.string().regex(/^\d+[MG]$/) }),
    }),
  }),
});

const file = z.looseObject({
  name: z.literal("sluice"),
  services: z.record(z.string(), service),
  volumes: z.record(z.string(), z.strictObject({})),
});

const [document] = documentsOf("compose.yaml");
const { services, volumes } = file.parse(document);
const secrets: Readonly<Record<string, string>> = {
  SLUICE_KEY_PEPPER: "5c".repeat(32),
  SLUICE_CLICKHOUSE_PASSWORD: "a password",
};
const ours = ["gateway", "writer", "query"];

function found(name: string): z.infer<typeof service> {
  const one = services[name];
  if (one === undefined) throw new Error(`there is no service ${name}`);
  return one;
}

/** With what `docker compose` would put in place of `${NAME:?…}`. */
function environmentOf(name: string): Readonly<Record<string, string>> {
  const entries = Object.entries(found(name).environment).map(([key, value]) => [
    key,
    value.replace(/\$\{(\w+):\?[^}]+\}/g, (_all, secret: string) => secrets[secret] ?? ""),
  ]);
  return Object.fromEntries(entries) as Record<string, string>;
}

/** Whether there is what a mount names: a file beside compose.yaml, or a volume. */
function isThere(source: string): boolean {
  return source.startsWith("./")
    ? existsSync(join(import.meta.dirname, "../../deploy", source))
    : Object.hasOwn(volumes, source);
}

describe("deploy/compose.yaml", () => {
  it("has the three processes, Kafka and ClickHouse", () => {
    expect(Object.keys(services).toSorted()).toEqual([...ours, "clickhouse", "kafka"].toSorted());
  });

  it.each(ours)("gives %s settings that exist, that it reads, and all that it needs", (name) => {
    expect(found(name).command).toEqual([name]);
    expect(environmentProblems(name, environmentOf(name))).toEqual([]);
  });

  it.each(ours)(
    "lets %s finish what it accepted, on a file system that it cannot change",
    (name) => {
      const one = found(name);
      expect(Number.parseInt(one.stop_grace_period, 10) * 1000).toBeGreaterThan(
        stopMs(environmentOf(name)),
      );
      expect(one).toMatchObject({ read_only: true, cap_drop: ["ALL"] });
      expect(one.healthcheck.test.at(-1)).toContain(":3000/api/public/ready");
    },
  );

  it("takes secrets from the environment, and refuses to start without them", () => {
    const given = Object.values(services)
      .flatMap(({ environment }) => Object.entries(environment))
      .filter(([key]) => /PASSWORD|PEPPER|SECRET/.test(key));
    expect(given.length).toBeGreaterThan(4);
    expect(given.filter(([, value]) => !/^\$\{\w+:\?.+\}$/.test(value))).toEqual([]);
  });

  it("publishes ports on the loopback address alone, those that the process listens on", () => {
    const published = Object.values(services).flatMap(({ ports = [] }) => ports);
    expect(published).toEqual(["127.0.0.1:3000:3000", "127.0.0.1:4317:4317"]);
    expect(environmentOf("gateway")["SLUICE_OTLP_GRPC_PORT"]).toBe("4317");
  });

  it("names every image by its version", () => {
    expect(Object.values(services).filter(({ image }) => !isPinned(image))).toEqual([]);
  });

  it("addresses its services by names and ports that they have", () => {
    const { SLUICE_KAFKA_BROKERS, SLUICE_CLICKHOUSE_URL } = environmentOf("writer");
    expect(found("kafka").environment["KAFKA_ADVERTISED_LISTENERS"]).toBe(
      `PLAINTEXT://${SLUICE_KAFKA_BROKERS}`,
    );
    expect(SLUICE_CLICKHOUSE_URL).toBe("http://clickhouse:8123");
    expect(environmentOf("gateway")["SLUICE_QUERY_URL"]).toBe("http://query:3000");
    for (const { depends_on: others = {} } of Object.values(services))
      expect(Object.keys(services)).toEqual(expect.arrayContaining(Object.keys(others)));
  });

  it("mounts files and volumes that are there", () => {
    const sources = Object.values(services)
      .flatMap(({ volumes: mounts = [] }) => mounts)
      .map((mount) => mount.split(":")[0] ?? "");
    expect(sources.length).toBeGreaterThan(3);
    expect(sources.filter((source) => !isThere(source))).toEqual([]);
  });
});

describe("deploy/clickhouse", () => {
  const log = z.union([
    z.strictObject({ ttl: z.string().regex(/^event_date \+ INTERVAL \d+ DAY DELETE$/) }),
    z.strictObject({ "@remove": z.literal("1") }),
  ]);
  const config = z.record(z.string(), z.unknown()).parse(documentsOf("clickhouse/config.yaml")[0]);
  const users = z
    .strictObject({
      profiles: z.record(z.string(), z.record(z.string(), z.number())),
      users: z.record(z.string(), z.looseObject({})),
    })
    .parse(documentsOf("clickhouse/users.yaml")[0]);

  it("ends every log of the server about itself, or does without it", () => {
    const logs = Object.entries(config).filter(([name]) => name.endsWith("_log"));
    expect(logs.length).toBeGreaterThan(10);
    expect(logs.filter(([, value]) => !log.safeParse(value).success)).toEqual([]);
  });

  it("caps the server's memory below the container's", () => {
    const limit = found("clickhouse").deploy.resources.limits.memory;
    expect(limit).toBe("4G");
    expect(config["max_server_memory_usage"]).toBeLessThan(4e9 * 0.9);
  });

  it("has one user, the one that Sluice is given, with a password from the environment", () => {
    expect(users.users).toMatchObject({
      default: { "@remove": "1" },
      sluice: { password: { "@from_env": "SLUICE_CLICKHOUSE_PASSWORD" }, profile: "sluice" },
    });
    expect(Object.keys(users.users)).toEqual([
      "default",
      environmentOf("writer")["SLUICE_CLICKHOUSE_USER"],
    ]);
    expect(found("clickhouse").environment).toHaveProperty("SLUICE_CLICKHOUSE_PASSWORD");
    expect(users.profiles["sluice"]?.["readonly"]).toBe(0);
    expect(textOf("clickhouse/users.yaml")).not.toMatch(/password: \w/);
  });
});
