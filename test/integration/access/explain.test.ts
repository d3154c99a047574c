/** Why somebody is let in or refused, how often, and who could read what: asked as an admin asks, beside the webhook. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startApp } from "../../../src/app.ts";
import { readConfig } from "../../../src/config.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { example } from "../../support/plane.ts";
import { type Service, startService } from "../../support/service.ts";

const PORT = "urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-graphql";
const FIELD = "healthcare_vaccinations_0_vaccinationsgraphql_select";
const QUERY = `{ ${FIELD} { DATE } }`;
const ANN = "user:ann_example.com";
const BOB = "user:bob_example.com";
const reason = "because";

let service: Service;
let descriptor: string;
let role: string;

beforeAll(async () => {
  descriptor = await example("vaccinations");
  service = await startService();
  await service.rest("/v1/provision", { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor });
  const { data } = await service.ask(`query ($id: ID!) { outputPort(componentId: $id) { role } }`, {
    id: PORT,
  });
  role = String(data?.outputPort?.role);
});
afterAll(() => service?.stop());

const updateAcl = async (...refs: string[]) =>
  expect(
    await service.rest("/v1/updateacl", {
      refs,
      provisionInfo: { request: descriptor, result: "" },
    }),
  ).toMatchObject({ status: "COMPLETED" });

const DECISION = `{ allowed role rule reason tokenFault text until tokenExpiresAt asked asksEverything needed
  identity { userId subjects unboundGroups }
  missing { rootField holders { role } formerGrant { subject endReason } }
  candidates { role kind verdict holder { role ... on OutputPort { componentId } } }
  grants { subject class inForce until grant { actor } holder { role } } blocks { subject reason outputPort { name } } }`;

interface Decision {
  readonly allowed: boolean;
  readonly text: string;
  readonly [field: string]: unknown;
}

async function explain(input: object): Promise<Decision> {
  const query = `query ($input: ExplainAccessInput!) { explainAccess(input: $input) ${DECISION} }`;
  const { data, errors } = await service.ask(query, { input });
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data?.explainAccess as unknown as Decision;
}

describe("explainAccess", () => {
  it("tells by which grants and roles somebody is let in", async () => {
    await updateAcl("group:nurses");
    const until = new Date(Date.now() + 3_600_000).toISOString();
    await service.change("grantAccess", "GrantAccessInput", {
      ...{ componentId: PORT, subject: ANN, until, reason },
    });
    const token = await service.issuer.sign({ unique_name: "Ann@example.com", groups: ["nurses"] });
    const decision = await explain({ token, query: QUERY });
    expect(decision).toMatchObject({
      ...{ allowed: true, role, rule: "SMALLEST_ROLE", reason: null, until: null },
      ...{ asked: [FIELD], asksEverything: false, needed: [FIELD], missing: [], blocks: [] },
      identity: {
        userId: "user:Ann_example.com",
        subjects: [ANN, "group:nurses"],
        unboundGroups: [],
      },
      candidates: [{ role, kind: "PORT", verdict: "GRANTED", holder: { role, componentId: PORT } }],
      grants: [
        {
          ...{ subject: ANN, class: "MANUAL", inForce: true, until },
          ...{ grant: { actor: "admin:local" }, holder: { role } },
        },
        { subject: "group:nurses", class: "ACL", until: null, grant: { actor: "witboost" } },
      ],
      text: `It runs under ${role}, the smallest that covers what is asked for; it is granted to ${ANN}, group:nurses.`,
    });
    expect(Date.parse(String(decision.tokenExpiresAt))).toBeGreaterThan(Date.now());
    expect(await service.reads({ unique_name: "Ann@example.com" }, QUERY)).toBe("allowed");
    const alone = await explain({ subject: "User:ann_example.com", rootFields: [FIELD], role });
    expect(alone).toMatchObject({
      allowed: true,
      rule: "WISHED_ROLE",
      until,
      tokenExpiresAt: null,
    });
    const wish = await explain({ subject: ANN, rootFields: [FIELD], role: "no\0role" });
    expect(wish).toMatchObject({ allowed: true, rule: "SMALLEST_ROLE", role });
    const socket = await explain({ subject: ANN, groups: ["group:Nurses"] });
    expect(socket).toMatchObject({ allowed: true, asksEverything: true, asked: [] });
    expect(socket.needed).toContain(FIELD);
    await service.change("revokeAccess", "RevokeAccessInput", {
      ...{ componentId: PORT, subject: ANN, reason },
    });
  });

  it("tells what is missing, what has it, and what gave it before", async () => {
    await updateAcl(BOB);
    await updateAcl();
    expect(await explain({ subject: BOB, query: QUERY })).toMatchObject({
      ...{ allowed: false, role: null, rule: null, reason: "NO_GRANT" },
      text: `Nothing is granted to ${BOB} that is in force.`,
      candidates: [{ role, verdict: "NOT_GRANTED" }],
      missing: [
        {
          rootField: FIELD,
          holders: [{ role }],
          formerGrant: { subject: BOB, endReason: "not in the access list" },
        },
      ],
    });
    await updateAcl(ANN);
    expect(await explain({ subject: ANN, rootFields: ["orders", FIELD] })).toMatchObject({
      reason: "FIELD_NOT_GRANTED",
      text: `No role that is granted to ${ANN} can see orders.`,
      missing: [{ rootField: "orders", holders: [], formerGrant: null }],
    });
    expect(await explain({ subject: ANN, query: "mutation { insert_x { id } }" })).toMatchObject({
      ...{ allowed: false, reason: "REQUEST_NOT_A_QUERY", candidates: [], asked: [] },
    });
  });

  it("tells which block keeps somebody out", async () => {
    await updateAcl(ANN);
    await service.change("block", "BlockInput", { subject: "group:leavers", reason: "left" });
    await service.change("block", "BlockInput", { ...{ subject: BOB, reason }, componentId: PORT });
    expect(await explain({ subject: ANN, groups: ["group:leavers"], query: QUERY })).toMatchObject({
      ...{ allowed: false, reason: "BLOCKED" },
      text: `A block keeps ${ANN}, group:leavers out, whatever is granted.`,
      blocks: [{ subject: "group:leavers", reason: "left", outputPort: null }],
    });
    expect(await explain({ subject: ANN, query: QUERY })).toMatchObject({ allowed: true });
    await updateAcl(ANN, BOB);
    expect(await explain({ subject: BOB })).toMatchObject({
      reason: "BLOCKED",
      candidates: [{ role, verdict: "BLOCKED" }],
      blocks: [{ subject: BOB, outputPort: { name: "Vaccinations GraphQL" } }],
    });
    await service.change("unblock", "UnblockInput", { subject: "group:leavers", reason });
    await service.change("unblock", "UnblockInput", {
      ...{ subject: BOB, reason },
      componentId: PORT,
    });
  });

  it("takes a token as the webhook does, and neither keeps nor logs it", async () => {
    const expired = await service.issuer.sign({ unique_name: "ann@example.com", exp: 1 });
    expect(await explain({ token: expired, query: QUERY })).toMatchObject({
      ...{ allowed: false, reason: "TOKEN_REFUSED", tokenFault: "EXPIRED", identity: null },
      text: "The token is refused: it has expired.",
    });
    const nameless = await service.issuer.sign({ sub: "x" });
    expect(await explain({ token: nameless })).toMatchObject({ reason: "IDENTITY_UNKNOWN" });
    const good = await service.issuer.sign({ unique_name: "ann@example.com" });
    await explain({ token: good });
    await service.ask(`{ explainAccess(input: { token: "${good}", rootFields: 7 }) { allowed } }`);
    await service.ask(`{ explainAccess(input: { token: "${good}" }) { nothing } }`);
    for (const token of [expired, nameless, good]) {
      const [, payload = "", signature = ""] = token.split(".");
      expect(service.log()).not.toContain(signature);
      expect(service.log()).not.toContain(payload);
      const kept = await service.db.$queryRaw<{ count: number }[]>`
        SELECT count(*)::int AS count FROM operation WHERE request::text LIKE ${`%${signature}%`}`;
      expect(kept[0]?.count).toBe(0);
    }
  });

  it("is answered by a process without a webhook too, and counts nothing", async () => {
    await updateAcl(ANN);
    const config = readConfig({ ...service.environment, FACES: "admin" });
    const admin = await startApp(config, createLogger({ level: "silent" }));
    try {
      const token = await service.issuer.sign({ unique_name: "ann@example.com" });
      const response = await fetch(`${admin.urls.admin}/graphql`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          query:
            "query ($input: ExplainAccessInput!) { explainAccess(input: $input) { allowed role } }",
          variables: { input: { token, query: QUERY } },
        }),
      });
      expect(await response.json()).toEqual({ data: { explainAccess: { allowed: true, role } } });
    } finally {
      await admin.stop();
    }
    expect(await service.db.replica.count()).toBe(1);
    expect(await service.db.accessUse.count({ where: { subject: BOB } })).toBe(0);
  });

  it.each([
    ["BAD_REQUEST subject", {}],
    ["BAD_REQUEST token", { token: "x", subject: ANN }],
    ["BAD_REQUEST token", { token: "x", groups: [] }],
    ["INVALID_REFS subject", { subject: "ann" }],
    ["INVALID_REFS groups.1", { subject: ANN, groups: ["group:a", "b"] }],
    ["BAD_REQUEST groups", { subject: ANN, groups: [BOB] }],
    ["BAD_REQUEST rootFields", { subject: ANN, query: QUERY, rootFields: [FIELD] }],
    ["BAD_REQUEST operationName", { subject: ANN, operationName: "X" }],
    ["BAD_REQUEST variables", { subject: ANN, variables: {} }],
    ["BAD_REQUEST rootFields.1", { subject: ANN, rootFields: ["a", "b c"] }],
    ["BAD_REQUEST rootFields", { subject: ANN, rootFields: Array(1_001).fill("a") }],
  ])("refuses what is not clear: %s (%#)", async (refusal, input) => {
    const query =
      "query ($input: ExplainAccessInput!) { explainAccess(input: $input) { allowed } }";
    const { errors } = await service.ask(query, { input });
    const { code, problems } = errors?.[0]?.extensions ?? { code: "", problems: [] };
    expect([code, ...problems.map(({ path }) => path)].join(" ")).toBe(refusal);
  });

  it.each([
    ["x".repeat(40_000), "TOKEN_REFUSED"],
    ["", "TOKEN_REFUSED"],
    ["a.b.c", "TOKEN_REFUSED"],
  ])("says of a token that is none that it is refused (%#)", async (token, refused) => {
    expect(await explain({ token })).toMatchObject({ reason: refused, tokenFault: "MALFORMED" });
  });

  it.each([
    ["REQUEST_MALFORMED", "{ a "],
    ["REQUEST_MALFORMED", ""],
    ["REQUEST_TOO_LARGE", `{ ${"a ".repeat(60_000)} }`],
    ["OPERATION_UNKNOWN", "query A { a } query B { b }"],
    ["FRAGMENT_UNKNOWN", "{ ...F }"],
  ])("says of a query that is none what the webhook says: %s (%#)", async (refused, query) => {
    const decision = await explain({ subject: ANN, query });
    expect(decision).toMatchObject({ allowed: false, reason: refused });
    expect(decision.text).toContain("the GraphQL request is refused");
    expect(await service.reads({ unique_name: "ann@example.com" }, query)).toBe(refused);
  });
});

describe("a moment", () => {
  /** A time after everything that was done so far, and before whatever is done next. */
  const now = async (): Promise<string> => {
    const at = new Date();
    await expect.poll(() => Date.now(), { interval: 1 }).toBeGreaterThan(at.getTime());
    return at.toISOString();
  };

  it("of the past shows who could read the port then, as it was brought about", async () => {
    const target = { componentId: PORT, subject: BOB, reason };
    await updateAcl();
    const moments = [await now()];
    await updateAcl(ANN);
    moments.push(await now());
    await service.change("grantAccess", "GrantAccessInput", target);
    moments.push(await now());
    await service.change("block", "BlockInput", { subject: ANN, reason });
    moments.push(await now());
    await service.change("unblock", "UnblockInput", { subject: ANN, reason });
    await updateAcl();
    moments.push(await now());
    const body = { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor, removeData: false };
    await service.rest("/v1/unprovision", body);
    moments.push(await now());
    const readers = async (at: string): Promise<string[]> => {
      const { data } = await service.ask(
        `query ($id: ID!, $at: DateTime) { outputPort(componentId: $id) {
          access(at: $at) { edges { node { subject } } } } }`,
        { id: PORT, at },
      );
      const access = data?.outputPort?.access as { edges: { node: { subject: string } }[] };
      return access.edges.map(({ node }) => node.subject);
    };
    expect(await Promise.all(moments.map(readers))).toEqual([
      [],
      [ANN],
      [BOB, ANN],
      [BOB],
      [BOB],
      [],
    ]);
    await service.rest("/v1/provision", body);
  });
});
