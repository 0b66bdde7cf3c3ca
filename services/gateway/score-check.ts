import type { ScoreBody } from "../../schemas/dialects/langfuse-scores.ts";
import type { Issue } from "../../schemas/errors.ts";
import { isConfigured, judgeScore } from "../../schemas/score-configs.ts";
import type { RegistryFold } from "../runtime/registry.ts";

/**
 * Tells for the scores of one request why one breaks the config that it names; null when it does not. A config that is
 * not known here may have been made a moment ago in another process: then this waits, once, for what the registry holds.
 */
export function scoreChecker(
  registry: RegistryFold,
  project: string,
): (body: ScoreBody) => Promise<Issue | null> {
  let isCurrent = false;
  return async (body) => {
    if (!isConfigured(body)) return null;
    const { configId } = body;
    const find = () => registry.registry.scoreConfigs.get(project, configId ?? "")?.config;
    if (configId && !isCurrent && !find()) {
      await registry.caughtUp();
      isCurrent = true;
    }
    const judgement = judgeScore(body, find());
    return judgement.ok ? null : judgement.issue;
  };
}
