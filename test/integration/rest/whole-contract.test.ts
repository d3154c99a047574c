/** What the contract has beside the life of a port: thorough validation, methods, versions, and what comes later. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { differences } from "../../contract/witboost-shapes.ts";
import { example } from "../../support/plane.ts";
import { type FrontDoor, startFrontDoor } from "./front-door.ts";
import type { Reply } from "./rest-face.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const BASE = "/datamesh.specificprovisioner";
const UNKNOWN = "7f1c6a52-9f0e-4a3e-8a2b-2f4f6f0f6a11";

let door: FrontDoor;
let descriptor: string;

beforeAll(async () => {
  descriptor = await example("vaccinations");
  door = await startFrontDoor({ BASE_PATH: BASE, OPERATION_DEADLINE: "2" });
});
afterAll(() => door?.stop());

const asked = (changes: object = {}) => ({
  descriptorKind: "COMPONENT_DESCRIPTOR",
  descriptor,
  removeData: false,
  ...changes,
});

function expectRefusal(reply: Reply, field: string | undefined, status = 400): void {
  expect([reply.status, reply.type], reply.text).toEqual([
    status,
    "application/json; charset=utf-8",
  ]);
  expect(differences("RequestValidationError", reply.json)).toEqual([]);
  expect(reply.json?.inputErrorField, reply.text).toBe(field);
}

function expectToken(reply: Reply): string {
  expect([reply.status, reply.type], reply.text).toEqual([202, "text/plain; charset=utf-8"]);
  expect(reply.text).toMatch(UUID);
  return reply.text;
}

interface ValidationStatus {
  readonly status: string;
  readonly info?: { publicInfo: { valid: boolean; error?: { errors: string[] } } };
}

async function validated(body: unknown, prefix = ""): Promise<ValidationStatus> {
  const token = expectToken(await door.post(`${prefix}/v2/validate`, body));
  let last: Reply | undefined;
  await expect
    .poll(
      async () => {
        last = await door.get(`${prefix}/v2/validate/${token}/status`);
        expect(last.status).toBe(200);
        expect(differences("ValidationStatus", last.json)).toEqual([]);
        if (last.json?.status === "RUNNING") expect(last.json).toEqual({ status: "RUNNING" });
        return last.json?.status;
      },
      { timeout: 10_000, interval: 10 },
    )
    .not.toBe("RUNNING");
  return last?.json as unknown as ValidationStatus;
}

const fault = (body: object) =>
  fetch(`${door.sandbox.url}/sandbox/faults`, { method: "POST", body: JSON.stringify(body) });
const clearFaults = () => fetch(`${door.sandbox.url}/sandbox/faults`, { method: "DELETE" });

describe("a thorough validation", () => {
  it("always answers a token, and then that the descriptor is valid", async () => {
    const before = await door.traces();
    const status = await validated(asked());
    expect(status).toEqual({ status: "COMPLETED", info: { publicInfo: { valid: true } } });
    expect(await door.traces()).toEqual(before);
  });

  it("is COMPLETED with every fault for an invalid descriptor, as the quick check has them", async () => {
    const faulty = descriptor
      .replace(/select: \S+/, "select: 1x")
      .replace(/dependsOn:[^[]*?\n {6}platform: Hasura/, "dependsOn: []\n      platform: Hasura");
    const quick = await door.post("/v1/validate", asked({ descriptor: faulty }));
    const { error } = quick.json as { error: { errors: string[] } };
    expect(error.errors).toHaveLength(2);
    expect(await validated(asked({ descriptor: faulty }))).toEqual({
      status: "COMPLETED",
      info: { publicInfo: { valid: false, error } },
    });
  });

  it("is COMPLETED, too, for what is unreadable or describes no single component", async () => {
    for (const body of [
      asked({ descriptor: "" }),
      asked({ descriptor: "\tnot: [yaml" }),
      asked({ descriptor: "a\u0000b" }),
      asked({ descriptor: "half \ud83d of a character" }),
      asked({ descriptorKind: "DATAPRODUCT_DESCRIPTOR" }),
    ]) {
      const quick = await door.post("/v1/validate", body);
      expect(await validated(body)).toEqual({
        status: "COMPLETED",
        info: { publicInfo: quick.json },
      });
      expect(quick.json?.valid).toBe(false);
    }
  });

  it("looks into the source, which the quick check does not", async () => {
    const missing = asked({ descriptor: descriptor.replaceAll("_CLEAN_VIEW", "_CLEANED_VIEW") });
    expect((await door.post("/v1/validate", missing)).json).toEqual({ valid: true });
    const { status, info } = await validated(missing);
    expect([status, info?.publicInfo.valid]).toEqual(["COMPLETED", false]);
    expect(info?.publicInfo.error?.errors.join()).toContain("VACCINATIONS_CLEANED_VIEW");
  });

  it("is FAILED, with the cause, only when the check itself did not succeed", async () => {
    const body = { success: false, code: "000604", message: "cancelled", data: null };
    await fault({ match: "/queries/v1", times: 1000, action: "status", status: 200, body });
    const { status, info } = await validated(asked());
    await clearFaults();
    expect(status).toBe("FAILED");
    expect(info?.publicInfo.error?.errors.join()).toContain("Snowflake could not answer");
  });

  it("takes the older body, which is the descriptor alone", async () => {
    expect((await validated({ descriptor })).info?.publicInfo).toEqual({ valid: true });
    expect((await validated(asked(), BASE)).info?.publicInfo).toEqual({ valid: true });
  });

  it("refuses at once only what is no request of the contract", async () => {
    for (const [body, field] of [
      ["{", undefined],
      [[], undefined],
      [{}, "descriptor"],
      [{ descriptor: 7 }, "descriptor"],
      [asked({ descriptor: null }), "descriptor"],
      [asked({ descriptorKind: "SOMETHING" }), "descriptorKind"],
      [asked({ descriptorKind: 1 }), "descriptorKind"],
      [asked({ removeData: "yes" }), "removeData"],
    ] as const)
      expectRefusal(await door.post("/v2/validate", body), field);
    const large = asked({ descriptor: `# ${"x".repeat(1024 * 1024)}` });
    expectRefusal(await door.post("/v2/validate", large), "descriptor", 413);
  });
});

describe("reverse provisioning", () => {
  const body = { useCaseTemplateId: "urn:dmb:utm:x:0.0.0", environment: "production" };

  it("is not available yet, and says so once the body is right", async () => {
    for (const right of [
      body,
      { ...body, params: { a: 1 }, catalogInfo: { spec: {} }, other: true },
      { ...body, params: null, catalogInfo: null },
    ]) {
      const reply = await door.post("/v1/reverse-provisioning", right);
      expectRefusal(reply, undefined);
      expect(reply.json?.userMessage).toContain("not available yet");
    }
    for (const [wrong, field] of [
      [{}, "useCaseTemplateId"],
      [{ ...body, environment: undefined }, "environment"],
      [{ ...body, environment: ["production"] }, "environment"],
      [{ ...body, params: [] }, "params"],
      [{ ...body, catalogInfo: "kind: Component" }, "catalogInfo"],
    ] as const)
      expectRefusal(await door.post("/v1/reverse-provisioning", wrong), field);
  });
});

describe("the description of these routes", () => {
  it("is served beside them, as a document and as a page", async () => {
    for (const prefix of ["", BASE]) {
      const { json } = await door.get(`${prefix}/openapi.json`);
      expect(Object.keys(json?.paths as object)).toHaveLength(9);
      const page = await door.get(`${prefix}/docs/`);
      expect([page.status, page.type]).toEqual([200, "text/html; charset=utf-8"]);
    }
  });
});

describe("a token", () => {
  it("is known on its own status route only, and the others say which that is", async () => {
    const validation = expectToken(await door.post("/v2/validate", asked()));
    const unprovisioned = await door.post("/v1/unprovision", asked());
    expect(unprovisioned.json?.status).toBe("COMPLETED");
    const { token: teardown } = await door.db.operation.findFirstOrThrow({
      where: { kind: "UNPROVISION" },
    });
    for (const [token, right, wrong] of [
      [validation, "/v2/validate", ["/v1/provision", "/v1/reverse-provisioning"]],
      [teardown, "/v1/provision", ["/v2/validate", "/v1/reverse-provisioning"]],
    ] as const) {
      for (const quotes of ["", "%22"])
        expect((await door.get(`${right}/${quotes}${token}${quotes}/status`)).status).toBe(200);
      for (const path of wrong) {
        const refused = await door.get(`${path}/${token}/status`);
        expectRefusal(refused, "token");
        expect(refused.text).toContain(`GET ${right}/{token}/status`);
        expect(refused.text).not.toMatch(/COMPLETED|RUNNING|urn:/);
        expect(refused.text).not.toContain(token);
      }
    }
  });
});

const POSTED = [
  "/v1/validate",
  "/v2/validate",
  "/v1/provision",
  "/v1/unprovision",
  "/v1/updateacl",
  "/v1/reverse-provisioning",
];
const ASKED = ["/v1/provision", "/v2/validate", "/v1/reverse-provisioning"].map(
  (path) => `${path}/${UNKNOWN}/status`,
);

describe("another method than a route's own", () => {
  it("does nothing: HEAD and OPTIONS are answered with what is allowed, others with 405", async () => {
    const before = await door.traces();
    for (const prefix of ["", BASE])
      for (const [paths, allowed] of [
        [POSTED, "POST, HEAD, OPTIONS"],
        [ASKED, "GET, HEAD, OPTIONS"],
      ] as const)
        for (const path of paths) {
          const url = `${prefix}${path}`;
          for (const method of ["OPTIONS", ...(paths === POSTED ? ["HEAD"] : [])]) {
            const quiet = await door.send(url, { method });
            expect([method, path, quiet.status, quiet.text]).toEqual([method, path, 204, ""]);
            expect(quiet.headers.get("allow")).toBe(allowed);
            expect([...quiet.headers.keys()].join()).not.toContain("access-control");
          }
          for (const method of ["PUT", "DELETE", "PATCH", paths === POSTED ? "GET" : "POST"]) {
            const body = method === "GET" ? null : JSON.stringify(asked());
            const refused = await door.send(url, { method, body });
            expectRefusal(refused, undefined, 405);
            expect(refused.headers.get("allow")).toBe(allowed);
          }
        }
    expect(await door.traces()).toEqual(before);
  });

  it("HEAD on a status route answers as GET does, without the body", async () => {
    for (const path of ASKED) {
      const head = await door.send(path, { method: "HEAD" });
      expect([head.status, head.text]).toEqual([400, ""]);
    }
  });

  it("a page elsewhere is allowed nothing by a preflight", async () => {
    const preflight = await door.send("/v1/provision", {
      method: "OPTIONS",
      headers: { origin: "https://evil.example.com", "access-control-request-method": "POST" },
    });
    expect(preflight.status).toBe(204);
    expect([...preflight.headers.keys()].join()).not.toContain("access-control");
  });
});

describe("bodies of other versions of the contract", () => {
  const acl = (changes: object = {}) => ({
    refs: ["user:alice_example.com"],
    provisionInfo: { request: descriptor, result: "" },
    ...changes,
  });

  it("are taken as they are, older and newer", async () => {
    const { removeData: _, ...first } = asked();
    expect((await door.post("/v1/validate", first)).json).toEqual({ valid: true });
    const provisioned = await door.post("/v1/provision", first);
    expect(provisioned.json?.status, provisioned.text).toBe("COMPLETED");
    const newer = asked({ latestEnrichedDescriptor: null, removeData: null, dryRun: { x: [1] } });
    expect((await door.post("/v1/provision", newer)).json?.status).toBe("COMPLETED");
    for (const body of [
      acl(),
      acl({ accessControlFields: { reason: "audit", until: null }, requestId: 7 }),
      acl({ provisionInfo: { request: descriptor, result: "", extra: [] } }),
    ])
      expect((await door.post("/v1/updateacl", body)).json?.status).toBe("COMPLETED");
    const enriched = descriptor.replace(
      "    - kind: storage",
      "    - info: { publicInfo: {}, privateInfo: { table: [a, b] } }\n      kind: storage",
    );
    const again = await door.post("/v1/unprovision", asked({ descriptor: enriched }));
    expect(again.json?.status).toBe("COMPLETED");
  });
});
