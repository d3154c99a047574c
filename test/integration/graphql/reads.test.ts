import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  replaceExternalGrants,
  upsertExternalRole,
} from "../../../src/inventory/external-roles.ts";
import type { OutputPort } from "../../../src/inventory/generated/client.ts";
import { addPort, type Inventory, startInventory } from "./inventory.ts";

let inventory: Inventory;
let alpha: OutputPort;

beforeAll(async () => {
  inventory = await startInventory();
  const { db } = inventory;
  alpha = await addPort(db, "alpha", { subjects: ["user:ann", "group:all"] });
  await addPort(db, "beta", { subjects: ["user:ann"] });
  await addPort(db, "gamma", { subjects: ["user:bob"], phase: "FAILED" });
  await addPort(db, "alpha", { environment: "production" });
  const ended = { endedAt: new Date(), endReason: "not in the access list" };
  await db.grant.updateMany({ where: { subject: "user:bob" }, data: ended });
  const past = { until: new Date(Date.now() - 1000) };
  await db.grant.updateMany({ where: { subject: "user:ann", port: { name: "beta" } }, data: past });
});

afterAll(() => inventory?.stop());

/** The names of the ports that a query answers. */
async function names(args: string): Promise<string[]> {
  const { outputPorts } = await inventory.ask(
    `{ outputPorts${args} { totalCount edges { node { name } } } }`,
  );
  const { edges } = outputPorts as { edges: { node: { name: string } }[] };
  return edges.map(({ node }) => node.name);
}

describe("an output port", () => {
  it("shows what it is, what it was asked to be and what can be said of it", async () => {
    const { outputPort } = await inventory.ask(
      `query ($componentId: ID!) {
        outputPort(componentId: $componentId, environment: "Development") {
          componentId environment name phase role typeName rootFields columns url viewerCan
          acceptedRevision appliedRevision
          dataProduct { urn name domain }
          source { name kind }
          conditions { type status reason message }
          publicInfo { key type label value href }
          grants(state: LIVE) { totalCount edges { node { subject class state actor } } }
          operations { totalCount edges { node { kind status logs { level message } problems { path } plan { text } info { privateInfo } } } }
          revisions { totalCount edges { node { number table columns names { select } sourcePort { relation } source { name } outputPort { name } } } }
        }
      }`,
      { componentId: alpha.componentId.toUpperCase().replace("URN:DMB", "urn:dmb") },
    );
    expect(outputPort).toEqual({
      componentId: "urn:dmb:cmp:Healthcare:vaccinations:0:alpha",
      environment: "development",
      name: "alpha",
      phase: "ACTIVE",
      role: "alpha_role",
      typeName: "alpha_table",
      rootFields: ["alpha_select", "alpha_by_pk", "alpha_agg"],
      columns: ["A"],
      url: "https://plane.example.com/ui/ports/development/urn%3Admb%3Acmp%3AHealthcare%3Avaccinations%3A0%3Aalpha",
      viewerCan: ["PROVISION", "UNPROVISION", "UPDATE_ACL", "GRANT", "PAUSE", "BLOCK"],
      acceptedRevision: 1,
      appliedRevision: 1,
      dataProduct: {
        urn: "urn:dmb:dp:healthcare:vaccinations:0",
        name: "Vaccinations",
        domain: "healthcare",
      },
      source: { name: "source_alpha", kind: "snowflake" },
      conditions: [{ type: "READY", status: "TRUE", reason: "Ready", message: "Ready." }],
      publicInfo: [{ key: "role", type: "STRING", label: "Role", value: "alpha_role", href: null }],
      grants: {
        totalCount: 2,
        edges: expect.arrayContaining([
          { node: { subject: "user:ann", class: "ACL", state: "LIVE", actor: "witboost" } },
        ]),
      },
      operations: {
        totalCount: 1,
        edges: [
          {
            node: {
              kind: "PROVISION",
              status: "COMPLETED",
              logs: [
                { level: "INFO", message: "first" },
                { level: "WARNING", message: "second" },
              ],
              problems: [],
              plan: null,
              info: null,
            },
          },
        ],
      },
      revisions: {
        totalCount: 1,
        edges: [
          {
            node: {
              number: 1,
              table: ["DB", "S", "V"],
              columns: ["A"],
              names: { select: "alpha_select" },
              sourcePort: { relation: "V" },
              source: { name: "source_alpha" },
              outputPort: { name: "alpha" },
            },
          },
        ],
      },
    });
  });

  it("needs its environment where it exists in several, and says so", async () => {
    const query = "query ($id: ID!) { outputPort(componentId: $id) { environment } }";
    const [error] = await inventory.refused(query, { id: alpha.componentId });
    expect(error?.extensions).toMatchObject({
      code: "AMBIGUOUS",
      problems: [{ path: "environment" }],
    });
    const gamma = { id: alpha.componentId.replace("alpha", "gamma") };
    expect(await inventory.ask(query, gamma)).toEqual({
      outputPort: { environment: "development" },
    });
    expect(await inventory.ask(query, { id: "urn:none" })).toEqual({ outputPort: null });
  });

  it("has no names, columns or source once it is gone", async () => {
    const gone = await addPort(inventory.db, "gone", { environment: "test", phase: "REMOVED" });
    await inventory.db.outputPort.update({
      where: { id: gone.id },
      data: { acceptedRevision: null, appliedRevision: null },
    });
    const { outputPort } = await inventory.ask(
      `query ($id: ID!) { outputPort(componentId: $id) { typeName rootFields columns source { name } viewerCan } }`,
      { id: gone.componentId },
    );
    expect(outputPort).toEqual({
      typeName: null,
      rootFields: [],
      columns: [],
      source: null,
      viewerCan: ["PROVISION", "BLOCK"],
    });
  });
});

describe("output ports", () => {
  it("are chosen by environment, phase, domain, data product, URN, text and who may read them", async () => {
    expect(await names('(filter: { environment: "Production" })')).toEqual(["alpha"]);
    expect(await names("(filter: { phases: [FAILED] })")).toEqual(["gamma"]);
    expect(await names('(filter: { domain: "HEALTHCARE", search: "BET" })')).toEqual(["beta"]);
    expect(await names('(filter: { domain: "finance" })')).toEqual([]);
    const product = "urn:dmb:dp:HEALTHCARE:vaccinations:0";
    expect(await names(`(filter: { dataProduct: "${product}", phases: [FAILED] })`)).toEqual([
      "gamma",
    ]);
    const urn = alpha.componentId.replace("alpha", "beta").replace("Healthcare", "HEALTHCARE");
    expect(await names(`(filter: { componentIds: ["${urn}"] })`)).toEqual(["beta"]);
    expect(await names('(filter: { subject: "user:ann" })')).toEqual(["alpha"]);
  });

  it("take what is written as text: a percent sign is no wildcard", async () => {
    expect(await names('(filter: { search: "%" })')).toEqual([]);
    expect(await names('(filter: { search: "alph_" })')).toEqual([]);
    expect(await names('(filter: { domain: "health%" })')).toEqual([]);
    expect(await names('(filter: { domain: "Healthcare", phases: [FAILED] })')).toEqual(["gamma"]);
    const { subjects } = await inventory.ask(
      '{ subjects(first: 1, filter: { search: "user_ann" }) { totalCount } }',
    );
    expect(subjects).toEqual({ totalCount: 0 });
  });

  it("come in the order that is asked for, page by page, each once", async () => {
    const args =
      'filter: { environment: "development" }, orderBy: { field: NAME, direction: DESC }';
    const seen: string[] = [];
    let after: string | null = null;
    for (let page = 0; page < 5; page += 1) {
      const { outputPorts } = await inventory.ask(
        `query ($after: String) { outputPorts(first: 2, after: $after, ${args}) {
          totalCount pageInfo { hasNextPage endCursor } edges { node { name } } } }`,
        { after },
      );
      const { edges, pageInfo, totalCount } = outputPorts as {
        edges: { node: { name: string } }[];
        pageInfo: { hasNextPage: boolean; endCursor: string };
        totalCount: number;
      };
      expect(totalCount).toBe(3);
      seen.push(...edges.map(({ node }) => node.name));
      after = pageInfo.endCursor;
      if (!pageInfo.hasNextPage) break;
    }
    expect(seen).toEqual(["gamma", "beta", "alpha"]);
  });

  it("cost the same number of statements however many there are", async () => {
    const query = `query ($search: String) {
      outputPorts(first: 50, filter: { search: $search }) {
        totalCount
        edges { node {
          name typeName rootFields columns source { name } dataProduct { name } conditions { type }
          grants(state: LIVE, first: 10) { totalCount edges { node { subject grantee { name } operation { token } } } }
          operations(first: 5) { totalCount edges { node { kind logs { message } } } }
          revisions(first: 5) { totalCount edges { node { number source { name } } } }
        } }
      }
    }`;
    for (let index = 0; index < 12; index += 1)
      await addPort(inventory.db, `many${index}`, {
        environment: "test",
        subjects: ["user:ann", "user:cy"],
      });
    inventory.statements();
    await inventory.ask(query, { search: "many1" });
    const forThree = inventory.statements();
    const { outputPorts } = await inventory.ask(query, { search: "many" });
    const forTwelve = inventory.statements();
    expect((outputPorts as { totalCount: number }).totalCount).toBe(12);
    expect(forTwelve.length, forTwelve.join("\n")).toBe(forThree.length);
    expect(forTwelve.length).toBeLessThan(30);
  });
});

describe("grants, subjects, sources and operations", () => {
  it("tell who has and who had access", async () => {
    const grants = async (filter: string) => {
      const { grants: page } = await inventory.ask(
        `{ grants(filter: ${filter}) { totalCount edges { node { subject state endReason grantee { ref kind name } holder { role } outputPort { name } } } } }`,
      );
      return (page as { edges: { node: object }[] }).edges.map(({ node }) => node);
    };
    expect(await grants('{ subject: "user:bob", state: ENDED }')).toEqual([
      {
        subject: "user:bob",
        state: "ENDED",
        endReason: "not in the access list",
        grantee: { ref: "user:bob", kind: "USER", name: "bob" },
        holder: { role: "gamma_role" },
        outputPort: { name: "gamma" },
      },
    ]);
    expect(await grants('{ subject: "user:bob", state: LIVE }')).toEqual([]);
    const urn = alpha.componentId;
    const filter = `{ componentId: "${urn}", environment: "development", classes: [ACL] }`;
    expect(await grants(filter)).toHaveLength(2);
    expect(await grants("{ classes: [MANUAL] }")).toEqual([]);
  });

  it("tell of roles that belong to no port, and of grants that give them", async () => {
    const { db, operations } = inventory;
    const role = { hasuraId: operations.hasuraId, role: "older_role" };
    const componentId = "urn:dmb:cmp:older:port";
    await db.$transaction((tx) =>
      upsertExternalRole(tx, { ...role, componentId, fields: ["old_b", "old_a"] }),
    );
    const subjects = ["user:old"];
    await db.$transaction((tx) =>
      replaceExternalGrants(tx, { ...role, kind: "user", subjects, actor: "older" }),
    );
    const holder = `holder { role ... on ExternalRole { componentId } ... on OutputPort { name } }`;
    const { grants } = await inventory.ask(
      `{ grants(filter: { subject: "user:old" }) { edges { node { environment outputPort { name } ${holder} } } } }`,
    );
    expect((grants as { edges: unknown[] }).edges).toEqual([
      {
        node: {
          environment: "default",
          outputPort: null,
          holder: { role: "older_role", componentId },
        },
      },
    ]);
    const { externalRole } = await inventory.ask(
      `{ externalRole(role: "older_role") {
        id role componentId rootFields removedAt grants(state: LIVE) { totalCount edges { node { subject } } } } }`,
    );
    expect(externalRole).toMatchObject({
      role: "older_role",
      componentId,
      rootFields: ["old_a", "old_b"],
      removedAt: null,
      grants: { totalCount: 1, edges: [{ node: { subject: "user:old" } }] },
    });
    const { id } = externalRole as { id: string };
    const { node } = await inventory.ask("query ($id: ID!) { node(id: $id) { id __typename } }", {
      id,
    });
    expect(node).toEqual({ id, __typename: "ExternalRole" });
    expect(await inventory.ask('{ externalRole(role: "no_role") { role } }')).toEqual({
      externalRole: null,
    });
  });

  it("know subjects in any spelling, page through them, and count them once", async () => {
    const { subject } = await inventory.ask(
      `{ subject(ref: "USER:Ann") { ref kind grants(state: LIVE) { edges { node { outputPort { name environment } } } } } }`,
    );
    expect(subject).toMatchObject({ ref: "user:ann", kind: "USER" });
    expect(JSON.stringify(subject)).toContain('"name":"alpha"');
    expect(JSON.stringify(subject)).not.toContain('"name":"beta"');
    expect(await inventory.ask('{ subject(ref: "user:nobody") { ref } }')).toEqual({
      subject: null,
    });
    const binding = { objectId: "an-object-id", name: "All", actor: "test" };
    const { groupBinding } = inventory.db;
    await groupBinding.create({ data: { ...binding, subject: "group:all", endedAt: new Date(1) } });
    const bound = async (ref: string) =>
      (await inventory.ask(`{ subject(ref: "${ref}") { binding { objectId name actor } } }`))
        .subject;
    expect(await bound("group:all")).toEqual({ binding: null });
    await groupBinding.create({ data: { ...binding, subject: "group:all" } });
    expect(await bound("group:all")).toEqual({ binding });
    expect(await bound("user:ann")).toEqual({ binding: null });
    const [error] = await inventory.refused('{ subject(ref: "nobody") { ref } }');
    expect(error?.extensions.code).toBe("INVALID_REFS");

    const page = async (args: string) => {
      const { subjects } = await inventory.ask(
        `{ subjects(${args}) { totalCount pageInfo { endCursor hasNextPage } edges { node { ref } } } }`,
      );
      return subjects as {
        totalCount: number;
        pageInfo: { endCursor: string; hasNextPage: boolean };
        edges: { node: { ref: string } }[];
      };
    };
    const refs = ({ edges }: Awaited<ReturnType<typeof page>>) => edges.map(({ node }) => node.ref);
    const first = await page("first: 2");
    expect([refs(first), first.totalCount >= 3]).toEqual([["group:all", "user:ann"], true]);
    expect(first.pageInfo.hasNextPage).toBe(true);
    const rest = await page(`first: 10, after: "${first.pageInfo.endCursor}"`);
    expect(refs(rest)[0]).toBe("user:bob");
    expect(refs(await page("first: 5, filter: { kind: GROUP }"))).toEqual(["group:all"]);
    expect(refs(await page('first: 5, filter: { search: "BO", state: ENDED }'))).toEqual([
      "user:bob",
    ]);
  });

  it("list operations the newest first, and find one by its token", async () => {
    const { operations } = await inventory.ask(
      `{ operations(first: 1, filter: { kinds: [PROVISION], statuses: [COMPLETED], componentId: "${alpha.componentId}", environment: "development", startedFrom: "2020-01-01T00:00:00+01:00" }) {
        totalCount edges { node { token url outputPort { name } startedAt } } } }`,
    );
    const { edges } = operations as { edges: { node: Record<string, string> }[] };
    const { token, url, startedAt } = edges[0]?.node ?? {};
    expect(url).toBe(`https://plane.example.com/ui/operations/${token}`);
    expect(startedAt).toMatch(/^\d{4}-\d\d-\d\dT[\d:.]+Z$/);
    const query = "query ($token: ID!) { operation(token: $token) { kind } }";
    expect(await inventory.ask(query, { token })).toEqual({ operation: { kind: "PROVISION" } });
    expect(await inventory.ask(query, { token: "no-uuid" })).toEqual({ operation: null });
    const unknown = "7f1c6a52-9f0e-4a3e-8a2b-2f4f6f0f6a11";
    expect(await inventory.ask(query, { token: unknown })).toEqual({ operation: null });
  });

  it("list sources without what connects to them", async () => {
    const { sources } = await inventory.ask(
      '{ sources(filter: { environment: "development", live: true }) { edges { node { name kind database namingMode } } } }',
    );
    expect(JSON.stringify(sources)).toContain("source_alpha");
    expect(JSON.stringify(sources)).not.toContain("canary");
  });
});

describe("a global id", () => {
  it("leads back to its object, whatever its type", async () => {
    const { outputPort } = await inventory.ask(
      `{ outputPort(componentId: "${alpha.componentId}", environment: "development") {
        id grants { edges { node { id grantee { id } holder { id } } } } operations { edges { node { id } } }
        revisions { edges { node { id } } } source { id } } }`,
    );
    const ids = [...JSON.stringify(outputPort).matchAll(/"id":"([^"]+)"/g)].map(([, id]) => id);
    expect(ids.length).toBeGreaterThanOrEqual(8);
    for (const id of ids) {
      const { node } = await inventory.ask("query ($id: ID!) { node(id: $id) { id __typename } }", {
        id,
      });
      expect((node as { id: string }).id).toBe(id);
    }
  });

  it("that leads nowhere is null, and one that is none is the sender's fault", async () => {
    const query = "query ($id: ID!) { node(id: $id) { id } }";
    const encoded = (text: string) => Buffer.from(text).toString("base64");
    const unknown = encoded("OutputPort:7f1c6a52-9f0e-4a3e-8a2b-2f4f6f0f6a11");
    for (const id of [unknown, encoded("OutputPort:1"), encoded("Subject:user:nobody")])
      expect(await inventory.ask(query, { id })).toEqual({ node: null });
    const [error] = await inventory.refused(query, { id: "!" });
    expect(error?.extensions.code).toBe("BAD_REQUEST");
  });
});

describe("a cursor that was not given out", () => {
  it("is the sender's fault", async () => {
    const query =
      "query ($after: String) { grants(first: 1, after: $after) { totalCount edges { cursor } } }";
    for (const after of ["!", Buffer.from("GPC:S:no-uuid").toString("base64")]) {
      const [error] = await inventory.refused(query, { after });
      expect(error?.extensions.code, after).toBe("BAD_REQUEST");
    }
  });
});

describe("a value that no database can hold", () => {
  it.each([
    "grants(filter: {subject: $text}) { totalCount }",
    "grants(filter: {componentId: $id}) { totalCount }",
    "blocks(filter: {environment: $text}) { totalCount }",
    "operations(filter: {actor: $text}) { totalCount }",
    "outputPorts(filter: {search: $text}) { totalCount }",
    "outputPort(componentId: $id) { id }",
    "usage(filter: {subject: $text}) { allowed }",
    "refusals(filter: {subject: $text}) { totalCount }",
    "externalRole(role: $text) { id }",
  ])("is the sender's fault: a NUL in %s", async (field) => {
    const type = field.includes("$id") ? "$id: ID!" : "$text: String!";
    const nul = "user:a\0b";
    const [error] = await inventory.refused(`query (${type}) { ${field} }`, { id: nul, text: nul });
    expect(error?.extensions.code).toBe("BAD_REQUEST");
    expect(error?.message).toContain("cannot be held by the database");
  });

  it.each([
    "grants(at: $at) { totalCount }",
    "blocks(at: $at) { totalCount }",
    "operations(filter: {startedFrom: $at}) { totalCount }",
  ])("is the sender's fault: the year 0 in %s", async (field) => {
    const at = "0000-01-01T00:00:00Z";
    const [error] = await inventory.refused(`query ($at: DateTime!) { ${field} }`, { at });
    expect(error?.extensions.code).toBe("BAD_REQUEST");
    expect(error?.message).toContain("cannot be held by the database");
  });
});
