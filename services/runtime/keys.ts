import { createHmac, randomBytes, randomUUID } from "node:crypto";
import { mkdir, open, readFile } from "node:fs/promises";
import path from "node:path";
import type { ApiKey } from "../../schemas/registry.ts";
import type { KeyInfo, KeyRing } from "./auth.ts";
import type { Config } from "./config.ts";
import type { RegistryFold } from "./registry.ts";

export interface KeyPair {
  readonly publicKey: string;
  readonly secretKey: string;
}

/** A new pair in Langfuse's form. */
export function makeKeyPair(): KeyPair {
  return { publicKey: `pk-lf-${randomUUID()}`, secretKey: `sk-lf-${randomUUID()}` };
}

/**
 * What is kept of a secret: HMAC-SHA256 under the pepper, hex. Secrets are 122 random bits, so a fast hash is the
 * right one, and looking a digest up in a map tells an attacker nothing that helps without the pepper.
 */
function digestSecret(pepper: Buffer, secret: string): string {
  return createHmac("sha256", pepper).update(secret).digest("hex");
}

/** The registry's entry for a pair; the secret itself is not in it. */
export function apiKeyOf(
  pair: KeyPair,
  pepper: Buffer,
  projectId: string,
  note: string | null,
  at: number,
): ApiKey {
  return {
    publicKey: pair.publicKey,
    secretDigest: digestSecret(pepper, pair.secretKey),
    displaySecretKey: `${pair.secretKey.slice(0, 6)}...${pair.secretKey.slice(-4)}`,
    projectId,
    note,
    createdAt: at,
    revokedAt: null,
  };
}

/**
 * The pepper of processes that share a registry: the one of the settings, else that of their data directory. None is
 * made here, for another process would not know it.
 */
export async function sharedPepper({
  keyPepper,
  dataDir,
}: Pick<Config, "keyPepper" | "dataDir">): Promise<Buffer> {
  if (keyPepper) return keyPepper;
  const file = path.resolve(dataDir, "secrets", "pepper");
  try {
    return await readPepper(file);
  } catch (error) {
    if (!isCode(error, "ENOENT")) throw error;
    const advice =
      "set it to the same 32 random bytes for every gateway and query process (openssl rand -hex 32)";
    throw new Error(`SLUICE_KEY_PEPPER is not set and ${file} does not exist: ${advice}`, {
      cause: error,
    });
  }
}

/** The pepper of a data directory, made on first use; only its owner may read it. */
export async function loadPepper(directory: string): Promise<Buffer> {
  const file = path.join(directory, "pepper");
  await mkdir(directory, { recursive: true, mode: 0o700 });
  try {
    const handle = await open(file, "wx", 0o600);
    try {
      await handle.writeFile(randomBytes(32));
      await handle.sync();
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (!isCode(error, "EEXIST")) throw error;
  }
  return await readPepper(file);
}

async function readPepper(file: string): Promise<Buffer> {
  const pepper = await readFile(file);
  if (pepper.length !== 32)
    throw new Error(`${file} is not a pepper of 32 bytes: restore it from a backup`);
  return pepper;
}

function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && "code" in error && error.code === code;
}

/** Finds keys in the registry; an unknown one is looked for again after the fold has reached the stream's end. */
export function keyRing(fold: RegistryFold, pepper: Buffer): KeyRing {
  function infoOf(key: ApiKey | undefined): KeyInfo | null {
    if (!key || key.revokedAt !== null) return null;
    const project = fold.registry.projects.get(key.projectId);
    const organization = project && fold.registry.organizations.get(project.organizationId);
    if (!project || !organization) return null;
    return {
      keyId: key.publicKey,
      project: { id: project.id, name: project.name },
      organization: { id: organization.id, name: organization.name },
    };
  }

  async function find(look: () => ApiKey | undefined): Promise<KeyInfo | null> {
    const known = look();
    if (known) return infoOf(known);
    await fold.caughtUp();
    return infoOf(look());
  }

  return {
    bySecret: (secret) => {
      const digest = digestSecret(pepper, secret);
      return find(() => fold.registry.keysBySecretDigest.get(digest));
    },
    byPublicKey: (publicKey) => find(() => fold.registry.keysByPublicKey.get(publicKey)),
  };
}
