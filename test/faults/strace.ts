import { spawn, spawnSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

const command = "strace";

/** A fault that the kernel seems to have, for as long as it lasts. */
export interface Injection {
  /** The system calls that were hit so far. */
  hits(): number;
  /** Ends the fault; resolves with the system calls that were hit. */
  end(): Promise<number>;
}

/**
 * Makes a system call of a running process fail or dawdle, as `how` says in strace's own words: `error=EIO:when=1`
 * (counted for each thread) or `delay_enter=200000` (microseconds).
 */
export async function inject(pid: number, call: string, how: string): Promise<Injection> {
  needStrace();
  const file = join(tmpdir(), `sluice-strace-${randomUUID()}`);
  onTestFinished(() => rm(file, { force: true }));
  const args = ["-f", "-o", file, "-e", `trace=${call}`, "-e", `inject=${call}:${how}`];
  const strace = spawn(command, [...args, "-p", String(pid)], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  const exited = once(strace, "exit");
  await new Promise<void>((resolve, reject) => {
    let said = "";
    strace.stderr.on("data", (chunk: Buffer) => {
      said += chunk.toString();
      if (said.includes("attached")) resolve();
    });
    void exited.then(() => reject(new Error(`strace ended: ${said}`)));
  });
  const hits = (): number =>
    readFileSync(file, "utf8").match(/\((?:INJECTED|DELAYED)\)$/gm)?.length ?? 0;
  return {
    hits,
    async end() {
      strace.kill("SIGINT");
      await exited;
      return hits();
    },
  };
}

/** Makes every fsync so slow that nothing which does not wait for it can come after it by luck. */
const fsyncUs = 20_000;

/** A command line that runs another command and notes what it writes and syncs, in the order it happened. */
export function recordWrites(file: string): string[] {
  needStrace();
  const calls = "pwrite64,write,writev,sendmsg,fdatasync";
  const options = ["-f", "--seccomp-bpf", "-qq", "-s", "2000", "-o", file];
  const slow = `inject=fdatasync:delay_enter=${fsyncUs}`;
  return [command, ...options, "-e", `trace=${calls}`, "-e", slow];
}

export interface SystemCall {
  readonly name: string;
  readonly text: string;
  /** Places in the order of everything: a call that ends at 5 was done before one that begins at 6. */
  readonly begin: number;
  readonly end: number;
}

/** The calls of a recording that came back. */
export async function readWrites(file: string): Promise<SystemCall[]> {
  const open = new Map<string, { text: string; begin: number }>();
  const calls: SystemCall[] = [];
  for (const [at, line] of (await readFile(file, "utf8")).split("\n").entries()) {
    const [, pid = "", rest = ""] = /^(\d+)\s+(.*)$/.exec(line) ?? [];
    const resumed = /^<\.\.\. \w+ resumed>/.exec(rest);
    const begun = resumed ? open.get(pid) : { text: "", begin: at };
    if (!begun) continue;
    const text = begun.text + rest.slice(resumed?.[0].length ?? 0);
    const unfinished = / ?<unfinished \.\.\.>$/.exec(text);
    if (unfinished) open.set(pid, { text: text.slice(0, unfinished.index), begin: begun.begin });
    else calls.push({ name: text.split("(")[0] ?? "", text, begin: begun.begin, end: at });
  }
  return calls;
}

function needStrace(): void {
  const { error } = spawnSync(command, ["--version"]);
  if (error) throw new Error("The fault suite needs strace: install it (apt-get install strace).");
}
