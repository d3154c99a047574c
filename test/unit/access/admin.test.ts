import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { JWTPayload } from "jose";
import { afterEach, describe, expect, it } from "vitest";
import { createAdminSignIn, type SignIn } from "../../../src/access/admin.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { startIssuer, type TestIssuer } from "./token-issuer.ts";

const AUDIENCE = "api://admins";
const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0)) await each.stop();
});

interface Provider {
  readonly issuer: string;
  readonly keys: TestIssuer;
  /** What discovery answers. */
  answer: (response: ServerResponse) => void;
  discoveries: number;
  signIn(more?: { rolesClaim?: string; issuer?: string }): SignIn;
  sign(claims: JWTPayload): Promise<string>;
}

/** An OpenID provider: discovery in front of an issuer of tokens. */
async function startProvider(): Promise<Provider> {
  const keys = await startIssuer("ES256");
  const server = createServer((request, response) => {
    if (request.url !== "/realm/.well-known/openid-configuration") response.writeHead(404).end();
    else {
      provider.discoveries += 1;
      provider.answer(response);
    }
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}/realm`;
  running.push(keys, {
    stop: async () => {
      server.closeAllConnections();
      server.close();
    },
  });
  const provider: Provider = {
    issuer,
    keys,
    discoveries: 0,
    answer: (response) => response.end(JSON.stringify({ issuer, jwks_uri: keys.jwksUrl })),
    signIn: (more = {}) =>
      createAdminSignIn({
        issuer,
        audience: AUDIENCE,
        rolesClaim: "roles",
        foreignAudiences: ["api://consumers"],
        nameClaims: ["preferred_username"],
        log: createLogger({ level: "silent" }),
        ...more,
      }),
    sign: (claims) => keys.sign({ iss: issuer, aud: AUDIENCE, ...claims }),
  };
  return provider;
}

const ann = { preferred_username: "Ann@example.com" };

describe("admins' sign-in", () => {
  it("knows who it is, and the most that their roles give", async () => {
    const provider = await startProvider();
    const signIn = provider.signIn();
    for (const [roles, permission] of [
      [["portcullis.viewer"], "viewer"],
      [["operator"], "operator"],
      [["Portcullis.Admin", "viewer"], "admin"],
      ["viewer", "viewer"],
      [[], null],
      [undefined, null],
      [["portcullis", "portcullis.", "superadmin", "viewer ", "x.admin", 7], null],
      [{ viewer: true }, null],
    ])
      expect(await signIn(await provider.sign({ ...ann, roles }))).toEqual({
        ok: true,
        name: "user:Ann_example.com",
        permission,
      });
    expect(provider.discoveries).toBe(1);
  });

  it("reads roles where the configuration says they are", async () => {
    const provider = await startProvider();
    const claims = {
      ...ann,
      realm_access: { roles: ["operator"] },
      "https://example.com/roles": ["viewer"],
    };
    const token = await provider.sign(claims);
    const permission = async (rolesClaim: string) => {
      const known = await provider.signIn({ rolesClaim })(token);
      return known.ok ? known.permission : known.reason;
    };
    expect(await permission("realm_access.roles")).toBe("operator");
    expect(await permission("https://example.com/roles")).toBe("viewer");
    for (const claim of ["roles", "realm_access", "realm_access.roles.0.x", "constructor.name"])
      expect(await permission(claim)).toBeNull();
  });

  it("names a program that signed in by itself, and refuses a token that names nobody", async () => {
    const provider = await startProvider();
    const signIn = provider.signIn();
    expect(await signIn(await provider.sign({ azp: "reporting", roles: ["viewer"] }))).toEqual({
      ok: true,
      name: "app:reporting",
      permission: "viewer",
    });
    expect(await signIn(await provider.sign({ sub: "1", roles: ["admin"] }))).toEqual({
      ok: false,
      reason: "NAMELESS",
    });
  });

  it("refuses consumers' tokens, and tokens that are good for both", async () => {
    const provider = await startProvider();
    const signIn = provider.signIn();
    const refusal = async (claims: JWTPayload) => {
      const known = await signIn(await provider.sign({ ...ann, roles: ["admin"], ...claims }));
      return known.ok ? "signed in" : known.reason;
    };
    expect(await refusal({})).toBe("signed in");
    expect(await refusal({ aud: "api://consumers" })).toBe("AUDIENCE");
    expect(await refusal({ aud: [AUDIENCE, "api://consumers"] })).toBe("AUDIENCE");
    expect(await refusal({ iss: "https://issuer.test/" })).toBe("ISSUER");
    expect(await refusal({ exp: 1 })).toBe("EXPIRED");
  });

  it.each<[string, (response: ServerResponse, issuer: string) => void]>([
    ["an error", (response) => response.writeHead(500).end()],
    ["no JSON", (response) => response.end("<html>")],
    ["no keys", (response, issuer) => response.end(JSON.stringify({ issuer }))],
    [
      "another issuer",
      (response, issuer) =>
        response.end(JSON.stringify({ issuer: `${issuer}/`, jwks_uri: `${issuer}/keys` })),
    ],
    ["a redirect", (response) => response.writeHead(302, { location: "/x" }).end()],
  ])(
    "lets nobody in while discovery answers %s, and works when it is mended",
    async (_, broken) => {
      const provider = await startProvider();
      const { answer } = provider;
      provider.answer = (response) => broken(response, provider.issuer);
      const signIn = provider.signIn();
      const token = await provider.sign({ ...ann, roles: ["admin"] });
      const attempts = await Promise.all(Array.from({ length: 20 }, () => signIn(token)));
      for (const attempt of attempts)
        expect(attempt).toEqual({ ok: false, reason: "KEYS_UNAVAILABLE" });
      expect(await signIn(token)).toEqual({ ok: false, reason: "KEYS_UNAVAILABLE" });
      expect(provider.discoveries).toBe(1);
      provider.answer = answer;
      await expect.poll(async () => (await signIn(token)).ok, { timeout: 5_000 }).toBe(true);
    },
  );
});
