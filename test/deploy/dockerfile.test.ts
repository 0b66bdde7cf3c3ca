import { readFileSync } from "node:fs";
import { join } from "node:path";
import { Script } from "node:vm";

import { DockerfileParser } from "dockerfile-ast";
import { describe, expect, it } from "vitest";

import { commands } from "../../services/commands.ts";
import { listSettings } from "../../services/runtime/config.ts";
import { isPinned, textOf } from "./environment.ts";

const dockerfile = DockerfileParser.parse(textOf("Dockerfile"));
const instructions = dockerfile.getInstructions();
const lastStage = instructions.slice(
  instructions.findLastIndex((instruction) => instruction.getKeyword() === "FROM"),
);

/** The arguments of the instructions of a kind in the image's own stage. */
function argumentsOf(keyword: string): readonly string[] {
  return lastStage
    .filter((instruction) => instruction.getKeyword() === keyword)
    .map((instruction) => instruction.getArgumentsContent() ?? "");
}

function listOf(keyword: string): readonly string[] {
  const [text = ""] = argumentsOf(keyword);
  return JSON.parse(text) as string[];
}

describe("deploy/Dockerfile", () => {
  it("builds on images that are named by their version, all on the same Node 24", () => {
    const images = dockerfile.getFROMs().map((from) => from.getImage() ?? "");
    expect(images).toHaveLength(3);
    expect(images.filter((image) => !isPinned(image))).toEqual([]);
    expect(new Set(images)).toHaveProperty("size", 1);
    expect(images[0]).toMatch(/^node:24\./);
  });

  it("runs as a user that is not root, by number", () => {
    expect(argumentsOf("USER")).toEqual(["1000:1000"]);
  });

  it("starts node without a shell, so that signals reach it, with a command that exists", () => {
    expect(listOf("ENTRYPOINT")[0]).toBe("node");
    expect(listOf("ENTRYPOINT").at(-1)).toBe("dist/services/cli.js");
    const [command = ""] = listOf("CMD");
    expect(Object.keys(commands)).toContain(command);
  });

  it("asks the health route, with node itself", () => {
    const [text = ""] = argumentsOf("HEALTHCHECK");
    const test = JSON.parse(text.slice(text.indexOf("["))) as string[];
    expect(test.slice(0, 2)).toEqual(["node", "-e"]);
    expect(test[2]).toContain("/api/public/health");
    // A script that cannot be parsed would fail every check.
    expect(() => new Script(test[2] ?? "")).not.toThrow();
  });

  it("sets only settings that there are, and has a volume for all that is written", () => {
    const names = dockerfile
      .getENVs()
      .flatMap((env) => env.getProperties().map((property) => property.getName()))
      .filter((name) => name.startsWith("SLUICE_"));
    const known = listSettings().map(({ name }) => name);
    expect(names).toEqual(["SLUICE_HOST", "SLUICE_PORT", "SLUICE_DATA_DIR"]);
    expect(known).toEqual(expect.arrayContaining(names));
    expect(listOf("VOLUME")).toEqual(["/data", "/tmp"]);
  });

  it("is of the version that the package has", () => {
    const manifest = readFileSync(join(import.meta.dirname, "../../package.json"), "utf8");
    const { version } = JSON.parse(manifest) as { version: string };
    expect(argumentsOf("ARG")).toContain(`VERSION=${version}`);
    expect(textOf("compose.yaml")).toContain(`image: sluice:${version}`);
    expect(textOf("kubernetes/kustomization.yaml")).toContain(`newTag: ${version}\n`);
  });

  it("sends the builder all that the build reads, and neither data nor secrets", () => {
    const ignored = readFileSync(join(import.meta.dirname, "../../.dockerignore"), "utf8");
    const rules = ignored.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
    expect(rules[0]).toBe("*");
    const build = readFileSync(join(import.meta.dirname, "../../bin/build.mjs"), "utf8");
    const lists = [...build.matchAll(/^const (?:sources|settings) = (\[.*\]);$/gm)];
    const read = lists.flatMap(([, list = ""]) => JSON.parse(list) as string[]);
    expect(read.length).toBeGreaterThan(5);
    expect(rules).toEqual(expect.arrayContaining(read.map((name) => `!${name}`)));
    expect(rules.join("\n")).not.toMatch(/^!(?:data|\.env|\.git)\b/m);
  });
});
