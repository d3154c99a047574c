import { request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type App, startApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { sandboxEnvironment } from "../../src/sandbox/environment.ts";
import { ADMIN_AUDIENCE, ADMIN_ISSUER_PATH } from "../../src/sandbox/tokens.ts";
import { example } from "../support/plane.ts";
import { startTestSandbox, type TestSandbox } from "../support/sandbox.ts";

let sandbox: TestSandbox;
let app: App;

beforeAll(async () => {
  sandbox = await startTestSandbox();
  const config = readConfig({
    ...sandboxEnvironment(sandbox),
    PORT: "0",
    ADMIN_OIDC_ISSUER: `${sandbox.url}${ADMIN_ISSUER_PATH}`,
    ADMIN_AUDIENCE,
  });
  app = await startApp(config, createLogger({ level: "silent" }));
});
afterAll(async () => {
  await app?.stop();
  await sandbox?.stop();
});

async function token(query: string): Promise<string> {
  const answer = await fetch(`${sandbox.url}/sandbox/token?${query}`);
  return ((await answer.json()) as { token: string }).token;
}
const admin = (roles: string, more = "") =>
  token(`user=Root@example.com&audience=admin&roles=${roles}${more}`);

interface Answer {
  readonly data?: Record<string, unknown> | null;
  readonly errors?: { message: string; extensions: { code: string } }[];
}

async function ask(query: string, authorization?: string, variables: object = {}) {
  const response = await fetch(`${app.urls.admin}/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      ...(authorization === undefined ? {} : { authorization }),
    },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as Answer;
}
const codeOf = ({ errors }: Answer) => errors?.[0]?.extensions.code;

const ME = "{ me { name kind permission } }";
const PROVISION =
  "mutation ($descriptor: String!) { provisionOutputPort(input: { descriptor: $descriptor }) { token } }";

describe("the admin face with an identity provider", () => {
  it("answers who somebody is by their token, also on loopback", async () => {
    expect(await ask(ME, `Bearer ${await admin("operator")}`)).toEqual({
      data: { me: { name: "user:Root_example.com", kind: "ADMIN", permission: "OPERATOR" } },
    });
  });

  it("asks the nameless to sign in, and gives those without a role nothing", async () => {
    const PORTS = "{ outputPorts { totalCount } }";
    expect(codeOf(await ask(PORTS))).toBe("UNAUTHENTICATED");
    expect(codeOf(await ask(ME))).toBe("UNAUTHENTICATED");
    const none = `Bearer ${await admin("")}`;
    expect(codeOf(await ask(PORTS, none))).toBe("FORBIDDEN");
    expect(codeOf(await ask(ME, none))).toBe("FORBIDDEN");
    const node = '{ node(id: "T3V0cHV0UG9ydDp4") { id } }';
    expect(codeOf(await ask(node, none))).toBe("FORBIDDEN");
  });

  it("lets a viewer see, and only an operator change, whose name the operation records", async () => {
    const descriptor = await example("vaccinations");
    const viewer = `Bearer ${await admin("portcullis.viewer")}`;
    expect(codeOf(await ask(PROVISION, viewer, { descriptor }))).toBe("FORBIDDEN");
    const operator = `Bearer ${await admin("portcullis.operator")}`;
    await ask(PROVISION, operator, { descriptor });
    const seen = await ask("{ operations { edges { node { actor } } } }", viewer);
    expect(seen.data).toEqual({
      operations: { edges: [{ node: { actor: "user:Root_example.com" } }] },
    });
  });

  it("lets a viewer have a subject's access explained, and only an operator show somebody's token", async () => {
    const query = `query ($input: ExplainAccessInput!) { explainAccess(input: $input) { reason identity { userId } } }`;
    const viewer = `Bearer ${await admin("viewer")}`;
    const subject = await ask(query, viewer, { input: { subject: "user:ann" } });
    expect(subject.data).toEqual({
      explainAccess: { reason: "NO_GRANT", identity: { userId: "user:ann" } },
    });
    const input = { token: await token("user=ann@example.com") };
    expect(codeOf(await ask(query, viewer, { input }))).toBe("FORBIDDEN");
    const operator = `Bearer ${await admin("operator")}`;
    expect((await ask(query, operator, { input })).data).toEqual({
      explainAccess: { reason: "NO_GRANT", identity: { userId: "user:ann_example.com" } },
    });
    // An admin's own token is no consumer's.
    const own = { token: await admin("operator") };
    expect((await ask(query, operator, { input: own })).data).toEqual({
      explainAccess: { reason: "TOKEN_REFUSED", identity: null },
    });
  });

  it("lets only an operator change access", async () => {
    const viewer = `Bearer ${await admin("viewer")}`;
    for (const field of [
      'grantAccess(input: { componentId: "x", subject: "user:a", reason: "x" })',
      'revokeAccess(input: { componentId: "x", subject: "user:a", reason: "x" })',
      'block(input: { subject: "user:a", reason: "x" })',
      'unblock(input: { subject: "user:a", reason: "x" })',
    ])
      expect(codeOf(await ask(`mutation { ${field} { token } }`, viewer))).toBe("FORBIDDEN");
  });

  it("refuses a token that is not an admin's, and says why", async () => {
    const refusal = async (authorization: string) => {
      const { errors, data } = await ask(ME, authorization);
      expect(data ?? null).toBeNull();
      expect(errors?.[0]?.extensions.code).toBe("UNAUTHENTICATED");
      return errors?.[0]?.message;
    };
    expect(await refusal(`Bearer ${await token("user=root@example.com")}`)).toContain(
      "another issuer",
    );
    expect(await refusal(`Bearer ${await admin("admin", "&expiresIn=-60")}`)).toContain("expired");
    expect(await refusal(`Bearer ${await admin("admin")}x`)).toContain("signature");
    expect(await refusal("Bearer x")).toContain("not one");
    expect(await refusal("Basic cm9vdDpyb290")).toContain("Bearer");
    expect(await refusal(`Bearer ${await admin("admin")}, Bearer x`)).toContain("one token");
  });

  it("refuses a request with two tokens", async () => {
    const good = `Bearer ${await admin("admin")}`;
    const status = await new Promise((resolve, reject) => {
      const sent = httpRequest(`${app.urls.admin}/graphql?query={__typename}`, {
        headers: ["host", "localhost", "authorization", good, "authorization", "Bearer x"],
      });
      sent.on("response", (response) => resolve(response.resume().statusCode));
      sent.on("error", reject);
      sent.end();
    });
    expect(status).toBe(400);
  });

  it("opens nothing of the other zones with an admin's token, nor this one with theirs", async () => {
    const authorization = `Bearer ${await admin("admin")}`;
    const hook = await fetch(`${app.urls.webhook}/v1/authenticate`, { headers: { authorization } });
    expect([hook.status, await hook.json()]).toEqual([401, { reason: "TOKEN_REFUSED" }]);
    const consumer = `Bearer ${await token("user=root@example.com&groups=admin")}`;
    expect(codeOf(await ask(ME, consumer))).toBe("UNAUTHENTICATED");
  });
});
