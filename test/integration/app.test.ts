import { request } from "node:http";
import { afterEach, describe, expect, it } from "vitest";
import { type App, startApp } from "../../src/app.ts";
import { readConfig } from "../../src/config.ts";
import { createLogger } from "../../src/observability/logger.ts";
import { sandboxEnvironment } from "../../src/sandbox/environment.ts";
import { startTestSandbox, type TestSandbox } from "../support/sandbox.ts";

const running: { stop(): Promise<void> }[] = [];
afterEach(async () => {
  for (const each of running.splice(0).reverse()) await each.stop();
});

async function serve(
  settings: Record<string, string>,
): Promise<{ app: App; sandbox: TestSandbox }> {
  const sandbox = await startTestSandbox();
  running.push(sandbox);
  const config = readConfig({ ...sandboxEnvironment(sandbox), PORT: "0", ...settings });
  const app = await startApp(config, createLogger({ level: "silent" }));
  running.push(app);
  return { app, sandbox };
}

const status = async (url: string, init?: RequestInit) => (await fetch(url, init)).status;

/** A request whose Host header says another name than the one it goes to. */
function statusWithHost(url: string, host: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { method: "POST", headers: { host } }, (response) => {
      response.resume();
      resolve(response.statusCode ?? 0);
    });
    sent.on("error", reject);
    sent.end();
  });
}

describe("the faces of a process", () => {
  it("share one address on loopback", async () => {
    const { app } = await serve({});
    expect(new Set(Object.values(app.urls)).size).toBe(1);
    expect(await status(`${app.urls.rest}/graphql?query={__typename}`)).toBe(200);
    expect(await status(`${app.urls.rest}/v1/authenticate`, { method: "POST" })).toBe(401);
    expect(await status(`${app.urls.rest}/nothing/here`)).toBe(404);
  });

  it("answer only what is theirs", async () => {
    const { app } = await serve({ FACES: "webhook" });
    const url = app.urls.webhook ?? "";
    expect(await status(`${url}/v1/authenticate`, { method: "POST" })).toBe(401);
    expect(await status(`${url}/v1/validate`, { method: "POST" })).toBe(404);
    expect(await status(`${url}/graphql?query={__typename}`)).toBe(404);
    expect(await status(`${url}/v1/roles/x`)).toBe(401);
    const { app: other } = await serve({ FACES: "rest,admin" });
    for (const path of ["/v1/authenticate", "/v1/roles/x", "/v1/health"])
      expect(await status(`${other.urls.rest}${path}`)).toBe(404);
  });

  it("do not answer a name that was made to lead to this machine", async () => {
    const { app } = await serve({});
    for (const path of ["/graphql", "/v1/validate"]) {
      expect(await statusWithHost(`${app.urls.rest}${path}`, "evil.example.com")).toBe(403);
      expect(await statusWithHost(`${app.urls.rest}${path}`, "localhost:1")).not.toBe(403);
    }
  });

  it("are ready once they can work, and a process lives that only works", async () => {
    const { app } = await serve({});
    await expect.poll(() => status(`${app.urls.rest}/readyz`), { timeout: 5_000 }).toBe(200);
    expect(await status(`${app.urls.rest}/healthz`)).toBe(200);
    const worker = await serve({ FACES: "worker" });
    expect(await status(`${worker.app.urls.rest}/healthz`)).toBe(200);
    expect(await status(`${worker.app.urls.rest}/v1/validate`, { method: "POST" })).toBe(404);
  });
});
