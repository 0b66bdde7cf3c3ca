// Adds up the reports that the test runs left in reports/ and prints the last line of CI.
// An argument names the step that failed, if one did: then at least one failure is counted.
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "..", "reports");
const names = existsSync(folder)
  ? readdirSync(folder).filter((name) => name.endsWith(".json"))
  : [];
const reports = names.map((name) => JSON.parse(readFileSync(join(folder, name), "utf8")));
const sum = (field) => reports.reduce((total, report) => total + report[field], 0);

const broken = process.argv[2];
// A test file that could not be loaded counts no failed test, yet its run failed.
const failed = Math.max(sum("numFailedTests"), broken === undefined ? 0 : 1);
const skipped = sum("numPendingTests") + sum("numTodoTests");
if (broken !== undefined) process.stdout.write(`red: ${broken}\n`);
if (skipped > 0) process.stdout.write(`not run: ${skipped} tests\n`);
process.stdout.write(`${sum("numPassedTests")} passed, ${failed} failed\n`);
process.exitCode = failed + skipped > 0 || sum("numPassedTests") === 0 ? 1 : 0;
