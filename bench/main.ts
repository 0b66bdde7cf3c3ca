import { cpus, totalmem } from "node:os";
import { parseArgs } from "node:util";

import { footprint } from "./footprint.ts";
import { ingestRate, ratioMin } from "./ingest.ts";
import { otlpRate, speedUpMin } from "./otlp.ts";
import { pipelineRate, shareMin } from "./pipeline.ts";
import { readLatencies, rowsOf } from "./read.ts";

const print = (line: string): void => console.log(line);

interface Options {
  /** Observations that the read benchmark makes. */
  readonly rows: number;
}

/** Each resolves with false when a figure misses its bar. */
const benchmarks: Readonly<Record<string, (options: Options) => Promise<boolean>>> = {
  async footprint() {
    await footprint(print);
    return true;
  },
  ingest: () => ingestRate(print),
  pipeline: () => pipelineRate(print),
  otlp: () => otlpRate(print),
  read: ({ rows }) => readLatencies(rows, print),
};

const help = `Usage: npm run bench -- NAME... [--rows N]

  footprint  Time of a cold start, and memory at rest.
  ingest     Events accepted per second, beside a server that only parses them; fails below ${ratioMin} of it.
  pipeline   Events from the first request until they can be read, beside inserting their rows; fails below ${shareMin} of it.
  otlp       Spans decoded per second, beside a generated decoder; fails below ${speedUpMin} times its rate.
  read       Times of reads, and the rows they look at, beside N observations (default 500k; such as 5m).
  all        All of them.

What each number means, and what it does not: bench/README.md.`;

async function main(args: readonly string[]): Promise<number> {
  const { positionals, values } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      help: { type: "boolean", short: "h" },
      rows: { type: "string", default: "500k" },
    },
  });
  const rows = rowsOf(values.rows);
  const names = positionals.includes("all") ? Object.keys(benchmarks) : positionals;
  const unknown = names.find((name) => !Object.hasOwn(benchmarks, name));
  if (values.help === true || names.length === 0 || unknown !== undefined) {
    if (unknown !== undefined) console.error(`There is no benchmark "${unknown}".`);
    console.log(help);
    return values.help === true ? 0 : 2;
  }
  if (rows === undefined) {
    console.error(`--rows takes a number such as 500k or 5m, not "${values.rows}".`);
    return 2;
  }
  print(machine());
  let isMet = true;
  for (const name of names) isMet = ((await benchmarks[name]?.({ rows })) ?? false) && isMet;
  return isMet ? 0 : 1;
}

function machine(): string {
  const [first] = cpus();
  const memoryGiB = Math.round(totalmem() / 1024 ** 3);
  return (
    `machine: ${cpus().length} × ${first?.model.trim() ?? "unknown processor"}, ${memoryGiB} GiB, ` +
    `${process.platform} ${process.arch}, Node ${process.version}`
  );
}

process.exitCode = await main(process.argv.slice(2));
