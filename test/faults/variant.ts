import { existsSync } from "node:fs";
import { cp, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { builtProgram } from "./server.ts";

/** One change to the built JavaScript. */
export interface Patch {
  /** Below `dist/`. */
  readonly file: string;
  /** Code that must stand there exactly once. */
  readonly anchor: string;
  readonly replacement: string;
}

export interface Variant {
  /** To be passed as the `program` of a run. */
  readonly program: string;
  dispose(): Promise<void>;
}

/**
 * A copy of the build with faults in it: the product itself carries no hooks for tests. Throws when an anchor is not
 * found exactly once, because a variant that changes nothing would prove nothing.
 */
export async function buildVariant(...patches: readonly Patch[]): Promise<Variant> {
  const dist = join(builtProgram, "dist");
  if (!existsSync(dist)) throw new Error(`There is no ${dist}: run "npm run build" first.`);
  const program = await mkdtemp(join(tmpdir(), "sluice-variant-"));
  await cp(dist, join(program, "dist"), { recursive: true, verbatimSymlinks: true });
  await cp(join(builtProgram, "package.json"), join(program, "package.json"));
  await symlink(join(builtProgram, "node_modules"), join(program, "node_modules"));
  try {
    for (const patch of patches) await apply(program, patch);
  } catch (error) {
    await rm(program, { recursive: true, force: true });
    throw error;
  }
  return { program, dispose: () => rm(program, { recursive: true, force: true }) };
}

async function apply(program: string, { file, anchor, replacement }: Patch): Promise<void> {
  const path = join(program, "dist", file);
  const parts = (await readFile(path, "utf8")).split(anchor);
  if (parts.length !== 2) {
    throw new Error(
      `dist/${file} holds ${JSON.stringify(anchor)} ${parts.length - 1} times instead of once: ` +
        "adapt the patch in test/faults/patches.ts to the code.",
    );
  }
  await writeFile(path, parts.join(replacement));
}
