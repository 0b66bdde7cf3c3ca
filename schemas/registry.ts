/**
 * The registry: projects and keys as a fold over the log's `registry` stream. Every process folds the same commands
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
  | { readonly type: "key-revoke"; readonly publicKey: string };

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
export const foldVersion = 1;

/** Outcomes are remembered for this many commands, which is how long a repeat of one is recognised. */
const outcomesMax = 10_000;

export class Registry {
  readonly organizations = new Map<string, Organization>();
  readonly projects = new Map<string, Project>();
  readonly keysByPublicKey = new Map<string, ApiKey>();
  readonly keysBySecretDigest = new Map<string, ApiKey>();
  readonly #outcomes = new Map<string, RegistryOutcome>();

  /** Applies one command; throws when it needs a newer fold than this one. */
  apply(command: RegistryCommand): RegistryOutcome {
    if (command.foldVersion > foldVersion) {
      throw new Error(
        `the registry holds a command of version ${command.foldVersion}, this process understands ${foldVersion}: upgrade it`,
      );
    }
    const repeated = this.#outcomes.get(command.id);
    if (repeated) return repeated;
    const outcome = this.#change(command);
    this.#outcomes.set(command.id, outcome);
    const [oldest] = this.#outcomes.keys();
    if (this.#outcomes.size > outcomesMax && oldest !== undefined) this.#outcomes.delete(oldest);
    return outcome;
  }

  outcomeOf(commandId: string): RegistryOutcome | undefined {
    return this.#outcomes.get(commandId);
  }

  #change({ at, change }: RegistryCommand): RegistryOutcome {
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
    }
  }

  #setKey(key: ApiKey): void {
    this.keysByPublicKey.set(key.publicKey, key);
    this.keysBySecretDigest.set(key.secretDigest, key);
  }
}
