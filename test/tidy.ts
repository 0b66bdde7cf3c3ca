import { readdirSync, readFileSync } from "node:fs";
import { join, posix } from "node:path";

/** The rules that this repository keeps about itself: functions from its text files to violations. */

export interface SourceFile {
  /** Relative to the root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** Who may import whom, by folder; every folder may also import itself. */
export const mayImport: Readonly<Record<string, readonly string[]>> = {
  schemas: [],
  clickhouse: ["schemas"],
  "services/runtime": ["schemas"],
  "services/gateway": ["schemas", "services/runtime"],
  "services/writer": ["schemas", "services/runtime", "clickhouse"],
  "services/query": ["schemas", "services/runtime", "clickhouse"],
  "services/standalone": [
    "schemas",
    "services/runtime",
    "services/gateway",
    "services/writer",
    "services/query",
    "clickhouse",
  ],
  services: [
    "services/runtime",
    "services/gateway",
    "services/writer",
    "services/query",
    "services/standalone",
  ],
  bench: ["schemas", "services/runtime", "services/standalone", "clickhouse"],
  test: [
    "schemas",
    "clickhouse",
    "services",
    "services/runtime",
    "services/gateway",
    "services/writer",
    "services/query",
    "services/standalone",
    "bench",
  ],
};

/** Packages that only one folder may know. */
const packageHomes: Readonly<Record<string, string>> = { chdb: "clickhouse" };

/** What `schemas` must not touch: clocks, randomness, I/O and the process. */
const impure =
  /\bDate\.now\b|\bnew Date\(\)|\bMath\.random\b|\brandom(?:UUID|Bytes|Int)\b|\bperformance\.|\bprocess\.|\bset(?:Timeout|Interval|Immediate)\(|\bfetch\(|"node:(?!buffer"|crypto"|util")/;

const environment = /\bprocess\.env\b|\benv\b[^;=]*[}]\s*=\s*process\b|\bloadEnvFile\b/;
const entry = "services/cli.cts";
const linesMax = 400;

/** Every text file of the tree at the root, without what .gitignore names. */
export function readTree(root: string): readonly SourceFile[] {
  const ignored = readFileSync(join(root, ".gitignore"), "utf8").split("\n").filter(Boolean);
  const isIgnored = (path: string): boolean =>
    path === ".git" ||
    ignored.some((rule) =>
      rule.startsWith("*") ? path.endsWith(rule.slice(1)) : path === rule.replace(/\/$/, ""),
    );
  const walk = (folder: string): SourceFile[] =>
    readdirSync(join(root, folder), { withFileTypes: true }).flatMap((found) => {
      const path = posix.join(folder, found.name);
      if (isIgnored(path)) return [];
      if (found.isDirectory()) return walk(path);
      return found.isFile() ? [{ path, text: readFileSync(join(root, path), "utf8") }] : [];
    });
  return walk("");
}

/** The folder of {@link mayImport} that a path belongs to, or null. */
export function areaOf(path: string): string | null {
  const [first = "", second = ""] = path.split("/");
  const inner = `${first}/${second}`;
  if (inner in mayImport && path !== inner) return inner;
  return first in mayImport && path !== first ? first : null;
}

function isTest(path: string): boolean {
  return /(?:\.test|\.contract|(?:^|\/)testing)\.ts$/.test(path) || path.startsWith("test/");
}

/** Imports that the map forbids, folders that it does not know, and tests imported by what ships. */
export function importViolations(files: readonly SourceFile[]): readonly string[] {
  return code(files).flatMap(({ path, text }) => {
    const area = areaOf(path);
    if (area === null) return [`${path}: no folder of the import map`];
    return importsOf(text).flatMap((specifier) => {
      const problem = importProblem(path, area, specifier);
      return problem === null ? [] : [`${path}: ${problem}`];
    });
  });
}

/** Clocks, randomness and I/O in `schemas`. */
export function purityViolations(files: readonly SourceFile[]): readonly string[] {
  return code(files)
    .filter(({ path }) => path.startsWith("schemas/") && !isTest(path))
    .flatMap(({ path, text }) => matches(path, withoutComments(text), impure));
}

/** Reads of the environment outside the command line's entry. */
export function environmentViolations(files: readonly SourceFile[]): readonly string[] {
  return code(files)
    .filter(({ path }) => path !== entry && !isTest(path))
    .flatMap(({ path, text }) => matches(path, withoutComments(text), environment));
}

/** Source files that have grown beyond what one sitting can read. */
export function lengthViolations(files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(({ path }) => /\.(?:[cm]?ts|[cm]?js|sql)$/.test(path) && !path.endsWith(".test.ts"))
    .map(({ path, text }) => ({ path, lines: text.split("\n").length - 1 }))
    .filter(({ lines }) => lines > linesMax)
    .map(({ path, lines }) => `${path}: ${lines} lines`);
}

/** Migrations whose numbers are not 1, 2, 3 …, each once. */
export function migrationViolations(files: readonly SourceFile[]): readonly string[] {
  const folder = "clickhouse/migrations/";
  const names = files
    .filter(({ path }) => path.startsWith(folder))
    .map(({ path }) => path.slice(folder.length));
  const migrations = names.filter((name) => name.endsWith(".sql")).toSorted();
  if (migrations.length === 0) return [`${folder}: no migration found`];
  return migrations.flatMap((name, index) => {
    const number = /^(\d{4})_[a-z0-9_]+\.sql$/.exec(name)?.[1];
    return Number(number) === index + 1 ? [] : [`${folder}${name}: expected number ${index + 1}`];
  });
}

/** Paths of this repository that a document cites although they do not exist. */
export function citationViolations(files: readonly SourceFile[]): readonly string[] {
  const folders = files.flatMap(({ path }) => parents(path));
  const known = new Set([...files.map(({ path }) => path), ...folders]);
  return files
    .filter(({ path }) => path.endsWith(".md"))
    .flatMap(({ path, text }) =>
      citedPaths(text)
        .filter((cited) => !known.has(cited.replace(/\/$/, "")))
        .map((cited) => `${path}: ${cited} does not exist`),
    );
}

/** Tests that are switched off, and tests that switch off all others. */
export function switchedOffViolations(files: readonly SourceFile[]): readonly string[] {
  const off =
    /\b(?:describe|suite|it|test|bench)(?:\.\w+)*\.(?:only|skip|todo)\b|\bx(?:it|describe|test)\(/;
  return files
    .filter(({ path }) => path.endsWith(".test.ts"))
    .flatMap(({ path, text }) => matches(path, withoutStrings(text), off));
}

/** Paths of somebody's machine, hosts of a package registry, and files that a build made. */
export function strayViolations(files: readonly SourceFile[]): readonly string[] {
  const machine = /(?<![\w.])\/(?:home|root|Users|work)\/\w/;
  const registry =
    /\bregistry\.(?:npmjs|yarnpkg|[\w-]+\.(?:com|org|net|io|dev))\b|"resolved":\s*"http/;
  return files.flatMap(({ path, text }) => [
    ...matches(path, text, machine),
    ...matches(path, text, registry),
    ...(/\.(?:js|cjs|d\.ts|map)$/.test(path) ? [`${path}: generated`] : []),
  ]);
}

/** Packages that the lock file's packages ask for but that it does not list: `npm ci` refuses those. */
export function lockViolations(lock: Lock): readonly string[] {
  return Object.entries(lock.packages).flatMap(([path, entryOf]) =>
    Object.keys({ ...entryOf.dependencies, ...entryOf.optionalDependencies })
      .filter((name) => !resolves(lock, path, name))
      .map((name) => `${path || "package.json"} needs ${name}`),
  );
}

export interface Lock {
  readonly packages: Readonly<
    Record<
      string,
      {
        readonly dependencies?: Readonly<Record<string, string>>;
        readonly optionalDependencies?: Readonly<Record<string, string>>;
      }
    >
  >;
}

function resolves(lock: Lock, from: string, name: string): boolean {
  for (
    let folder = from;
    ;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf("/node_modules/")))
  ) {
    if (`${folder === "" ? "" : `${folder}/`}node_modules/${name}` in lock.packages) return true;
    if (folder === "") return false;
  }
}

function code(files: readonly SourceFile[]): readonly SourceFile[] {
  return files.filter(({ path }) => /\.[cm]?ts$/.test(path) && path.includes("/"));
}

/** Statements begin their line, as the formatter sees to; `import(…)` may stand anywhere. */
function importsOf(text: string): readonly string[] {
  const statements =
    /^(?:(?:import|export)\b[^"\n]* from |import |\} from )"([^"\n]+)"|\bimport\(\s*"([^"\n]+)"/gm;
  return [...withoutComments(text).matchAll(statements)].map((match) => match[1] ?? match[2] ?? "");
}

function importProblem(path: string, area: string, specifier: string): string | null {
  if (!specifier.startsWith(".")) {
    const home = packageHomes[specifier.split("/")[0] ?? ""];
    return home === undefined || home === area || isTest(path)
      ? null
      : `${specifier} belongs to ${home}`;
  }
  const target = posix.join(posix.dirname(path), specifier);
  const targetArea = areaOf(target);
  if (!/\.(?:ts|cts)$/.test(specifier)) return `${specifier} does not end in .ts`;
  if (targetArea === null) return `${specifier} lies outside the import map`;
  if (isTest(target) && !isTest(path)) return `${specifier} is for tests`;
  const allowed = [area, ...(mayImport[area] ?? []), ...(isTest(path) ? ["test"] : [])];
  return allowed.includes(targetArea)
    ? null
    : `${area} must not import ${targetArea} (${specifier})`;
}

/** Inline code and link targets that look like a path of this repository. */
function citedPaths(markdown: string): readonly string[] {
  const quoted = [...markdown.matchAll(/`([^`\s]+)`|\]\(([^)\s#]+)/g)].map(
    (match) => match[1] ?? match[2] ?? "",
  );
  return quoted
    .map((text) => text.replace(/^\.\//, "").replace(/:\d+$/, ""))
    .filter((text) => /^[\w.-]+(?:\/[\w.-]+)*\/?$/.test(text))
    .filter((text) => isRepositoryPath(text));
}

function isRepositoryPath(text: string): boolean {
  const first = text.split("/")[0] ?? "";
  const folders = [
    "schemas",
    "clickhouse",
    "services",
    "bench",
    "deploy",
    "test",
    "bin",
    "docs",
    ".ci",
  ];
  if (text.includes("/")) return folders.includes(first);
  return /^[A-Z]+\.md$|^[\w.-]+\.(?:json|config\.ts)$|^\.env\.example$/.test(text);
}

function parents(path: string): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_part, index) => parts.slice(0, index + 1).join("/"));
}

function matches(path: string, text: string, pattern: RegExp): readonly string[] {
  const found = pattern.exec(text);
  if (found === null) return [];
  const line = text.slice(0, found.index).split("\n").length;
  return [`${path}:${line}: ${found[0]}`];
}

/** Comments blanked out, line numbers kept. Text that only looks like a comment may be blanked too. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[\s\S]*?\*\/|(?<![:"'`\\])\/\/.*$/gm, (comment) =>
    comment.replace(/[^\n]/g, " "),
  );
}

function withoutStrings(text: string): string {
  return withoutComments(text).replace(/(["'`])(?:\\.|(?!\1)[^\\\n])*\1/g, '""');
}
