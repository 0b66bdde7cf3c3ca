import { costDetails } from "../../dialects/langfuse-usage.ts";
import { decimalOf } from "../../decimal.ts";
import * as by from "./emitters.ts";
import { attribute, within } from "./reader.ts";
import type { Source, SpanReader } from "./reader.ts";
import { asMap, asNumber } from "./values.ts";

/** What a call cost in USD, where the client or its SDK says so. (otlp.md §2.9) */

const statedCost = attribute("langfuse.observation.cost_details", by.langfuse);

const totalSources: readonly Source[] = [
  attribute("gen_ai.usage.cost", by.liteLlm),
  attribute("llm.cost.total", by.openInference),
  attribute("operation.cost", by.pydanticAi),
  attribute("gen_ai.cost", by.genAi),
  within("mlflow.llm.cost", ["total_cost"], by.mlflow),
  within("langsmith.usage_metadata", ["total_cost"], by.langSmith),
];

const inputSources: readonly Source[] = [
  attribute("llm.cost.prompt", by.openInference),
  within("mlflow.llm.cost", ["input_cost"], by.mlflow),
  within("langsmith.usage_metadata", ["input_cost"], by.langSmith),
];

const outputSources: readonly Source[] = [
  attribute("llm.cost.completion", by.openInference),
  within("mlflow.llm.cost", ["output_cost"], by.mlflow),
  within("langsmith.usage_metadata", ["output_cost"], by.langSmith),
];

/** USD by part, decimal text. */
export type Costs = Readonly<Record<string, string>>;

/** The cost that the client stated by part, through a Langfuse SDK. */
export function statedCostOf(span: SpanReader): Costs | null {
  return span.first("cost", [statedCost], (value) => {
    const details = asMap(value);
    const amounts = details && costDetails.safeParse(details).data;
    if (!amounts) return null;
    return Object.fromEntries(
      Object.entries(amounts).map(([part, amount]) => [part, decimalOf(amount)]),
    );
  });
}

/** For an explanation: costs that a stated one outweighs. */
export function passOverCost(span: SpanReader): void {
  for (const sources of [inputSources, outputSources, totalSources]) span.passOver("cost", sources);
}

/** The cost that another SDK computed. */
export function countedCostOf(span: SpanReader, field: string): Costs | null {
  const input = span.first(`${field}.input`, inputSources, asAmount);
  const output = span.first(`${field}.output`, outputSources, asAmount);
  const total = span.first(`${field}.total`, totalSources, asAmount);
  const costs = {
    ...(input !== null && { input }),
    ...(output !== null && { output }),
    ...(total !== null && { total }),
  };
  return Object.keys(costs).length > 0 ? costs : null;
}

function asAmount(value: unknown): string | null {
  const amount = asNumber(value);
  return amount === null || amount < 0 ? null : decimalOf(amount);
}
