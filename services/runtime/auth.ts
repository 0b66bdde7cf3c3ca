import { unavailable } from "../../schemas/errors.ts";

/** What a key stands for. A key of an organization alone has no project. */
export interface KeyInfo {
  /** The public key. */
  readonly keyId: string;
  readonly project: Named | null;
  readonly organization: Named;
}

export interface Named {
  readonly id: string;
  readonly name: string;
}

/** Where keys are looked up. Rejects when it cannot tell; null means that there is no such key, or no longer. */
export interface KeyRing {
  bySecret(secret: string): Promise<KeyInfo | null>;
  byPublicKey(publicKey: string): Promise<KeyInfo | null>;
}

export type Authentication =
  | (Caller & { readonly ok: true })
  | { readonly ok: false; readonly status: 401; readonly message: string };

/**
 * Who is calling. `project`: a key pair. `scores`: a public key alone, which may write scores and nothing else.
 * `organization`: a key pair without a project.
 */
export type Caller = ProjectCaller | OrganizationCaller;

export interface ProjectCaller {
  readonly access: "project" | "scores";
  readonly project: Named;
  readonly organization: Named;
  readonly keyId: string;
}

export interface OrganizationCaller {
  readonly access: "organization";
  readonly project: null;
  readonly organization: Named;
  readonly keyId: string;
}

/**
 * Reads an `Authorization` header: `Basic base64(public:secret)` or `Bearer public`, both case-sensitive (write-api
 * §1.3, §1.7). The secret alone identifies a pair; the public half must be there but is not compared.
 * Throws a 503 ApiError when the key ring cannot tell.
 */
export async function authenticate(
  header: string | undefined,
  keys: KeyRing,
): Promise<Authentication> {
  if (header === undefined) return refusal("No authorization header");
  try {
    if (header.startsWith("Basic ")) return await basic(header.slice("Basic ".length), keys);
    if (header.startsWith("Bearer ")) return await bearer(header.slice("Bearer ".length), keys);
  } catch (cause) {
    throw unavailable("Keys cannot be checked now. Try again.", 1, { cause });
  }
  return refusal("Invalid authorization header");
}

async function basic(credential: string, keys: KeyRing): Promise<Authentication> {
  // Anything behind a second colon is not part of the secret: a fact of the contract.
  const [user, secret] = Buffer.from(credential, "base64").toString("utf8").split(":", 2);
  if (!user || !secret) return refusal(`Invalid authorization header. ${checkHost}`);
  const info = await keys.bySecret(secret);
  if (info === null) return refusal(`Invalid credentials. ${checkHost}`);
  return admitted(info, "project");
}

async function bearer(publicKey: string, keys: KeyRing): Promise<Authentication> {
  const info = publicKey === "" ? null : await keys.byPublicKey(publicKey);
  if (info === null) return refusal(`Invalid public key. ${checkHost}`);
  if (info.project === null) {
    return refusal(`Unauthorized: Cannot use organization key with bearer auth. ${checkHost}`);
  }
  return admitted(info, "scores");
}

function admitted(info: KeyInfo, access: "project" | "scores"): Authentication {
  const { keyId, project, organization } = info;
  return project === null
    ? { ok: true, access: "organization", project, organization, keyId }
    : { ok: true, access, project, organization, keyId };
}

const checkHost = "Confirm that you've configured the correct host.";

function refusal(message: string): Authentication {
  return { ok: false, status: 401, message };
}
