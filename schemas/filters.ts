import type { z } from "zod";

import { invalidParameter, invalidRequest } from "./errors.ts";
import { conditions, conditionsWithSearch, type WrittenCondition } from "./filter-conditions.ts";
import { issuesOf } from "./issues.ts";
import { JsonError, parseJson } from "./json.ts";

/** The advanced filter of lists (read-api §2): conditions that must all hold. */

/** What a column holds; see {@link isCompatible} for what may be asked of it. */
export type FilterColumnType = Exclude<FilterCondition["type"], "null">;

export interface FilterColumn {
  readonly id: string;
  readonly type: FilterColumnType;
  /** Other names for it: what a table of the web interface calls it, and older ids. */
  readonly aliases: readonly string[];
}

/** The columns of one list. */
export interface FilterCatalogue {
  readonly columns: readonly FilterColumn[];
  /** Names that mean another column for each type of condition: `scores` is three columns. */
  readonly byType?: Readonly<Record<string, Partial<Record<FilterCondition["type"], string>>>>;
  /** The list knows whole words (`matches`), and guards its inputs and outputs. */
  readonly searchesText: boolean;
}

/** One condition; `column` is the id of a column of the catalogue. Moments are epoch milliseconds. */
export type FilterCondition = Exclude<WrittenCondition, { type: "positionInTrace" }>;

/** All of them hold. */
export type Filter = readonly FilterCondition[];

/**
 * The conditions in the text of a `filter` parameter; none when there is no text. Throws an ApiError 400: with the list
 * of issues for JSON that is no list of conditions, and with a sentence for everything else, naming the condition by
 * its place in the list.
 */
export function parseFilter(text: string | undefined, catalogue: FilterCatalogue): Filter {
  if (text === undefined || text === "") return [];
  if (text.length > filterCharsMax) {
    throw invalidParameter(`\`filter\` is longer than ${filterCharsMax} characters: ask for less.`);
  }
  const json = jsonOf(text);
  if (Array.isArray(json) && json.length > conditionsMax) {
    throw invalidParameter(`\`filter\` has more than ${conditionsMax} conditions: ask for less.`);
  }
  const schema: z.ZodType<WrittenCondition[]> = catalogue.searchesText
    ? conditionsWithSearch
    : conditions;
  const result = schema.safeParse(json);
  if (!result.success) {
    const issues = issuesOf(result.error);
    throw invalidRequest(issues.map((issue) => ({ ...issue, path: ["filter", ...issue.path] })));
  }
  const columns = columnsByName(catalogue);
  const filter = result.data.flatMap((asked, index) =>
    asked.type === "positionInTrace" ? [] : [resolved(asked, index, catalogue, columns)],
  );
  if (catalogue.searchesText) checkPayloadGuard(filter);
  return filter;
}

/** A statement grows with each condition; a person asks for a handful. */
const conditionsMax = 100;

/** More than the URL of a request can carry. */
const filterCharsMax = 65_536;

function jsonOf(text: string): unknown {
  try {
    // As deep as a condition's list of values goes; what is deeper fails the schema.
    return parseJson(text, { depthMax: 4 }).rounded;
  } catch (error) {
    if (error instanceof JsonError) {
      throw invalidParameter("`filter` is not JSON: send a JSON array of conditions.");
    }
    throw error;
  }
}

function columnsByName({ columns }: FilterCatalogue): ReadonlyMap<string, FilterColumn> {
  return new Map(columns.flatMap((one) => [one.id, ...one.aliases].map((name) => [name, one])));
}

function resolved(
  asked: FilterCondition,
  index: number,
  catalogue: FilterCatalogue,
  columns: ReadonlyMap<string, FilterColumn>,
): FilterCondition {
  const byType = new Map(Object.entries(catalogue.byType ?? {})).get(asked.column);
  const known = columns.get(byType?.[asked.type] ?? asked.column);
  if (known === undefined) {
    // The first words are what clients look for (read-api §2.2).
    throw invalidParameter(
      `\`filter\`[${index}].column does not match a UI / CH table mapping. ` +
        `Use one of ${[...catalogue.columns.map(({ id }) => id), ...Object.keys(catalogue.byType ?? {})].join(", ")}.`,
    );
  }
  if (!isCompatible(known.type, asked.type)) {
    throw invalidParameter(
      `\`filter\`[${index}]: ${known.id} takes conditions of type ${compatibleTypes(known.type).join(" or ")}.`,
    );
  }
  if (asked.operator === "matches") checkSearch(asked.value, index, known.id);
  return { ...asked, column: known.id };
}

/** Whether a condition of a type may be asked of a column (read-api §2.2). */
function isCompatible(column: FilterColumnType, asked: FilterCondition["type"]): boolean {
  return asked === "null" || compatibleTypes(column).includes(asked);
}

function compatibleTypes(column: FilterColumnType): readonly FilterCondition["type"][] {
  if (column === "string") return ["string", "stringOptions"];
  if (column === "stringOptions") return ["stringOptions", "string"];
  const isList = column === "arrayOptions" || column === "categoryOptions";
  return isList ? [column, "stringOptions"] : [column];
}

const payloadColumns = ["input", "output"];

/** `matches` is for texts that people write, and needs something to look for (read-api §2.4). */
function checkSearch(value: string, index: number, id: string): void {
  if (![...payloadColumns, "metadata"].includes(id)) {
    throw invalidParameter(
      `\`filter\`[${index}]: only input, output and metadata have \`matches\`.`,
    );
  }
  if (!/[\p{L}\p{N}]/u.test(value)) {
    throw invalidParameter(
      `\`filter\`[${index}]: \`matches\` needs a letter or a digit to look for.`,
    );
  }
}

/** Payloads are large: they are looked through only for something said in full (read-api §2.4). */
function checkPayloadGuard(filter: Filter): void {
  const ofPayloads = filter.filter(({ column: id }) => payloadColumns.includes(id));
  if (ofPayloads.length === 0) return;
  if (ofPayloads.some(({ type }) => type !== "string")) {
    throw invalidParameter("`filter`: input and output take only conditions of type string.");
  }
  if (!ofPayloads.some(({ operator }) => operator === "=" || operator === "matches")) {
    throw invalidParameter(
      "`filter`: with input or output, one condition on them must have the operator `=` or `matches`.",
    );
  }
}

/**
 * The simple parameters that still count beside a filter: one that a condition asks the same column of is left out,
 * both ends of a range alike (read-api §2.3). `columns` names the column of each parameter.
 */
export function notOutranked<Asked extends object>(
  asked: Asked,
  filter: Filter,
  columns: Readonly<Partial<Record<keyof Asked, string>>>,
): Asked {
  const filtered = new Set(filter.map(({ column: id }) => id));
  const kept = Object.entries(asked).filter(([name]) => {
    const id = columns[name as keyof Asked];
    return id === undefined || !filtered.has(id);
  });
  return Object.fromEntries(kept) as Asked;
}

/**
 * The stretch of a time column that a filter leaves, for reads that look at recent rows first, and the conditions that
 * it does not say. Epoch milliseconds, `from` within and `to` not; times have no finer parts than milliseconds.
 */
export function rangeOf(
  filter: Filter,
  timeColumn: string,
  simple: { readonly from?: number | undefined; readonly to?: number | undefined },
): { readonly from: number | undefined; readonly to: number | undefined; readonly rest: Filter } {
  const from: number[] = simple.from === undefined ? [] : [simple.from];
  const to: number[] = simple.to === undefined ? [] : [simple.to];
  const rest: FilterCondition[] = [];
  for (const asked of filter) {
    if (asked.type !== "datetime" || asked.column !== timeColumn) rest.push(asked);
    else if (asked.operator === ">=") from.push(asked.value);
    else if (asked.operator === ">") from.push(asked.value + 1);
    else if (asked.operator === "<") to.push(asked.value);
    else to.push(asked.value + 1);
  }
  return {
    from: from.length > 0 ? Math.max(...from) : undefined,
    to: to.length > 0 ? Math.min(...to) : undefined,
    rest,
  };
}
