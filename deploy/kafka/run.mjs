// Apache Kafka for development and tests: fetches its jars from Maven Central and runs it on loopback.
import { spawn, spawnSync } from "node:child_process";
import { createHash, randomBytes } from "node:crypto";
import {
  cp,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { basename, dirname, join } from "node:path";
import { parseArgs } from "node:util";

const central = "https://repo1.maven.org/maven2";
const defaultVersion = "4.3.1";
const jarBytesMax = 64 << 20;
const fetchMs = 120_000;
const fetchTries = 3;
/** Below the ports that systems give to outgoing connections, so that a restarted broker finds its own free again. */
const ports = { from: 20_000, to: 30_000 };

const help = `Runs Apache Kafka (KRaft) on loopback, for development and tests. Needs Java 17.

  node deploy/kafka/run.mjs [--version ${defaultVersion}] [--brokers 1] [--port 9092] [--dir DIR]

  --version V   a version that has a list of jars beside this script
  --brokers N   1, or 3 for topics with three replicas
  --port P      of the first broker, the others follow; free ports when not given
  --dir DIR     where the brokers keep their data; a temporary one, removed at the end, when not given
  --prepare     set all up and print, as JSON, how to start each broker; start none
  --help        this page

Environment:
  SLUICE_MAVEN_URL     a mirror of Maven Central (default ${central})
  SLUICE_KAFKA_CACHE   where jars are kept (default ~/.cache/sluice/kafka)
`;

/** Says what is wrong and ends the process: every failure here is for a person to repair. */
function fail(sentence) {
  process.stderr.write(`${sentence}\n`);
  process.exit(1);
}

function readArguments() {
  try {
    const { values } = parseArgs({
      options: {
        version: { type: "string", default: defaultVersion },
        brokers: { type: "string", default: "1" },
        port: { type: "string" },
        dir: { type: "string" },
        prepare: { type: "boolean", default: false },
        help: { type: "boolean", default: false },
      },
    });
    const brokers = Number(values.brokers);
    if (!Number.isInteger(brokers) || brokers < 1 || brokers > 9)
      fail("--brokers must be a number from 1 to 9.");
    const port = values.port === undefined ? null : Number(values.port);
    if (port !== null && !(Number.isInteger(port) && port > 0 && port < 65_000))
      fail("--port must be a number from 1 to 64999.");
    return { ...values, brokers, port };
  } catch (error) {
    return fail(`${error.message} See --help.`);
  }
}

function requireJava() {
  const { error, stderr } = spawnSync("java", ["-version"], { encoding: "utf8" });
  const major = /version "(\d+)/.exec(stderr ?? "")?.[1];
  if (error || major === undefined)
    fail(
      "There is no Java here: install a Java runtime 17 or newer (Debian: openjdk-17-jre-headless) to run Kafka.",
    );
  if (Number(major) < 17) fail(`Java is ${major} here: Kafka needs Java 17 or newer.`);
}

/** The jars of a version, fetched where they are missing; each is checked against the SHA-256 in this folder. */
async function fetchJars(version) {
  const list = join(import.meta.dirname, `jars-${version}.txt`);
  const text = await readFile(list, "utf8").catch(async () => {
    const names = await readdir(import.meta.dirname);
    const known = names.flatMap((name) => /^jars-(.+)\.txt$/.exec(name)?.[1] ?? []);
    return fail(`Kafka ${version} has no list of jars here; there are ${known.join(" and ")}.`);
  });
  const cache = process.env.SLUICE_KAFKA_CACHE || join(homedir(), ".cache", "sluice", "kafka");
  const jars = text
    .trim()
    .split("\n")
    .map((line) => line.split("  "));
  const paths = [];
  for (const [hash, path] of jars) {
    const file = join(cache, basename(path));
    if (!(await isWhole(file, hash))) await fetchJar(path, hash, file);
    paths.push(file);
  }
  return paths;
}

async function isWhole(file, hash) {
  const bytes = await readFile(file).catch(() => null);
  return bytes !== null && sha256(bytes) === hash;
}

async function fetchJar(path, hash, file) {
  const mirror = (process.env.SLUICE_MAVEN_URL || central).replace(/\/+$/, "");
  const bytes = await download(`${mirror}/${path}`);
  if (sha256(bytes) !== hash)
    fail(`${mirror}/${path} is not the file that Maven Central published: its SHA-256 differs.`);
  await mkdir(dirname(file), { recursive: true });
  // Two starts at once may fetch the same jar: each renames a whole file into place.
  const partial = `${file}.${process.pid}`;
  await writeFile(partial, bytes);
  await rename(partial, file);
}

async function download(url) {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(fetchMs) });
      if (!response.ok) throw new Error(`it answered ${response.status}`);
      const bytes = Buffer.from(await response.arrayBuffer());
      if (bytes.length > jarBytesMax) throw new Error(`it has more than ${jarBytesMax} bytes`);
      return bytes;
    } catch (error) {
      if (attempt < fetchTries) continue;
      const cause = error.cause?.message ?? error.message;
      fail(`${url} cannot be fetched (${cause}); SLUICE_MAVEN_URL may name a mirror.`);
    }
  }
}

function sha256(bytes) {
  return createHash("sha256").update(bytes).digest("hex");
}

/** As many free ports on loopback, in a row from `first` on or anywhere. */
async function choosePorts(count, first) {
  const chosen = new Set();
  let next = first ?? ports.from + Math.floor(Math.random() * (ports.to - ports.from));
  for (let tries = 0; chosen.size < count; tries += 1) {
    if (await isFree(next)) chosen.add(next);
    else if (first !== null) fail(`Port ${next} is taken: choose another --port.`);
    if (tries > 1000) fail("No free ports were found.");
    next = first === null && next >= ports.to ? ports.from : next + 1;
  }
  return [...chosen];
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}

/** One process is broker and controller at once; all of them vote. */
function serverProperties({ id, dir, replicas, port, controllerPort, voters }) {
  const internal = Math.min(3, replicas);
  return Object.entries({
    "process.roles": "broker,controller",
    "node.id": id,
    "controller.quorum.voters": voters,
    "controller.listener.names": "CONTROLLER",
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    "advertised.listeners": `PLAINTEXT://127.0.0.1:${port}`,
    "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
    "log.dirs": dir,
    "group.initial.rebalance.delay.ms": 0,
    "offsets.topic.replication.factor": internal,
    "offsets.topic.num.partitions": 5,
    "transaction.state.log.replication.factor": internal,
    "transaction.state.log.min.isr": Math.max(1, internal - 1),
    "transaction.state.log.num.partitions": 2,
    "share.coordinator.state.topic.replication.factor": internal,
    "share.coordinator.state.topic.min.isr": Math.max(1, internal - 1),
    "auto.create.topics.enable": false,
    "delete.topic.enable": true,
    "num.network.threads": 2,
    "num.io.threads": 4,
    "log.retention.check.interval.ms": 1000,
    "log.cleaner.dedupe.buffer.size": 2 << 20,
    "broker.session.timeout.ms": 6000,
    "broker.heartbeat.interval.ms": 1000,
  })
    .map(([name, value]) => `${name}=${value}\n`)
    .join("");
}

const javaOptions = [
  "-Xmx512m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Xshare:auto",
  "-Djava.net.preferIPv4Stack=true",
  "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
];

async function prepare({ version, brokers, port, dir }) {
  requireJava();
  const classpath = (await fetchJars(version)).join(":");
  const [clients, controllers] = [
    await choosePorts(brokers, port),
    await choosePorts(brokers, null),
  ];
  if (clients.some((client) => controllers.includes(client)))
    return prepare({ version, brokers, port, dir });
  const voters = controllers.map((controller, n) => `${n + 1}@127.0.0.1:${controller}`).join(",");
  const nodes = [];
  for (const [n, client] of clients.entries()) {
    const config = join(dir, `broker-${n + 1}.properties`);
    const data = join(dir, `broker-${n + 1}`);
    const node = { id: n + 1, dir: data, replicas: brokers, port: client, voters };
    await mkdir(dir, { recursive: true });
    await writeFile(config, serverProperties({ ...node, controllerPort: controllers[n] }));
    const isNew = (await stat(data).catch(() => null)) === null;
    if (isNew && n === 0) formatStorage(classpath, config);
    else if (isNew) await copyStorage(join(dir, "broker-1"), data, node.id);
    const args = [...javaOptions, "-cp", classpath, "kafka.Kafka", config];
    nodes.push({ id: node.id, address: `127.0.0.1:${client}`, command: "java", args });
  }
  return { version, nodes };
}

function formatStorage(classpath, config) {
  const clusterId = "c2x1aWNlLWthZmthLXRlcw";
  const args = [
    "-cp",
    classpath,
    "kafka.tools.StorageTool",
    "format",
    "-t",
    clusterId,
    "-c",
    config,
  ];
  const { status, stdout, stderr } = spawnSync("java", [...javaOptions, ...args], {
    encoding: "utf8",
  });
  if (status !== 0) fail(`Kafka could not format its storage: ${stdout}${stderr}`);
}

/** The storage of a further node: what the first one was formatted with, under an identity of its own. */
async function copyStorage(from, to, id) {
  await cp(from, to, { recursive: true });
  const file = join(to, "meta.properties");
  const directoryId = randomBytes(16).toString("base64url");
  const text = await readFile(file, "utf8");
  await writeFile(
    file,
    text
      .replace(/^node\.id=.*$/m, `node.id=${id}`)
      .replace(/^directory\.id=.*$/m, `directory.id=${directoryId}`),
  );
}

async function run(options) {
  const { version, nodes } = await prepare(options);
  const children = nodes.map(({ command, args }) => spawn(command, args, { stdio: "inherit" }));
  const stop = () => children.forEach((child) => child.kill("SIGTERM"));
  process.on("SIGINT", stop);
  process.on("SIGTERM", stop);
  const addresses = nodes.map(({ address }) => address).join(",");
  process.stdout.write(`Kafka ${version} is starting on ${addresses}; ctrl-c stops it.\n`);
  const replication = nodes.length >= 3 ? 3 : 1;
  process.stdout.write(
    `SLUICE_KAFKA_BROKERS=${addresses} SLUICE_KAFKA_REPLICATION=${replication}\n`,
  );
  const codes = children.map(
    (child) => new Promise((resolve) => child.once("exit", (code) => resolve(code ?? 0))),
  );
  // One broker that ends takes the others with it: half a cluster would only puzzle.
  await Promise.race(codes);
  stop();
  const failed = (await Promise.all(codes)).some((code) => code !== 0 && code !== 143);
  return failed ? 1 : 0;
}

const values = readArguments();
if (values.help) {
  process.stdout.write(help);
} else if (values.prepare) {
  const dir = values.dir ?? fail("--prepare needs --dir.");
  process.stdout.write(`${JSON.stringify(await prepare({ ...values, dir }))}\n`);
} else {
  const dir = values.dir ?? (await mkdtemp(join(tmpdir(), "sluice-kafka-")));
  process.exitCode = await run({ ...values, dir });
  if (values.dir === undefined) await rm(dir, { recursive: true, force: true });
}
