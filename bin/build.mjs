// Builds dist/: the compiled TypeScript, the migrations, and the `sluice` command.
// With --if-stale it does so only when a source differs from what dist/ was built from.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const dist = join(root, "dist");
const stamp = join(dist, ".built-from");
const sources = ["schemas", "clickhouse", "services", "bench", "bin"];
const settings = ["package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"];

// Taken before compiling: an edit made meanwhile leaves the stamp stale, never falsely fresh.
const current = fingerprint();
if (process.argv.includes("--if-stale") && existsSync(stamp)) {
  if (readFileSync(stamp, "utf8") === current) process.exit(0);
}
process.exitCode = build();

function build() {
  const compiler = join(root, "node_modules", "typescript", "bin", "tsc");
  if (!existsSync(compiler)) {
    process.stderr.write(
      "The compiler is not installed: run `npm ci` (with development packages).\n",
    );
    return 1;
  }
  rmSync(dist, { recursive: true, force: true });
  const compiled = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], {
    cwd: root,
    stdio: "inherit",
  });
  if (compiled.status !== 0) return 1;
  cpSync(join(root, "clickhouse", "migrations"), join(dist, "clickhouse", "migrations"), {
    recursive: true,
    filter: (path) => !/\.[cm]?[jt]s$/.test(path),
  });
  // The entry has to be CommonJS (its comment says why), and in a package of ES modules only the
  // real name .cjs says so; the link gives it the name that people type.
  symlinkSync("cli.cjs", join(dist, "services", "cli.js"));
  chmodSync(join(dist, "services", "cli.cjs"), 0o755);
  writeFileSync(stamp, current);
  return 0;
}

/** A digest over name, size and time of every source: it also notices what was deleted or put back. */
function fingerprint() {
  const hash = createHash("sha256");
  for (const path of [...settings, ...sources.flatMap((folder) => filesBelow(folder))]) {
    const { size, mtimeMs } = statSync(join(root, path));
    hash.update(`${path} ${size} ${mtimeMs}\n`);
  }
  return hash.digest("hex");
}

function filesBelow(folder) {
  if (!existsSync(join(root, folder))) return [];
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length + 1))
    .toSorted();
}
