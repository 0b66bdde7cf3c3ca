import { describe, expect, it } from "vitest";

import { authenticate } from "./auth.ts";
import type { KeyInfo, KeyRing } from "./auth.ts";

const project: KeyInfo = {
  keyId: "pk-lf-1",
  project: { id: "p1", name: "One" },
  organization: { id: "o1", name: "Org" },
};
const organizationOnly: KeyInfo = { ...project, keyId: "pk-lf-org", project: null };

const keys: KeyRing = {
  bySecret: (secret) =>
    Promise.resolve({ "sk-lf-1": project, "sk-lf-org": organizationOnly }[secret] ?? null),
  byPublicKey: (publicKey) =>
    Promise.resolve({ "pk-lf-1": project, "pk-lf-org": organizationOnly }[publicKey] ?? null),
};

describe("write-api §1.7: a key pair in a Basic header", () => {
  it("acts for its project", async () => {
    expect(await authenticate(basic("pk-lf-1:sk-lf-1"), keys)).toEqual({
      ok: true,
      access: "project",
      project: { id: "p1", name: "One" },
      organization: { id: "o1", name: "Org" },
      keyId: "pk-lf-1",
    });
  });

  it("is known by its secret alone: another public half changes nothing (§6 #8)", async () => {
    expect(await authenticate(basic("pk-lf-other:sk-lf-1"), keys)).toMatchObject({
      ok: true,
      keyId: "pk-lf-1",
    });
  });

  it("ends at a second colon (§6 #7)", async () => {
    expect(await authenticate(basic("pk-lf-1:sk-lf-1:more"), keys)).toMatchObject({ ok: true });
  });

  it("acts for its organization when it has no project", async () => {
    expect(await authenticate(basic("pk-lf-org:sk-lf-org"), keys)).toMatchObject({
      ok: true,
      access: "organization",
      project: null,
    });
  });
});

describe("write-api §1.7: a public key in a Bearer header", () => {
  it("acts for its project, for scores only", async () => {
    expect(await authenticate("Bearer pk-lf-1", keys)).toMatchObject({
      ok: true,
      access: "scores",
      project: { id: "p1" },
    });
  });
});

describe("write-api §1.3, §6 #7: anything else is refused with 401", () => {
  const host = "Confirm that you've configured the correct host.";
  it.each([
    ["no header", undefined, "No authorization header"],
    ["an empty header", "", "Invalid authorization header"],
    ["another scheme", "Digest x", "Invalid authorization header"],
    ["a scheme in lower case", "basic cGs6c2s=", "Invalid authorization header"],
    ["a scheme in upper case", "BEARER pk-lf-1", "Invalid authorization header"],
    ["a scheme without a space", "Basic", "Invalid authorization header"],
    ["an empty credential", "Basic ", `Invalid authorization header. ${host}`],
    ["no user", basic(":sk-lf-1"), `Invalid authorization header. ${host}`],
    ["no password", basic("pk-lf-1:"), `Invalid authorization header. ${host}`],
    ["no colon", basic("sk-lf-1"), `Invalid authorization header. ${host}`],
    ["no base64", "Basic \u00ff%%%", `Invalid authorization header. ${host}`],
    ["an unknown secret", basic("pk-lf-1:sk-lf-2"), `Invalid credentials. ${host}`],
    ["an unknown public key", "Bearer pk-lf-2", `Invalid public key. ${host}`],
    ["an empty public key", "Bearer ", `Invalid public key. ${host}`],
    ["a secret key as the bearer", "Bearer sk-lf-1", `Invalid public key. ${host}`],
    [
      "an organization's public key",
      "Bearer pk-lf-org",
      `Unauthorized: Cannot use organization key with bearer auth. ${host}`,
    ],
  ])("%s", async (_what, header, message) => {
    expect(await authenticate(header, keys)).toEqual({ ok: false, status: 401, message });
  });
});

it("a key ring that cannot tell is a 503, not a refusal", async () => {
  const cause = new Error("no keys now");
  const broken = (): Promise<never> => Promise.reject(cause);
  const down = { bySecret: broken, byPublicKey: broken };
  await expect(authenticate(basic("a:b"), down)).rejects.toMatchObject({ status: 503, cause });
});

function basic(credential: string): string {
  return `Basic ${Buffer.from(credential).toString("base64")}`;
}
