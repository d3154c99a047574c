import { mkdtemp, readdir, rm, stat } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createRemoteJWKSet, decodeJwt, errors, jwtVerify } from "jose";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { openTokenIssuer } from "../../../src/sandbox/tokens.ts";

let folder: string;
let url: string;
const server = createServer((request, response) => {
  // A new one each time, as after a restart.
  openTokenIssuer(folder)
    .then((issuer) => issuer.handle(request, response))
    .then((done) => done || response.writeHead(404).end())
    .catch(() => response.writeHead(500).end());
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-tokens-"));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await rm(folder, { recursive: true, force: true });
});

async function token(query: string): Promise<string> {
  const answer = await fetch(`${url}/sandbox/token?${query}`);
  expect(answer.status).toBe(200);
  return z.object({ token: z.string() }).parse(await answer.json()).token;
}

async function verify(text: string) {
  return await jwtVerify(text, createRemoteJWKSet(new URL(`${url}/sandbox/jwks`)), {
    issuer: "portcullis-sandbox",
    audience: "portcullis-sandbox",
    algorithms: ["RS256"],
  });
}

describe("the token issuer", () => {
  it("makes one key of several processes that start at once, for its owner only", async () => {
    const issuers = await Promise.all([1, 2, 3, 4].map(() => openTokenIssuer(folder)));
    const keys = new Set(issuers.map((issuer) => JSON.stringify(issuer.jwks())));
    expect(keys.size).toBe(1);
    expect(await readdir(folder)).toEqual(["sandbox-token-key.json"]);
    expect((await stat(join(folder, "sandbox-token-key.json"))).mode & 0o777).toBe(0o600);
  });

  it("issues tokens that verify against its keys and say who it is, in which groups, for an hour", async () => {
    const { payload, protectedHeader } = await verify(
      await token("user=alice@example.com&groups=a,%20b"),
    );
    const now = Math.floor(Date.now() / 1000);
    expect(payload).toMatchObject({
      sub: "alice@example.com",
      preferred_username: "alice@example.com",
      unique_name: "alice@example.com",
      groups: ["a", "b"],
    });
    expect(payload.exp).toBeGreaterThan(now + 3590);
    expect(payload.exp).toBeLessThan(now + 3610);
    expect(payload.iat).toBeLessThanOrEqual(now);
    expect(payload.nbf).toBeLessThanOrEqual(now);
    expect(protectedHeader).toMatchObject({ alg: "RS256", kid: expect.any(String) });
  });

  it("issues tokens without groups, and tokens that end when asked", async () => {
    const { payload } = await verify(await token("user=bob&expiresIn=60"));
    expect(payload.groups).toEqual([]);
    expect(payload.exp).toBeLessThan(Math.floor(Date.now() / 1000) + 70);
    const expired = await token("user=bob&groups=&expiresIn=-60");
    await expect(verify(expired)).rejects.toBeInstanceOf(errors.JWTExpired);
    const { iat = 0, exp = 0 } = decodeJwt(expired);
    expect(exp - iat).toBe(3600);
  });

  it("issues admins' tokens of another issuer, which is found by discovery, with the roles asked for", async () => {
    const issuer = `${url}/sandbox/admins`;
    const found: unknown = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
    expect(found).toEqual({ issuer, jwks_uri: `${url}/sandbox/jwks` });
    const text = await token("user=root@example.com&audience=admin&roles=viewer,operator");
    const { payload } = await jwtVerify(text, createRemoteJWKSet(new URL(`${url}/sandbox/jwks`)), {
      issuer,
      audience: "portcullis-sandbox-admins",
      algorithms: ["RS256"],
    });
    expect(payload.roles).toEqual(["viewer", "operator"]);
    await expect(verify(text)).rejects.toBeInstanceOf(errors.JWTClaimValidationFailed);
  });

  it("publishes no private part of its key", async () => {
    const keys: unknown = await (await fetch(`${url}/sandbox/jwks`)).json();
    expect(keys).toEqual({
      keys: [
        {
          kty: "RSA",
          n: expect.any(String),
          e: "AQAB",
          kid: expect.any(String),
          alg: "RS256",
          use: "sig",
        },
      ],
    });
  });

  it.each([
    ["no user", "groups=a", "user"],
    ["an empty user", "user=%20", "user"],
    ["an empty group", "user=bob&groups=a,,b", "groups.1"],
    ["a lifetime that is no number", "user=bob&expiresIn=soon", "expiresIn"],
    ["a lifetime of years", "user=bob&expiresIn=99999999", "expiresIn"],
    ["an audience it does not know", "user=bob&audience=all", "audience"],
    ["something it does not know", "user=bob&group=a", ""],
  ])("answers 400 with the fault for %s", async (_name, query, path) => {
    const answer = await fetch(`${url}/sandbox/token?${query}`);
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({
      problems: [{ path, message: expect.any(String) }],
    });
  });

  it("takes GET only", async () => {
    const answer = await fetch(`${url}/sandbox/token?user=bob`, { method: "POST" });
    expect([answer.status, answer.headers.get("allow")]).toEqual([405, "GET"]);
  });
});
