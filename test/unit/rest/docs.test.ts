import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createDocsRouter } from "../../../src/rest/docs.ts";
import { printedOpenApi } from "../../../src/rest/openapi.ts";
import { unknownRoute } from "../../../src/rest/problem.ts";

const BASE = "/datamesh.specificprovisioner";
const web = express();
web.use(createDocsRouter(BASE), unknownRoute);
const server = createServer(web);
let url: string;

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
});

const ask = (path: string, init?: RequestInit) => fetch(`${url}${path}`, init);

describe.each(["", BASE])("the description under %j", (prefix) => {
  it("is served as it is printed", async () => {
    const response = await ask(`${prefix}/openapi.json`);
    expect([response.status, response.headers.get("content-type")]).toEqual([
      200,
      "application/json; charset=utf-8",
    ]);
    expect(await response.json()).toEqual(JSON.parse(printedOpenApi()));
  });

  it("has a page whose files all come from here", async () => {
    const page = await ask(`${prefix}/docs`);
    expect([page.status, page.url]).toEqual([200, `${url}${prefix}/docs/`]);
    const html = await page.text();
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, file = ""]) => file);
    expect(files).toContain("swagger-ui-bundle.js");
    for (const file of files) {
      const response = await ask(`${prefix}/docs/${file}`);
      expect([file, response.status]).toEqual([file, 200]);
      const kind = { css: "text/css", js: "javascript", png: "image/png" }[
        file.split(".")[1] ?? ""
      ];
      expect(response.headers.get("content-type")).toContain(kind);
    }
  });
});

describe("the page", () => {
  it("runs no script but its files, and reaches nowhere else", async () => {
    const [html, script] = await Promise.all(
      ["/docs/", "/docs/page.js"].map(async (path) => (await ask(path)).text()),
    );
    expect(html).not.toMatch(/<script(?![^>]*\ssrc=)|\son\w+=|style=|javascript:/i);
    expect(`${html}${script}`).not.toMatch(/https?:|\/\//);
    // Unset, the page sends the document's address to a validator elsewhere.
    expect(script).toContain("validatorUrl: null");
    const policy = (await ask("/docs/")).headers.get("content-security-policy") ?? "";
    for (const rule of ["default-src 'none'", "script-src 'self'", "connect-src 'self'"])
      expect(policy.split("; ")).toContain(rule);
    expect(policy).not.toMatch(/unsafe-eval|script-src[^;]*unsafe|https?:|\*/);
  });

  it("shares nothing else of the package it is made of", async () => {
    for (const path of [
      "index.html",
      "package.json",
      "swagger-ui-bundle.js.map",
      "swagger-initializer.js",
      "..%2fpackage.json",
      "%2e%2e/express/package.json",
    ])
      expect([path, (await ask(`/docs/${path}`)).status]).toEqual([path, 404]);
  });

  it("is only read", async () => {
    for (const path of ["/openapi.json", "/docs", "/docs/", "/docs/page.js"]) {
      const refused = await ask(path, { method: "POST", body: "{}" });
      expect([path, refused.status, refused.headers.get("allow")]).toEqual([
        path,
        405,
        "GET, HEAD, OPTIONS",
      ]);
      expect((await ask(path, { method: "OPTIONS" })).status).toBe(204);
    }
    const head = await ask("/openapi.json", { method: "HEAD" });
    expect([head.status, await head.text()]).toEqual([200, ""]);
  });
});
