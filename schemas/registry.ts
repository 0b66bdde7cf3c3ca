import { ModelBook } from "./model-book.ts";
import type { ModelDefinition } from "./models.ts";
import type { ScoreConfig } from "./score-configs.ts";
import { ScoreConfigs } from "./score-config-book.ts";

/**
 * The registry: projects, keys, models and score configs as a fold over the log's `registry` stream. Every process folds the same commands
 * with this function, so all of them agree on which command won; whoever appended one waits for its own fold to pass
 * it and reads the outcome there. Only lasting facts go in, and no secret: of a secret key its keyed hash.
 */

export interface Organization {
  readonly id: string;
  readonly name: string;
}

export interface Project {
  readonly id: string;
  readonly name: string;
  readonly organizationId: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

export interface ApiKey {
  readonly publicKey: string;
  /** Keyed hash of the secret, hex (services/runtime/keys.ts). */
  readonly secretDigest: string;
  /** `sk-lf-...1234`: enough for a human to tell keys apart. */
  readonly displaySecretKey: string;
  readonly projectId: string;
  readonly note: string | null;
  readonly createdAt: number;
  readonly revokedAt: number | null;
}

export type RegistryChange =
  | { readonly type: "organization-create"; readonly organization: Organization }
  | { readonly type: "project-create"; readonly project: Project }
  | { readonly type: "key-create"; readonly key: ApiKey }
  | { readonly type: "key-revoke"; readonly publicKey: string }
  | { readonly type: "model-create"; readonly projectId: string; readonly model: ModelDefinition }
  | { readonly type: "model-delete"; readonly projectId: string; readonly id: string }
  | PricesPublish
  | { readonly type: "score-config-create"; readonly config: ScoreConfig }
  | {
      readonly type: "score-config-update";
      readonly config: ScoreConfig;
      /** The revision it was made from. */
      readonly revision: number;
    }
  | LeaseTake
  | { readonly type: "lease-release"; readonly name: string; readonly holder: string };

/** Work that one process may do at a time. Taken again by its holder it is prolonged. */
export interface LeaseTake {
  readonly type: "lease-take";
  readonly name: string;
  readonly holder: string;
  /** From the command's `at` on, in milliseconds; then anybody may take it. */
  readonly lastsMs: number;
}

export interface Lease {
  readonly holder: string;
  /** Epoch milliseconds. */
  readonly until: number;
  /** Greater with every new holder: where it was first taken in the stream. */
  readonly fence: number;
}

/** Built-in models that are new or changed, and the ids of those that are no more. */
export interface PricesPublish {
  readonly type: "prices-publish";
  /** Of the price list, with its last part; an older one than that in force is refused. */
  readonly version: readonly number[] | null;
  readonly models: readonly ModelDefinition[];
  readonly removed: readonly string[];
}

/** One entry of the registry stream. */
export interface RegistryCommand {
  /** Sent again with the same id, it is answered with its first outcome. */
  readonly id: string;
  /** The least {@link foldVersion} that understands it. */
  readonly foldVersion: number;
  /** Epoch milliseconds, stamped by the process that appended it. */
  readonly at: number;
  /** Who asked, for people who read the stream. */
  readonly by: string;
  readonly change: RegistryChange;
}

export type RegistryOutcome = "done" | "conflict" | "not-found";

/** A process that meets a command of a later version must stop folding, or it would come to differ from the others. */
export const foldVersion = 2;

/** Outcomes are remembered for this many commands, which is how long a repeat of one is recognised. */
const outcomesMax = 10_000;

export class Registry {
  readonly organizations = new Map<string, Organization>();
  readonly projects = new Map<string, Project>();
  readonly keysByPublicKey = new Map<string, ApiKey>();
  readonly keysBySecretDigest = new Map<string, ApiKey>();
  readonly models = new ModelBook();
  readonly scoreConfigs = new ScoreConfigs();
  readonly leases = new Map<string, Lease>();
  /** Of the built-in prices in force. */
  pricesVersion: readonly number[] = [];
  readonly #outcomes = new Map<string, RegistryOutcome>();

  /**
   * Applies one command, after which the registry is at `position`. Throws when it needs a newer fold than this one.
   */
  apply(command: RegistryCommand, position: number): RegistryOutcome {
    if (command.foldVersion > foldVersion) {
      throw new Error(
        `the registry holds a command of version ${command.foldVersion}, this process understands ${foldVersion}: upgrade it`,
      );
    }
    const repeated = this.#outcomes.get(command.id);
    if (repeated) return repeated;
    const outcome = this.#change(command, position);
    this.#outcomes.set(command.id, outcome);
    const [oldest] = this.#outcomes.keys();
    if (this.#outcomes.size > outcomesMax && oldest !== undefined) this.#outcomes.delete(oldest);
    return outcome;
  }

  outcomeOf(commandId: string): RegistryOutcome | undefined {
    return this.#outcomes.get(commandId);
  }

  #change({ at, change }: RegistryCommand, position: number): RegistryOutcome {
    switch (change.type) {
      case "organization-create":
        if (this.organizations.has(change.organization.id)) return "conflict";
        this.organizations.set(change.organization.id, change.organization);
        return "done";
      case "project-create":
        if (this.projects.has(change.project.id)) return "conflict";
        if (!this.organizations.has(change.project.organizationId)) return "not-found";
        this.projects.set(change.project.id, change.project);
        return "done";
      case "key-create": {
        const { key } = change;
        if (
          this.keysByPublicKey.has(key.publicKey) ||
          this.keysBySecretDigest.has(key.secretDigest)
        )
          return "conflict";
        if (!this.projects.has(key.projectId)) return "not-found";
        this.#setKey(key);
        return "done";
      }
      case "key-revoke": {
        const key = this.keysByPublicKey.get(change.publicKey);
        if (!key) return "not-found";
        if (key.revokedAt === null) this.#setKey({ ...key, revokedAt: at });
        return "done";
      }
      case "model-create": {
        const { projectId, model } = change;
        if (!this.projects.has(projectId)) return "not-found";
        const own = this.models.own(projectId);
        if (own.some(({ definition }) => isSameModel(definition, model))) return "conflict";
        this.models.set(projectId, model, at, position);
        return "done";
      }
      case "model-delete":
        return this.models.remove(change.projectId, change.id, position) ? "done" : "not-found";
      case "prices-publish":
        return this.#publish(change, at, position);
      case "score-config-create":
        if (!this.projects.has(change.config.projectId)) return "not-found";
        return this.scoreConfigs.create(change.config, position) ? "done" : "conflict";
      case "score-config-update":
        return this.scoreConfigs.update(change.config, change.revision, position);
      case "lease-take": {
        const { name, holder, lastsMs } = change;
        const held = this.leases.get(name);
        const isOwn = held?.holder === holder;
        if (held && !isOwn && held.until > at) return "conflict";
        const fence = held && isOwn ? held.fence : position;
        this.leases.set(name, { holder, until: at + lastsMs, fence });
        return "done";
      }
      case "lease-release":
        if (this.leases.get(change.name)?.holder !== change.holder) return "conflict";
        this.leases.delete(change.name);
        return "done";
    }
  }

  #publish(change: PricesPublish, at: number, position: number): RegistryOutcome {
    const { version } = change;
    if (version && compareVersions(version, this.pricesVersion) < 0) return "conflict";
    this.pricesVersion = version ?? this.pricesVersion;
    for (const model of change.models) this.models.set(null, model, at, position);
    for (const id of change.removed) this.models.remove(null, id, position);
    return "done";
  }

  #setKey(key: ApiKey): void {
    this.keysByPublicKey.set(key.publicKey, key);
    this.keysBySecretDigest.set(key.secretDigest, key);
  }
}

function isSameModel(a: ModelDefinition, b: ModelDefinition): boolean {
  return a.id === b.id || a.modelName === b.modelName;
}

/** By their numbers from the first on; what is missing counts as less. */
export function compareVersions(a: readonly number[], b: readonly number[]): number {
  for (let part = 0; part < Math.max(a.length, b.length); part += 1) {
    const difference = (a[part] ?? -1) - (b[part] ?? -1);
    if (difference !== 0) return difference;
  }
  return 0;
}
