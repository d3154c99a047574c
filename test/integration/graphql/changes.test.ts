import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createGraphqlHandler } from "../../../src/graphql/server.ts";
import { example, type Plane, startPlane } from "../../support/plane.ts";

let plane: Plane;
let descriptor: string;

beforeAll(async () => {
  descriptor = await example("vaccinations");
  plane = await startPlane({ settings: { PUBLIC_URL: "https://plane.example.com" } });
});

afterAll(() => plane?.stop());

const OUTCOME =
  "{ token kind status code result actor problems { path } url plan { text steps { action object name before after destructive } } info { publicInfo { key } privateInfo } outputPort { componentId phase conditions { type status } } }";

interface Outcome {
  token: string;
  kind: string;
  status: string;
  code: string | null;
  result: string;
  actor: string;
  problems: { path: string }[];
  url: string;
  plan: { text: string; steps: { action: string; object: string }[] } | null;
  info: { publicInfo: { key: string }[]; privateInfo: object } | null;
  outputPort: { componentId: string; phase: string; conditions: object[] } | null;
}

async function ask(query: string, variables: object = {}) {
  const handler = createGraphqlHandler({ operations: plane.ctx, graphiql: false });
  const response = await handler.fetch("http://127.0.0.1/graphql", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query, variables }),
  });
  return (await response.json()) as {
    data?: Record<string, unknown>;
    errors?: { extensions: { code: string; problems: { path: string }[] } }[];
  };
}

async function change(field: string, type: string, input: object, wait = 15_000): Promise<Outcome> {
  const { data, errors } = await ask(
    `mutation ($input: ${type}!, $wait: Int) { done: ${field}(input: $input, wait: $wait) ${OUTCOME} }`,
    { input, wait },
  );
  expect(errors).toBeUndefined();
  return data?.done as Outcome;
}

const componentId = "urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-graphql";

async function planned(input: object) {
  const { data, errors } = await ask(
    "query ($input: PlanInput!) { plan(input: $input) { text steps { action object name destructive } } }",
    { input },
  );
  return { plan: data?.plan as Outcome["plan"], errors };
}

describe("the mutations, on a control plane that works", () => {
  it("take a port through its life, each answering its operation when it has ended", async () => {
    const { plan } = await planned({ provision: { descriptor } });
    expect(plan?.steps.map(({ action, object }) => [action, object])).toEqual([
      ["ADD", "SOURCE"],
      ["ADD", "TABLE"],
      ["ADD", "SELECT_PERMISSION"],
    ]);
    expect(await plane.ctx.db.operation.count()).toBe(0);

    const validated = await change("validateOutputPort", "DescriptorInput", { descriptor });
    expect(validated).toMatchObject({ kind: "VALIDATE", status: "COMPLETED", problems: [] });
    expect(validated.info?.publicInfo).toEqual([]);

    const provisioned = await change("provisionOutputPort", "DescriptorInput", { descriptor });
    expect(provisioned).toMatchObject({
      kind: "PROVISION",
      status: "COMPLETED",
      code: null,
      actor: "admin:local",
      url: `https://plane.example.com/ui/operations/${provisioned.token}`,
      outputPort: { componentId, phase: "ACTIVE" },
      plan: { text: plan?.text },
    });
    expect(provisioned.info?.publicInfo.map(({ key }) => key)).toContain("outputPort");

    const given = { refs: ["user:alice_example.com", "group:analysts"] };
    const acl = await planned({ acl: { componentId, environment: "Development", ...given } });
    expect(acl.plan?.steps.map(({ action, object }) => [action, object])).toEqual([
      ["ADD", "GRANT"],
      ["ADD", "GRANT"],
    ]);
    const updated = await change("updateOutputPortAcl", "UpdateAclInput", {
      componentId,
      ...given,
    });
    expect(updated).toMatchObject({ kind: "UPDATE_ACL", status: "COMPLETED" });
    const again = await planned({ acl: { descriptor, ...given } });
    expect(again.plan?.steps).toEqual([]);

    const removal = await planned({ unprovision: { componentId: componentId.toUpperCase() } });
    expect(removal.plan?.steps.map(({ action }) => action)).toEqual(["REMOVE", "REMOVE", "REMOVE"]);
    const removed = await change("unprovisionOutputPort", "PortRef", { componentId });
    expect(removed).toMatchObject({ status: "COMPLETED", outputPort: { phase: "REMOVED" } });
    const grants = await ask("{ grants(filter: { state: ENDED }) { totalCount } }");
    expect(grants.data).toEqual({ grants: { totalCount: 2 } });
  });

  it("answer at once without a wait, and the operation can be asked for", async () => {
    const accepted = await change("provisionOutputPort", "DescriptorInput", { descriptor }, 0);
    expect(accepted).toMatchObject({ status: "RUNNING", plan: null, info: null });
    await expect
      .poll(
        async () => {
          const { data } = await ask("query ($t: ID!) { operation(token: $t) { status } }", {
            t: accepted.token,
          });
          return data?.operation;
        },
        { timeout: 20_000 },
      )
      .toEqual({ status: "COMPLETED" });
  });

  it("answer a failed operation, not an error, for what was accepted", async () => {
    const missing = descriptor.replace("VACCINATIONS_CLEAN_VIEW", "NO_SUCH_VIEW");
    const failed = await change("provisionOutputPort", "DescriptorInput", { descriptor: missing });
    expect(failed).toMatchObject({ status: "FAILED", code: "SOURCE_REFUSED" });
    expect(failed.result).toContain("NO_SUCH_VIEW");
    const invalid = await change("validateOutputPort", "DescriptorInput", { descriptor: missing });
    expect(invalid).toMatchObject({ status: "COMPLETED" });
    expect(invalid.problems.length).toBeGreaterThan(0);
  });

  it("refuse what cannot be accepted, by code and problems, and record nothing", async () => {
    const before = await plane.ctx.db.operation.count();
    const faulty = descriptor.replace(/select: \S+/, "select: nonsense");
    const mutations = [
      ["provisionOutputPort", "DescriptorInput", { descriptor: faulty }, "INVALID_DESCRIPTOR"],
      ["updateOutputPortAcl", "UpdateAclInput", { componentId, refs: ["alice"] }, "INVALID_REFS"],
      [
        "updateOutputPortAcl",
        "UpdateAclInput",
        { componentId: "urn:x", refs: [] },
        "NOT_PROVISIONED",
      ],
      ["updateOutputPortAcl", "UpdateAclInput", { refs: [] }, "BAD_REQUEST"],
      ["unprovisionOutputPort", "PortRef", { descriptor: "x" }, "INVALID_DESCRIPTOR"],
    ] as const;
    for (const [field, type, input, code] of mutations) {
      const { errors } = await ask(
        `mutation ($input: ${type}!) { ${field}(input: $input) { token } }`,
        { input },
      );
      expect([field, errors?.[0]?.extensions.code]).toEqual([field, code]);
      expect(errors?.[0]?.extensions.problems[0]?.path).toEqual(expect.any(String));
    }
    expect(await plane.ctx.db.operation.count()).toBe(before);
  });

  it("leave the quick check to a query that records nothing", async () => {
    const before = await plane.ctx.db.operation.count();
    const query =
      "query ($input: DescriptorInput!) { validateDescriptor(input: $input) { valid problems { path message suggestion } warnings { path } } }";
    const good = await ask(query, { input: { descriptor } });
    expect(good.data).toEqual({ validateDescriptor: { valid: true, problems: [], warnings: [] } });
    const input = { descriptor, descriptorKind: "DATAPRODUCT_DESCRIPTOR" };
    const bad = await ask(query, { input });
    expect(bad.data?.validateDescriptor).toMatchObject({
      valid: false,
      problems: [{ path: "descriptorKind", suggestion: "COMPONENT_DESCRIPTOR" }],
    });
    expect(await plane.ctx.db.operation.count()).toBe(before);
  });

  it("say how Hasura is", async () => {
    const { data } = await ask(
      "{ hasura { reachable version resourceVersion consistent message } }",
    );
    expect(data?.hasura).toMatchObject({ reachable: true, consistent: true, message: null });
    expect(data?.hasura).toMatchObject({
      version: expect.stringMatching(/^v2/),
      resourceVersion: expect.stringMatching(/^\d+$/),
    });
  });
});
