import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { differences, marketplaceDifferences } from "../../contract/witboost-shapes.ts";
import { example, type Plane, startPlane } from "../../support/plane.ts";
import { type Reply, type RestFace, startRestFace } from "./rest-face.ts";

const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const REFS = ["user:alice_example.com", "group:analysts"];

let plane: Plane;
let rest: RestFace;
/** Answers before anything can end. */
let hasty: RestFace;
let descriptor: string;

beforeAll(async () => {
  descriptor = await example("vaccinations");
  plane = await startPlane();
  rest = await startRestFace(plane.ctx, { basePath: "/datamesh.specificprovisioner" });
  hasty = await startRestFace(plane.ctx, { operationWaitMs: 0 });
});

afterAll(async () => {
  await rest?.stop();
  await hasty?.stop();
  await plane?.stop();
});

const asked = (changes: object = {}) => ({
  descriptorKind: "COMPONENT_DESCRIPTOR",
  descriptor,
  removeData: false,
  ...changes,
});
const acl = (refs: unknown) => ({ refs, provisionInfo: { request: descriptor, result: "" } });

function expectStatus(reply: Reply, status: "COMPLETED" | "FAILED"): void {
  expect(reply.text, reply.text).toContain(`"status":"${status}"`);
  expect([reply.status, reply.type]).toEqual([200, "application/json; charset=utf-8"]);
  expect(differences("ProvisioningStatus", reply.json)).toEqual([]);
}

function expectRefusal(reply: Reply, field: string | undefined, status = 400): void {
  expect([reply.status, reply.type]).toEqual([status, "application/json; charset=utf-8"]);
  expect(differences("RequestValidationError", reply.json)).toEqual([]);
  expect(reply.json?.inputErrorField, reply.text).toBe(field);
}

async function polled(face: RestFace, token: string): Promise<Reply> {
  let last: Reply | undefined;
  await expect
    .poll(
      async () => {
        last = await face.get(`/v1/provision/${token}/status`);
        expect(differences("ProvisioningStatus", last.json)).toEqual([]);
        return last.json?.status;
      },
      { timeout: 20_000 },
    )
    .not.toBe("RUNNING");
  return last as Reply;
}

describe("a port's life over the contract's routes", () => {
  it("validates, provisions, gives and takes access, and unprovisions", async () => {
    const verdict = await rest.post("/v1/validate", asked());
    expect([verdict.status, verdict.json]).toEqual([200, { valid: true }]);

    const provisioned = await rest.post("/v1/provision", asked());
    expectStatus(provisioned, "COMPLETED");
    const info = provisioned.json?.info as { publicInfo: Record<string, unknown> };
    expect(Object.keys(info.publicInfo)).toContain("graphqlEndpoint");
    for (const entry of Object.values(info.publicInfo))
      expect(marketplaceDifferences(entry)).toEqual([]);
    const logs = provisioned.json?.logs as object[];
    expect(logs.length).toBeGreaterThan(0);
    expect(logs[0]).toHaveProperty("phase");

    expectStatus(await rest.post("/v1/updateacl", acl(REFS)), "COMPLETED");
    const live = { where: { endedAt: null }, orderBy: { subject: "asc" as const } };
    const grants = await plane.ctx.db.grant.findMany(live);
    expect(grants.map(({ subject, actor }) => [subject, actor])).toEqual([
      ["group:analysts", "witboost"],
      ["user:alice_example.com", "witboost"],
    ]);

    const removed = await rest.post("/v1/unprovision", asked({ removeData: true }));
    expectStatus(removed, "COMPLETED");
    expect(removed.json?.result).toContain("data was not removed");
    expect(await plane.ctx.db.grant.findMany(live)).toEqual([]);
    expect((await plane.metadata()).sources).toEqual([]);
  });

  it("answers 202 with the bare token while the operation runs, and its end when polled", async () => {
    for (const [path, body] of [
      ["/v1/provision", asked()],
      ["/v1/updateacl", acl(REFS)],
      ["/v1/unprovision", asked()],
    ] as const) {
      const accepted = await hasty.post(path, body);
      expect([accepted.status, accepted.type]).toEqual([202, "text/plain; charset=utf-8"]);
      expect(accepted.text).toMatch(UUID);
      expectStatus(await polled(hasty, accepted.text), "COMPLETED");
      // A client that took the token for JSON sends it back in its quotes.
      expectStatus(await hasty.get(`/v1/provision/%22${accepted.text}%22/status`), "COMPLETED");
    }
  });

  it("says FAILED with 200, not an error, for what was accepted and then refused by the source", async () => {
    const missing = descriptor.replace(
      "viewName: VACCINATIONS_CLEAN_VIEW",
      "viewName: NO_SUCH_VIEW",
    );
    const failed = await rest.post("/v1/provision", asked({ descriptor: missing }));
    expectStatus(failed, "FAILED");
    expect(failed.json?.result).toContain("NO_SUCH_VIEW");
    expect(JSON.stringify(failed.json?.logs)).toContain('"level":"ERROR"');
    expectStatus(await rest.post("/v1/unprovision", asked()), "COMPLETED");
  });

  it("is served under the base path as at the root", async () => {
    const path = "/datamesh.specificprovisioner/v1/validate";
    expect((await rest.post(path, asked())).json).toEqual({ valid: true });
  });

  it("accepts members it does not know, a missing removeData, and JSON as the descriptor", async () => {
    const { removeData: _left, ...request } = asked({
      latestEnrichedDescriptor: "…",
      somethingNew: { a: 1 },
    });
    expect((await rest.post("/v1/validate", request)).json).toEqual({ valid: true });
    const charset = { "content-type": "application/json; charset=utf-8" };
    expect((await rest.post("/v1/validate", request, charset)).json).toEqual({ valid: true });
  });
});

const MALFORMED: [string, unknown, string | undefined, Record<string, string>?][] = [
  ["what is not JSON", "{", undefined],
  ["an empty body", "", "descriptorKind"],
  ["a list", [], undefined],
  ["another content type", shapedOnly(), undefined, { "content-type": "text/yaml" }],
  [
    "an unknown charset",
    shapedOnly(),
    undefined,
    { "content-type": "application/json; charset=x-y" },
  ],
  ["a missing descriptor", { descriptorKind: "COMPONENT_DESCRIPTOR" }, "descriptor"],
  ["a descriptor that is no text", shapedOnly({ descriptor: { dataProduct: {} } }), "descriptor"],
  ["a null descriptor", shapedOnly({ descriptor: null }), "descriptor"],
  ["a missing descriptorKind", { descriptor: "x" }, "descriptorKind"],
  ["an unknown descriptorKind", shapedOnly({ descriptorKind: "SOMETHING" }), "descriptorKind"],
  ["removeData that is no boolean", shapedOnly({ removeData: "yes" }), "removeData"],
];

/** A request by shape only, for tables that are made before the descriptor is read. */
function shapedOnly(changes: object = {}): object {
  return { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor: "x: 1", ...changes };
}

describe("a body that is not as the contract has it", () => {
  for (const [what, body, field, headers] of MALFORMED) {
    it(`${what} is a 400 in the contract's shape, and for v1/validate an invalid descriptor`, async () => {
      for (const path of ["/v1/provision", "/v1/unprovision"])
        expectRefusal(await rest.post(path, body, headers), field);
      const verdict = await rest.post("/v1/validate", body, headers);
      expect(verdict.status).toBe(200);
      expect(differences("ValidationResult", verdict.json)).toEqual([]);
      expect(verdict.json?.valid).toBe(false);
    });
  }

  it("is told what is wrong with it, and nothing that it holds is sent back", async () => {
    const yaml = { "content-type": "text/yaml" };
    const declared = await rest.post("/v1/provision", descriptor, yaml);
    expect(declared.json?.moreInfo).toMatchObject({
      solutions: ["Content-Type: application/json"],
    });
    for (const body of [
      'canary-4711 {"descriptor": 1',
      '{"descriptor": "canary-4711',
      "[canary-4711]",
    ])
      for (const path of ["/v1/provision", "/v1/validate"]) {
        const refused = await rest.post(path, body);
        expect(refused.text).toContain("not JSON");
        expect(refused.text).not.toMatch(/canary|position|SyntaxError/);
      }
    const wrong = await rest.post("/v1/provision", asked({ descriptorKind: "canary-4711" }));
    expect(wrong.text).not.toContain("canary");
  });

  it("names what is wrong with an access list's body", async () => {
    const info = { request: descriptor, result: "" };
    for (const [body, field] of [
      [{ provisionInfo: info }, "refs"],
      [{ refs: "user:a", provisionInfo: info }, "refs"],
      [{ refs: ["user:a", 7], provisionInfo: info }, "refs.1"],
      [{ refs: [] }, "provisionInfo"],
      [{ refs: [], provisionInfo: { result: "" } }, "provisionInfo.request"],
      [{ refs: [], provisionInfo: { request: descriptor } }, "provisionInfo.result"],
    ] as const)
      expectRefusal(await rest.post("/v1/updateacl", body), field);
  });

  it("is a 413 when the descriptor is larger than 1 MiB, or the body is larger than any may be", async () => {
    const large = `# ${"x".repeat(1024 * 1024)}\n`;
    for (const path of ["/v1/provision", "/v1/unprovision"])
      expectRefusal(await rest.post(path, asked({ descriptor: large })), "descriptor", 413);
    const list = { refs: [], provisionInfo: { request: large, result: "" } };
    expectRefusal(await rest.post("/v1/updateacl", list), "provisionInfo.request", 413);
    const huge = asked({ descriptor: "x".repeat(3 * 1024 * 1024) });
    expectRefusal(await rest.post("/v1/provision", huge), undefined, 413);
    const verdict = await rest.post("/v1/validate", huge);
    expect([verdict.status, verdict.json?.valid]).toEqual([200, false]);
    // Escaped as JSON it is more than twice as large, and still fits.
    const quotes = asked({ descriptor: `${descriptor}# ${'"'.repeat(1000 * 1000)}` });
    expect((await rest.post("/v1/validate", quotes)).json).toEqual({ valid: true });
  });
});

describe("a request that cannot be met", () => {
  it("is a 400 that names every fault of the descriptor, and for v1/validate a verdict", async () => {
    const faulty = descriptor.replace(/select: \S+/, "select: nonsense");
    const refused = await rest.post("/v1/provision", asked({ descriptor: faulty }));
    expect(refused.json?.inputErrorField).toMatch(/^dataProduct\.components\..*select$/);
    expect(differences("RequestValidationError", refused.json)).toEqual([]);
    expect(refused.json).not.toHaveProperty("input");
    const verdict = await rest.post("/v1/validate", asked({ descriptor: faulty }));
    const { error } = verdict.json as { error: { errors: string[] } };
    expect(error.errors).toEqual(refused.json?.errors);
  });

  it("is a 400 when a data product's own descriptor is sent", async () => {
    const body = asked({ descriptorKind: "DATAPRODUCT_DESCRIPTOR" });
    expectRefusal(await rest.post("/v1/provision", body), "descriptorKind");
  });

  it("is a 400 when access is to be given to what is not provisioned, or to nobody known", async () => {
    expectRefusal(await rest.post("/v1/updateacl", acl(REFS)), "provisionInfo.request");
    const refused = await rest.post("/v1/updateacl", acl(["alice", "user:bob"]));
    expect([refused.status, String(refused.json?.inputErrorField)]).toEqual([
      400,
      expect.stringMatching(/^refs/),
    ]);
  });

  it("is a 400 for a token that is unknown or no UUID, on each status route", async () => {
    for (const path of ["/v1/provision", "/v2/validate", "/v1/reverse-provisioning"]) {
      for (const token of ["7f1c6a52-9f0e-4a3e-8a2b-2f4f6f0f6a11", "abc", "%22%22"])
        expectRefusal(await rest.get(`${path}/${token}/status`), "token");
      expectRefusal(await rest.get(`${path}/%E0%A4%A/status`), undefined);
    }
  });

  it("is a 404 where there is no route", async () => {
    for (const path of ["/v1/nothing", "/v1/provision/x", "/v3/validate", "/v2/provision", "/"])
      expectRefusal(await rest.get(path), undefined, 404);
    expectRefusal(await rest.post("/v9/provision", asked()), undefined, 404);
  });

  it("is a 500 SystemError that says nothing of what broke when the database does not answer", async () => {
    const { openDb } = await import("../../../src/inventory/db.ts");
    const db = openDb("postgresql://canary:hunter2@127.0.0.1:1/none");
    const broken = await startRestFace({ ...plane.ctx, db });
    try {
      for (const reply of [
        await broken.post("/v1/provision", asked()),
        await broken.post("/v1/validate", asked()),
        await broken.get("/v1/provision/7f1c6a52-9f0e-4a3e-8a2b-2f4f6f0f6a11/status"),
      ]) {
        expect([reply.status, differences("SystemError", reply.json)]).toEqual([500, []]);
        expect(reply.text).not.toMatch(/hunter2|canary|prisma|SELECT|ECONN|\.ts:/i);
      }
    } finally {
      await broken.stop();
      await db.$disconnect();
    }
  });
});

describe("with a token set for Witboost", () => {
  const token = "a-token-of-sixteen-or-more";
  let guarded: RestFace;

  beforeAll(async () => {
    guarded = await startRestFace(plane.ctx, { witboostToken: token });
  });
  afterAll(() => guarded?.stop());

  it("refuses whoever does not bring it, before reading what they sent", async () => {
    for (const authorization of ["", "Bearer", `Bearer ${token}x`, `Basic ${token}`, token]) {
      for (const path of ["/v1/provision", "/v1/validate"]) {
        const refused = await guarded.post(path, "{", { authorization });
        expectRefusal(refused, undefined, 401);
        expect(refused.headers.get("www-authenticate")).toBe("Bearer");
        expect(refused.text).not.toContain(token);
      }
    }
    expectRefusal(await guarded.get("/v1/provision/x/status"), undefined, 401);
  });

  it("serves whoever does", async () => {
    const headers = { authorization: `bearer ${token}` };
    expect((await guarded.post("/v1/validate", asked(), headers)).json).toEqual({ valid: true });
  });
});
