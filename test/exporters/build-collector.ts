import { spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { homedir } from "node:os";
import path from "node:path";
import { text } from "node:stream/consumers";

/** The newest of which the module proxy has every part: it never got `internal/statusutil`, a module of its own since. */
const version = "0.162.0";
/** The collector's stable modules are numbered apart. */
const stableVersion = "1.68.0";
const module = "go.opentelemetry.io/collector";

/**
 * The path of an OpenTelemetry Collector that receives OTLP and forwards it over HTTP and gRPC. It is built with the Go
 * toolchain when it is not in the cache yet; rejects with what the builder printed when that fails.
 */
export async function collectorCommand(): Promise<string> {
  const cache = process.env["SLUICE_TEST_CACHE_DIR"] ?? path.join(userCache(), "sluice");
  const command = path.join(cache, `collector-${version}`);
  if (await exists(command)) return command;
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(path.join(cache, "collector-building-"));
  try {
    await build(folder);
    // Only a whole one gets the name.
    await rename(path.join(folder, "collector"), command);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return command;
}

async function build(folder: string): Promise<void> {
  const manifest = path.join(folder, "builder.yaml");
  await writeFile(manifest, manifestTo(folder));
  const args = ["run", `${module}/cmd/builder@v${version}`, "--config", manifest];
  const child = spawn("go", args, { cwd: folder, stdio: ["ignore", "pipe", "pipe"] });
  // Rejects when there is no Go here.
  const ended = once(child, "close");
  const [out, err] = await Promise.all([text(child.stdout), text(child.stderr), ended]);
  if (child.exitCode !== 0) throw new Error(`the collector could not be built:\n${out}${err}`);
}

function manifestTo(folder: string): string {
  return `
dist:
  name: collector
  output_path: ${JSON.stringify(folder)}
receivers:
  - gomod: ${module}/receiver/otlpreceiver v${version}
processors:
  - gomod: ${module}/processor/batchprocessor v${version}
exporters:
  - gomod: ${module}/exporter/otlpexporter v${version}
  - gomod: ${module}/exporter/otlphttpexporter v${version}
providers:
  - gomod: ${module}/confmap/provider/envprovider v${stableVersion}
  - gomod: ${module}/confmap/provider/fileprovider v${stableVersion}
`;
}

function userCache(): string {
  if (process.platform === "darwin") return path.join(homedir(), "Library", "Caches");
  return process.env["XDG_CACHE_HOME"] ?? path.join(homedir(), ".cache");
}

async function exists(file: string): Promise<boolean> {
  return await access(file).then(
    () => true,
    () => false,
  );
}
