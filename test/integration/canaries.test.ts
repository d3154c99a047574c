/** Secrets are birds that must not sing: they are followed through every answer and every log line. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type App, startApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { sandboxEnvironment } from "../../src/sandbox/environment.ts";
import { example } from "../support/plane.ts";
import { startTestSandbox, type TestSandbox } from "../support/sandbox.ts";

const WITBOOST_TOKEN = "canary-witboost-token-0123456789";
const ADMIN_SECRET = "sandbox-admin-secret";

let sandbox: TestSandbox;
let app: App;
const lines: string[] = [];
const answers: string[] = [];

beforeAll(async () => {
  sandbox = await startTestSandbox();
  const environment = { ...sandboxEnvironment(sandbox), WITBOOST_TOKEN, PORT: "0" };
  const config = readConfig({ ...environment, OPERATION_DEADLINE: "2", HASURA_TIMEOUT: "1" });
  const log = createLogger(
    { level: "debug", secrets: config.secrets },
    { write: (line) => void lines.push(line) },
  );
  app = await startApp(config, log);
  sandbox.setAuthHook(`${app.urls.webhook}/v1/authenticate`);
});
afterAll(async () => {
  await app?.stop();
  await sandbox?.stop();
});

async function send(
  path: string,
  body: unknown,
  headers: Record<string, string> = {},
): Promise<string> {
  const authorization = `Bearer ${WITBOOST_TOKEN}`;
  const response = await fetch(`${app.urls.rest}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json", authorization, ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
  const text = await response.text();
  answers.push(text, JSON.stringify([...response.headers]));
  return text;
}

const provisioning = (descriptor: string) => ({
  descriptorKind: "COMPONENT_DESCRIPTOR",
  descriptor,
});

async function sandboxToken(user: string): Promise<string> {
  const answer = await fetch(`${sandbox.url}/sandbox/token?user=${user}`);
  return ((await answer.json()) as { token: string }).token;
}

describe("what is secret", () => {
  it("is in no answer and no log line, whatever goes wrong", async () => {
    const vaccinations = await example("vaccinations");
    const token = await sandboxToken("alice@example.com");
    const fault = (body: unknown) =>
      fetch(`${sandbox.url}/sandbox/faults`, { method: "POST", body: JSON.stringify(body) });
    const leak = {
      code: "unexpected",
      path: "$",
      error: `password=${sandbox.snowflakePassword} ${ADMIN_SECRET}`,
    };

    await send("/v1/provision", provisioning(vaccinations));
    await send("/v1/validate", provisioning(vaccinations.replace("HEALTHCARE", "X&password=y")));
    await send("/v1/provision", "{not json");
    await send("/v1/provision", provisioning("\tdataProduct: {"));
    await send("/v1/provision", provisioning(vaccinations), { authorization: `bearer ${token}` });
    await send("/v1/updateacl", {
      refs: ["user:alice_example.com"],
      provisionInfo: { request: vaccinations, result: "" },
    });
    await send("/v1/authenticate", {
      headers: { Authorization: `bearer ${token}x` },
      request: null,
    });
    await send("/v1/authenticate", {
      headers: { Authorization: `Bearer ${token}` },
      request: { query: "{ x }" },
    });
    await fault({ match: "bulk", times: 1, action: "status", status: 400, body: leak });
    await send("/v1/provision", provisioning(await example("vaccinations-changed")));
    await fault({ match: "/v1/metadata", times: 100, action: "status", status: 500, body: leak });
    await send("/v1/unprovision", provisioning(vaccinations));
    await fault({ match: "login-request", times: 5, action: "status", status: 403, body: leak });
    await send("/v1/provision", provisioning(await example("trips")));
    await send("/graphql", {
      query:
        "{ outputPorts { edges { node { operations { edges { node { result logs { message } plan { text steps { before after } } } } } } } } sources { edges { node { name } } } hasura { message url } }",
    });
    await send("/graphql", { query: "{ nope(" });

    const everything = [...answers, ...lines].join("\n");
    expect(lines.length).toBeGreaterThan(5);
    expect(answers.join("")).toContain("outputPorts");
    const databasePassword = new URL(sandbox.databaseUrl).password;
    for (const secret of [
      sandbox.snowflakePassword,
      ADMIN_SECRET,
      WITBOOST_TOKEN,
      databasePassword,
      token,
    ])
      expect(everything.includes(secret), `${secret} is told`).toBe(false);
  });

  it("nor is SQL or a stack in any answer", () => {
    const answered = answers.join("\n");
    expect(answered).not.toMatch(/\bSELECT\b.*\bFROM\b|\bINSERT INTO\b|\bUPDATE\b.*\bSET\b/);
    expect(answered).not.toMatch(/\n?\s+at .*\.(ts|js):\d+/);
    expect(answered).not.toMatch(/node_modules|PrismaClient/);
  });
});
