import type { ScoreBody } from "./dialects/langfuse-scores.ts";
import type { Issue } from "./errors.ts";
import type { ColumnValue } from "./facts.ts";

/** What scores of one name look like (write-api §2.7, read-api §7.6). */
export interface ScoreConfig {
  readonly id: string;
  readonly projectId: string;
  readonly name: string;
  readonly dataType: ScoreConfigType;
  readonly description: string | null;
  readonly isArchived: boolean;
  readonly minValue: number | null;
  readonly maxValue: number | null;
  /** Of CATEGORICAL and BOOLEAN. */
  readonly categories: readonly ScoreCategory[] | null;
  /** Epoch milliseconds. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface ScoreCategory {
  readonly label: string;
  readonly value: number;
}

export const scoreConfigTypes = ["NUMERIC", "CATEGORICAL", "BOOLEAN", "TEXT"] as const;
export type ScoreConfigType = (typeof scoreConfigTypes)[number];

export const booleanCategories: readonly ScoreCategory[] = [
  { label: "True", value: 1 },
  { label: "False", value: 0 },
];

export type ScoreJudgement =
  | {
      readonly ok: true;
      /** What the config makes of the score's columns; empty without one. */
      readonly columns: Readonly<Record<string, ColumnValue>>;
    }
  | { readonly ok: false; readonly issue: Issue };

/** Whether a config has a say in a score at all. */
export function isConfigured({ configId, source, dataType }: ScoreBody): boolean {
  return Boolean(configId) || (source === "ANNOTATION" && dataType !== "CORRECTION");
}

/**
 * Holds a score against the config that it names. A config gives the score its name and data type, and a label its
 * number. `config` is undefined where the project has none with that id.
 */
export function judgeScore(body: ScoreBody, config: ScoreConfig | undefined): ScoreJudgement {
  if (!isConfigured(body)) return { ok: true, columns: {} };
  if (!body.configId) return broken("configId", "An annotation needs a configId");
  if (!config) return broken("configId", `There is no score config ${body.configId}`);
  if (config.isArchived) return broken("configId", `The score config ${config.name} is archived`);
  if (body.dataType !== undefined && body.dataType !== config.dataType) {
    return broken("dataType", `The score config ${config.name} is for ${config.dataType} scores`);
  }
  return judgeValue(body.value, config);
}

function judgeValue(value: string | number, config: ScoreConfig): ScoreJudgement {
  const { name, minValue, maxValue, categories } = config;
  const numberOf = (least: number, most: number): ScoreJudgement | number => {
    if (typeof value !== "number") return broken("value", `${name} takes a number`);
    const isWithin = value >= least && value <= most;
    return isWithin ? value + 0 : broken("value", `${name} takes numbers from ${least} to ${most}`);
  };
  switch (config.dataType) {
    case "NUMERIC": {
      const number = numberOf(minValue ?? -Infinity, maxValue ?? Infinity);
      return typeof number === "number" ? columnsOf(config, number, "") : number;
    }
    case "BOOLEAN": {
      const category = booleanCategories.find((one) => one.value === value);
      if (!category) return broken("value", `${name} takes 1 for true or 0 for false`);
      return columnsOf(config, category.value, category.label);
    }
    case "CATEGORICAL": {
      const category = categories?.find(({ label }) => label === value);
      if (!category) return broken("value", `${name} takes one of the labels of its config`);
      return columnsOf(config, category.value, category.label);
    }
    case "TEXT": {
      const isText = typeof value === "string" && value.length >= 1 && value.length <= textCharsMax;
      if (!isText) return broken("value", `${name} takes text of 1 to ${textCharsMax} characters`);
      return columnsOf(config, 0, value);
    }
  }
}

const textCharsMax = 500;

function columnsOf(config: ScoreConfig, value: number, text: string): ScoreJudgement {
  const { name, dataType } = config;
  return { ok: true, columns: { name, data_type: dataType, value, string_value: text } };
}

function broken(field: string, message: string): ScoreJudgement {
  return { ok: false, issue: { code: "custom", path: [field], message } };
}
