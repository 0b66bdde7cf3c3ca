import { expect } from "vitest";

import { project } from "../started-server.ts";

/** Moments of the stories that the tests tell, milliseconds after their beginning. */
export function at(ms: number): Date {
  return new Date(Date.UTC(2025, 2, 1, 10) + ms);
}

/** As {@link at}, in the form of the contract. */
export function iso(ms: number): string {
  return at(ms).toISOString();
}

/** Matches a moment in the form of the contract, from `since` (epoch milliseconds) until now. */
export function momentSince(since: number): unknown {
  return expect.toSatisfy(
    (value: unknown) =>
      typeof value === "string" &&
      /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/.test(value) &&
      Date.parse(value) >= since &&
      Date.parse(value) <= Date.now(),
  );
}

/** What a trace shows of itself when nothing is known but its id and time. */
export const bareTrace = {
  projectId: project.id,
  name: null,
  userId: null,
  sessionId: null,
  externalId: null,
  release: null,
  version: null,
  environment: "default",
  public: false,
  bookmarked: false,
  tags: [],
  input: null,
  output: null,
  metadata: {},
};

/** What an observation shows when nothing is known but its ids and its start: every key of the contract. */
export const bareObservation = {
  projectId: project.id,
  parentObservationId: null,
  type: "SPAN",
  name: null,
  environment: "default",
  endTime: null,
  completionStartTime: null,
  version: null,
  level: "DEFAULT",
  statusMessage: null,
  input: null,
  output: null,
  metadata: {},
  model: null,
  modelParameters: null,
  modelId: null,
  promptId: null,
  promptName: null,
  promptVersion: null,
  usageDetails: {},
  costDetails: {},
  usage: { unit: "TOKENS", input: 0, output: 0, total: 0 },
  unit: "TOKENS",
  promptTokens: 0,
  completionTokens: 0,
  totalTokens: 0,
  usagePricingTierId: null,
  usagePricingTierName: null,
  inputPrice: null,
  outputPrice: null,
  totalPrice: null,
  calculatedInputCost: null,
  calculatedOutputCost: null,
  calculatedTotalCost: 0,
  latency: null,
  timeToFirstToken: null,
};

/** Inside a trace, an observation without a known model shows prices of zero. */
export const zeroPrices = { inputPrice: 0, outputPrice: 0, totalPrice: 0 };

/** What a score shows when only its name, value and trace were given. */
export const bareScore = {
  projectId: project.id,
  environment: "default",
  source: "API",
  dataType: "NUMERIC",
  stringValue: null,
  comment: null,
  authorUserId: null,
  configId: null,
  queueId: null,
  executionTraceId: null,
  metadata: {},
  observationId: null,
};

export function byId<Item extends { readonly id: string }>(items: readonly Item[]): Item[] {
  return items.toSorted((one, other) => (one.id < other.id ? -1 : 1));
}
