import type { ScoreConfig } from "./score-configs.ts";

interface Version {
  readonly config: ScoreConfig;
  /** The registry position since which it holds; also its revision. */
  readonly since: number;
}

/** A project's score configs with all their versions, so that a score is held against what its record could know. */
export class ScoreConfigs {
  /** By project, then id; the newest version first. */
  readonly #versions = new Map<string, Map<string, readonly Version[]>>();

  list(project: string): ScoreConfig[] {
    return [...(this.#versions.get(project)?.values() ?? [])].flatMap(
      ([newest]) => newest?.config ?? [],
    );
  }

  /** As it is now, with its revision. */
  get(project: string, id: string): { config: ScoreConfig; revision: number } | undefined {
    const [newest] = this.#versions.get(project)?.get(id) ?? [];
    return newest && { config: newest.config, revision: newest.since };
  }

  /** As it was at a position of the registry. */
  at(project: string, id: string, position: number): ScoreConfig | undefined {
    const versions = this.#versions.get(project)?.get(id) ?? [];
    return versions.find(({ since }) => since <= position)?.config;
  }

  /** False when the id is taken. */
  create(config: ScoreConfig, position: number): boolean {
    const own = this.#versions.get(config.projectId) ?? new Map<string, readonly Version[]>();
    if (own.has(config.id)) return false;
    own.set(config.id, [{ config, since: position }]);
    this.#versions.set(config.projectId, own);
    return true;
  }

  /** A conflict when somebody changed it since `revision`. */
  update(
    config: ScoreConfig,
    revision: number,
    position: number,
  ): "done" | "conflict" | "not-found" {
    const own = this.#versions.get(config.projectId);
    const versions = own?.get(config.id);
    if (!own || !versions) return "not-found";
    if (versions[0]?.since !== revision) return "conflict";
    own.set(config.id, [{ config, since: position }, ...versions]);
    return "done";
  }
}
