import type { Config } from "./config.ts";
import { apiKeyOf, makeKeyPair } from "./keys.ts";
import type { KeyPair } from "./keys.ts";
import type { RegistryFold } from "./registry.ts";

export interface Bootstrapped {
  readonly projectId: string;
  /** The project's keys that can be used. */
  readonly publicKeys: readonly string[];
  /** Only when it was made or given on this start: it is not stored. */
  readonly pair: KeyPair | null;
  /** What the operator should know, in sentences. */
  readonly warnings: readonly string[];
}

const by = "start of the server";
const organization = { id: "default", name: "Default Organization" };

/**
 * Makes the first project and its key, as the settings name them or with a pair of its own. On later starts it only
 * adds what the settings name and the registry lacks. Several processes may do so at once: one of them makes the pair.
 */
export async function bootstrap(
  fold: RegistryFold,
  init: Config["init"],
  pepper: Buffer,
  now: () => number = Date.now,
): Promise<Bootstrapped> {
  const { registry } = fold;
  const projectId = init.projectId ?? registry.projects.keys().next().value ?? "default";
  const warnings: string[] = [];
  if (!registry.organizations.has(organization.id))
    await fold.submit({ type: "organization-create", organization }, by);
  if (!registry.projects.has(projectId)) {
    const name = init.projectName ?? "Default Project";
    const project = { id: projectId, name, organizationId: organization.id, createdAt: now() };
    await fold.submit({ type: "project-create", project }, by);
  }

  const given =
    init.publicKey && init.secretKey
      ? { publicKey: init.publicKey, secretKey: init.secretKey }
      : null;
  const publicKeys = (): string[] =>
    [...registry.keysByPublicKey.values()]
      .filter((key) => key.projectId === projectId && key.revokedAt === null)
      .map((key) => key.publicKey);
  if (given) warnings.push(...(await addKey(fold, given, projectId, pepper, now())));
  const pair =
    given || publicKeys().length > 0 ? null : await firstPair(fold, projectId, pepper, now());
  return { projectId, publicKeys: publicKeys(), pair, warnings };
}

/** A new pair; null when another process was first, whose pair it then is. */
async function firstPair(
  fold: RegistryFold,
  projectId: string,
  pepper: Buffer,
  at: number,
): Promise<KeyPair | null> {
  const pair = makeKeyPair();
  const key = apiKeyOf(pair, pepper, projectId, note, at);
  // Of several commands with one id the first counts. Keys that were revoked since make it another one.
  const { size } = fold.registry.keysByPublicKey;
  await fold.submit({ type: "key-create", key }, by, `first key of ${projectId} after ${size}`);
  return fold.registry.keysByPublicKey.has(pair.publicKey) ? pair : null;
}

const note = "made at the first start";

async function addKey(
  fold: RegistryFold,
  pair: KeyPair,
  projectId: string,
  pepper: Buffer,
  at: number,
): Promise<string[]> {
  const key = apiKeyOf(pair, pepper, projectId, note, at);
  const { keysByPublicKey } = fold.registry;
  let held = keysByPublicKey.get(pair.publicKey);
  if (!held) {
    const outcome = await fold.submit({ type: "key-create", key }, by);
    if (outcome === "done") return [];
    // Another process may have been at the same.
    held = keysByPublicKey.get(pair.publicKey);
    if (!held) return ["The secret key of the settings belongs to another public key already."];
  }
  const same =
    held.secretDigest === key.secretDigest &&
    held.projectId === projectId &&
    held.revokedAt === null;
  if (same) return [];
  return [
    `The key ${pair.publicKey} of the settings exists with another secret or project, or is revoked: it is left as it is.`,
  ];
}
