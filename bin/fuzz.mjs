// `npm run fuzz -- --seed N --bodies N`: hands its arguments to the suite in test/fuzz/.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";

const root = join(import.meta.dirname, "..");
const options = { seed: { type: "string" }, bodies: { type: "string" }, only: { type: "string" } };
const env = { ...process.env };
for (const [name, text] of Object.entries(parseArgs({ options }).values)) {
  if (!/^\d{1,9}$/.test(text)) {
    process.stderr.write(`--${name} must be a whole number of at most nine digits.\n`);
    process.exit(2);
  }
  env[`FUZZ_${name.toUpperCase()}`] = text;
}
const vitest = join(root, "node_modules", "vitest", "vitest.mjs");
const report = "--outputFile.json=reports/fuzz.json";
const args = [vitest, "run", "--project", "fuzz", report];
const { status } = spawnSync(process.execPath, args, { cwd: root, env, stdio: "inherit" });
process.exitCode = status ?? 1;
