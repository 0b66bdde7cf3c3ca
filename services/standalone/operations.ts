import { exportProject } from "../../clickhouse/queries/export.ts";
import type { Db } from "../../clickhouse/engine.ts";
import type { ApiKey } from "../../schemas/registry.ts";
import { apiKeyOf, makeKeyPair } from "../runtime/keys.ts";
import type { KeyPair } from "../runtime/keys.ts";
import type { RegistryFold } from "../runtime/registry.ts";

/** What an operator can do from the command line, in the running server or on its directory. */
export interface Operations {
  listKeys(): Promise<ShownKey[]>;
  /** Makes a pair for a project; the secret is in the answer and nowhere else. Null when there is no such project. */
  createKey(projectId: string, note: string | null): Promise<KeyPair | null>;
  /** False when there is no such key. */
  revokeKey(publicKey: string): Promise<boolean>;
  /** The project's rows as lines of JSON, everything accepted so far among them. Null when there is no such project. */
  exportRows(projectId: string): Promise<AsyncIterable<string> | null>;
}

/** A key as people may see it. */
export type ShownKey = Omit<ApiKey, "secretDigest">;

export interface OperationsDeps {
  readonly registry: RegistryFold;
  readonly pepper: Buffer;
  readonly db: Db;
  /** Resolves once everything accepted until now is readable. */
  readonly drained: () => Promise<void>;
}

export function localOperations({ registry, pepper, db, drained }: OperationsDeps): Operations {
  const { registry: state } = registry;
  return {
    async listKeys() {
      return [...state.keysByPublicKey.values()].map(shown);
    },
    async createKey(projectId, note) {
      const pair = makeKeyPair();
      const key = apiKeyOf(pair, pepper, projectId, note, Date.now());
      const outcome = await registry.submit({ type: "key-create", key }, "command line");
      return outcome === "done" ? pair : null;
    },
    async revokeKey(publicKey) {
      return (await registry.submit({ type: "key-revoke", publicKey }, "command line")) === "done";
    },
    async exportRows(projectId) {
      if (!state.projects.has(projectId)) return null;
      await drained();
      return exportProject(db, projectId);
    },
  };
}

function shown({
  publicKey,
  displaySecretKey,
  projectId,
  note,
  createdAt,
  revokedAt,
}: ApiKey): ShownKey {
  return { publicKey, displaySecretKey, projectId, note, createdAt, revokedAt };
}
