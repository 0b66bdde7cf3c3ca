import { expect } from "vitest";

import { eventually } from "../started-server.ts";
import type { StartedServer } from "../started-server.ts";
import { byId } from "./expected.ts";
import type { ShownObservation, ShownTrace } from "./integrations.ts";

/**
 * A trace with so many observations, as the first generation of reads shows it; rejects when the second one, or the
 * first one's list of observations, shows anything else.
 */
export async function readByBoth(
  server: StartedServer,
  id: string,
  observations: number,
): Promise<ShownTrace> {
  const [trace, listed, second] = await eventually(
    async () => {
      const [shown, ...lists] = await Promise.all([
        server.get(`/api/public/traces/${id}`),
        server.get(`/api/public/observations?limit=100&traceId=${id}`),
        server.get(`/api/public/v2/observations?limit=100&fields=${groups}&traceId=${id}`),
      ]);
      const [first = [], last = []] = lists.map(({ body }) => (body as List).data);
      return [shown.body as Partial<ShownTrace>, first, last] as const;
    },
    (found) => [found[0].observations ?? [], found[1], found[2]].every(isWhole),
  );
  const whole = trace as ShownTrace;
  expect(byId(listed).map(withPrices)).toStrictEqual(byId(whole.observations));
  expect(byId(second).map(withParsedPayloads)).toStrictEqual(
    byId(whole.observations).map((one) => asSecond(whole, one)),
  );
  return whole;

  function isWhole(found: readonly ShownObservation[]): boolean {
    return (
      found.length === observations &&
      found.every(({ type, endTime }) => type === "EVENT" || endTime !== null)
    );
  }
}

interface List {
  readonly data?: readonly ShownObservation[];
}

const groups = "core,basic,time,io,metadata,model,usage,prompt,metrics,trace_context";

/** What has no price is null in a list and 0 inside of a trace. */
function withPrices(one: ShownObservation): object {
  const priceOf = (key: string): unknown => one[key] ?? 0;
  return {
    ...one,
    inputPrice: priceOf("inputPrice"),
    outputPrice: priceOf("outputPrice"),
    totalPrice: priceOf("totalPrice"),
  };
}

/** The second generation shows payloads as text, and prices too. */
function withParsedPayloads(one: ShownObservation): object {
  const priceOf = (key: string): number => Number(one[key] ?? 0);
  return {
    ...one,
    input: parsed(one["input"]),
    output: parsed(one["output"]),
    inputPrice: priceOf("inputPrice"),
    outputPrice: priceOf("outputPrice"),
    totalPrice: priceOf("totalPrice"),
  };
}

function parsed(text: unknown): unknown {
  if (typeof text !== "string") return text;
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** An observation of the first generation as the second one is to show it, every field. */
function asSecond(trace: ShownTrace, one: ShownObservation): object {
  const {
    // Shown of the first generation only.
    usage: _usage,
    unit: _unit,
    promptTokens,
    completionTokens,
    totalTokens,
    calculatedInputCost,
    calculatedOutputCost,
    calculatedTotalCost: _total,
    ...common
  } = one;
  const { total = null } = one["costDetails"] as { readonly total?: number };
  return {
    ...common,
    providedModelName: one["model"],
    internalModelId: one["modelId"],
    inputUsage: promptTokens,
    outputUsage: completionTokens,
    totalUsage: totalTokens,
    inputCost: calculatedInputCost,
    outputCost: calculatedOutputCost,
    totalCost: total,
    isRootObservation: one["parentObservationId"] === null,
    bookmarked: trace["bookmarked"],
    public: trace["public"],
    userId: trace["userId"],
    sessionId: trace["sessionId"],
    traceName: trace["name"],
    tags: trace["tags"],
    release: trace["release"],
  };
}
