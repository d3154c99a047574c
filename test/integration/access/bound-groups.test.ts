/** Groups of an access list, from the directory to the webhook: the service as it runs, Entra as a stand-in. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type App, startApp } from "../../../src/app.ts";
import { readConfig } from "../../../src/config.ts";
import { bumpGeneration } from "../../../src/inventory/access.ts";
import { openDb } from "../../../src/inventory/db.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { type EntraStandIn, startEntraStandIn } from "../../../src/sandbox/entra.ts";
import { sandboxEnvironment } from "../../../src/sandbox/environment.ts";
import { example } from "../../support/plane.ts";
import { startTestSandbox, type TestSandbox } from "../../support/sandbox.ts";
import { AUDIENCE, ISSUER, startIssuer, type TestIssuer } from "../../unit/access/token-issuer.ts";

let sandbox: TestSandbox;
let entra: EntraStandIn;
let issuer: TestIssuer;
let app: App;
let descriptor: string;
const COMPONENT = "urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-graphql";
const lines: string[] = [];

beforeAll(async () => {
  [sandbox, entra, issuer, descriptor] = await Promise.all([
    startTestSandbox(),
    startEntraStandIn({ pageSize: 2 }),
    startIssuer(),
    example("vaccinations"),
  ]);
  const config = readConfig({
    ...sandboxEnvironment(sandbox),
    PORT: "0",
    OPERATION_WAIT_MS: "15000",
    JWKS_URL: issuer.jwksUrl,
    JWT_AUDIENCE: AUDIENCE,
    JWT_ISSUER: ISSUER,
    AZURE_TENANT_ID: entra.tenantId,
    AZURE_CLIENT_ID: entra.clientId,
    AZURE_CLIENT_SECRET: entra.clientSecret,
    AZURE_AUTHORITY_HOST: entra.url,
    GRAPH_URL: entra.url,
  });
  const log = createLogger(
    { level: "debug", secrets: config.secrets },
    { write: (line) => void lines.push(line) },
  );
  app = await startApp(config, log);
  const provisioned = await post("/v1/provision", {
    descriptorKind: "COMPONENT_DESCRIPTOR",
    descriptor,
  });
  expect(provisioned).toMatchObject({ status: "COMPLETED" });
});
afterEach(() => {
  entra.permit(true);
  entra.fault(0, () => undefined);
});
afterAll(async () => {
  await app?.stop();
  await Promise.all([sandbox?.stop(), entra?.stop(), issuer?.stop()]);
});

async function post(path: string, body: unknown) {
  const response = await fetch(`${app.urls.rest}${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  return response.status === 202
    ? { status: "RUNNING", result: text }
    : (JSON.parse(text) as { status: string; result: string });
}

const updateAcl = (...refs: string[]) =>
  post("/v1/updateacl", { refs, provisionInfo: { request: descriptor, result: "" } });

/** Where a plan of the access list finds faults. */
async function planned(refs: readonly string[]): Promise<string[]> {
  const query =
    "query ($input: PlanInput!) { plan(input: $input) { steps { action } } operations { totalCount } }";
  const acl = { componentId: COMPONENT, refs };
  const { errors = [] } = (await post("/graphql", {
    query,
    variables: { input: { acl } },
  })) as unknown as { errors?: { extensions: { problems: { path: string }[] } }[] };
  return errors.flatMap(({ extensions }) => extensions.problems.map(({ path }) => path));
}

interface Changed {
  readonly status: string;
  readonly code: string | null;
  readonly problems: { path: string; message: string }[];
}

/** What an admin's mutation came to. */
async function change(field: string, input: object): Promise<Changed> {
  const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
  const query = `mutation ($input: ${type}!) { done: ${field}(input: $input, wait: 15000) { status code problems { path message } } }`;
  const answer = await post("/graphql", { query, variables: { input: { ...input, reason: "x" } } });
  const { data } = answer as unknown as { data: { done: Changed } };
  return data.done;
}

/** What the webhook answers: the role's first letters, or why not. */
async function reads(claims: Record<string, unknown>): Promise<string> {
  const token = await issuer.sign({ unique_name: "ann@example.com", ...claims });
  const query = "{ healthcare_vaccinations_0_vaccinationsgraphql_select { DATE } }";
  const response = await fetch(`${app.urls.webhook}/v1/authenticate`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ headers: { Authorization: `Bearer ${token}` }, request: { query } }),
  });
  const body = (await response.json()) as Record<string, string>;
  return response.status === 200 ? "allowed" : (body.reason ?? "");
}

describe("a group of an access list", () => {
  it("lets its members in by its object id, also after it was renamed, and nobody by its name", async () => {
    const nurses = entra.addGroup("Ward Nurses");
    expect(await updateAcl("group:ward nurses")).toMatchObject({ status: "COMPLETED" });
    expect(await reads({ groups: [nurses] })).toBe("allowed");
    expect(await reads({ groups: ["ward nurses", "Ward Nurses"] })).toBe("NO_GRANT");
    entra.renameGroup(nurses, "Carers");
    const impostor = entra.addGroup("Ward Nurses");
    expect(await updateAcl("group:WARD NURSES", "user:bob_example.com")).toMatchObject({
      status: "COMPLETED",
    });
    expect(await reads({ groups: [impostor] })).toBe("NO_GRANT");
    expect(await reads({ groups: [nurses] })).toBe("allowed");
    entra.removeGroup(impostor);
  });

  it("is bound anew when it is granted again after it was taken away", async () => {
    const former = entra.addGroup("Pharmacists");
    await updateAcl("group:pharmacists");
    expect(await reads({ groups: [former] })).toBe("allowed");
    await updateAcl();
    expect(await reads({ groups: [former] })).toBe("NO_GRANT");
    entra.removeGroup(former);
    const latter = entra.addGroup("Pharmacists");
    expect(await updateAcl("group:pharmacists")).toMatchObject({ status: "COMPLETED" });
    expect(await reads({ groups: [former] })).toBe("NO_GRANT");
    expect(await reads({ groups: [latter] })).toBe("allowed");
  });

  it("that is none in the directory, or several, fails the list by its place, and changes nothing", async () => {
    const doctors = entra.addGroup("Doctors");
    await updateAcl("group:doctors");
    for (let twin = 0; twin < 3; twin += 1) entra.addGroup("Twins");
    const refs = ["user:bob_example.com", "group:Twins", "group:doctors", "group:nobody's"];
    const { status, result } = await updateAcl(...refs);
    expect(status).toBe("FAILED");
    expect(result).toContain("refs.1");
    expect(result).toContain("`group:twins` is the name of 3 groups");
    expect(result).toContain("refs.3");
    expect(result).toContain("`group:nobody's` is no group");
    expect(await planned(refs)).toEqual(["refs.1", "refs.3"]);
    expect(await planned(["group:doctors"])).toEqual([]);
    expect(await reads({ groups: [doctors] })).toBe("allowed");
    expect(await reads({ unique_name: "bob@example.com" })).toBe("NO_GRANT");
  });

  it("waits for a directory that is away, and needs it no more once it is bound", async () => {
    const cooks = entra.addGroup("Cooks");
    entra.fault(2, (response) => response.writeHead(503, { "retry-after": "1" }).end());
    expect(await updateAcl("group:cooks")).toMatchObject({ status: "COMPLETED" });
    expect(await reads({ groups: [cooks] })).toBe("allowed");
    const before = entra.stats().graph;
    expect(await updateAcl("group:cooks", "user:bob_example.com")).toMatchObject({
      status: "COMPLETED",
    });
    expect(entra.stats().graph).toBe(before);
  });
});

describe("a group that an admin blocks or grants to", () => {
  it("is looked up before, and one that is none or several fails by `subject`", async () => {
    await updateAcl("user:ann_example.com");
    const leavers = entra.addGroup("Leavers");
    for (let twin = 0; twin < 2; twin += 1) entra.addGroup("Doubles");
    const failed = { status: "FAILED", code: "INVALID_REFS", problems: [{ path: "subject" }] };
    expect(await change("block", { subject: "group:Doubles" })).toMatchObject(failed);
    expect(await change("block", { subject: "group:unknown" })).toMatchObject(failed);
    const given = { componentId: COMPONENT, subject: "group:unknown" };
    expect(await change("grantAccess", given)).toMatchObject(failed);
    expect(await reads({ groups: [leavers] })).toBe("allowed");
    expect(await change("block", { subject: "group:leavers" })).toMatchObject({
      status: "COMPLETED",
    });
    expect(await reads({ groups: [leavers] })).toBe("BLOCKED");
    expect(await reads({})).toBe("allowed");
  });

  it("stays blocked under its object id: nobody frees its members by taking its name", async () => {
    await updateAcl("user:ann_example.com");
    const former = entra.addGroup("Contractors");
    await change("block", { subject: "group:contractors" });
    entra.renameGroup(former, "Ended contractors");
    const latter = entra.addGroup("Contractors");
    expect(
      await change("grantAccess", { componentId: COMPONENT, subject: "group:contractors" }),
    ).toMatchObject({ status: "COMPLETED" });
    expect(await reads({ groups: [former] })).toBe("BLOCKED");
    expect(await reads({ groups: [latter] })).toBe("allowed");
    expect(await reads({ groups: [latter], unique_name: "eve@example.com" })).toBe("NO_GRANT");
    await change("unblock", { subject: "group:contractors" });
    expect(await reads({ groups: [former], unique_name: "eve@example.com" })).toBe("allowed");
    await change("revokeAccess", { componentId: COMPONENT, subject: "group:contractors" });
  });

  it("counts in an explanation as it does for the webhook: by its binding, or not at all", async () => {
    const surgeons = entra.addGroup("Surgeons");
    await updateAcl("group:surgeons");
    const explained = async (input: object) => {
      const query = `query ($input: ExplainAccessInput!) { explainAccess(input: $input) {
        allowed reason identity { subjects unboundGroups } } }`;
      const answer = await post("/graphql", { query, variables: { input } });
      return (answer as unknown as { data: { explainAccess: object } }).data.explainAccess;
    };
    const token = await issuer.sign({ unique_name: "eve@example.com", groups: [surgeons] });
    expect(await explained({ token })).toMatchObject({
      allowed: true,
      identity: { subjects: ["user:eve_example.com", "group:surgeons"], unboundGroups: [] },
    });
    // Given before groups were bound.
    const db = openDb(sandbox.databaseUrl, { poolSize: 1 });
    await db.groupBinding.deleteMany({ where: { subject: "group:surgeons" } });
    await db.$transaction((tx) => bumpGeneration(tx, { groups: true }));
    await db.$disconnect();
    const groups = ["group:surgeons"];
    expect(await explained({ subject: "user:eve_example.com", groups })).toEqual({
      ...{ allowed: false, reason: "NO_GRANT" },
      identity: { subjects: ["user:eve_example.com"], unboundGroups: groups },
    });
    await expect
      .poll(() => reads({ unique_name: "eve@example.com", groups: [surgeons] }))
      .toBe("NO_GRANT");
    expect(await explained({ token })).toMatchObject({ allowed: false, reason: "NO_GRANT" });
  });

  it("waits for a directory that is away; what is bound already does not", async () => {
    const night = entra.addGroup("Night shift");
    entra.fault(2, (response) => response.writeHead(503, { "retry-after": "1" }).end());
    const given = { componentId: COMPONENT, subject: "group:night shift" };
    expect(await change("grantAccess", given)).toMatchObject({ status: "COMPLETED" });
    expect(await reads({ groups: [night], unique_name: "eve@example.com" })).toBe("allowed");
    entra.fault(100, (response) => response.destroy());
    expect(await change("block", { subject: "group:night shift" })).toMatchObject({
      status: "COMPLETED",
    });
    expect(await reads({ groups: [night], unique_name: "eve@example.com" })).toBe("BLOCKED");
    await change("unblock", { subject: "group:night shift" });
    await change("revokeAccess", given);
  });
});

describe("a member of more groups than a token holds", () => {
  const overage = { _claim_names: { groups: "src1" }, _claim_sources: { src1: {} } };

  it("is let in by what the directory says, asked once for many requests", async () => {
    const ann = entra.addUser();
    const inner = entra.addGroup("Inner", [ann]);
    for (let more = 0; more < 5; more += 1) entra.addGroup(`Filler ${more}`, [ann]);
    entra.addGroup("Outer", [inner]);
    await updateAcl("group:outer");
    const before = entra.stats().graph;
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => reads({ oid: ann, ...overage })),
    );
    expect(new Set(answers)).toEqual(new Set(["allowed"]));
    expect(await reads({ oid: ann, hasgroups: true })).toBe("allowed");
    // Seven groups, two on a page.
    expect(entra.stats().graph - before).toBe(4);
    expect(await reads({ oid: entra.addUser(), ...overage })).toBe("NO_GRANT");
  });

  it("is refused while the directory does not tell, and nobody else is", async () => {
    const ann = entra.addUser();
    const group = entra.addGroup("Midwives", [ann]);
    await updateAcl("group:midwives", "user:ann_example.com");
    entra.fault(1, (response) => response.destroy());
    expect(await reads({ oid: ann, ...overage })).toBe("GROUPS_UNAVAILABLE");
    expect(await reads({ oid: "not-an-object-id", ...overage })).toBe("GROUPS_UNAVAILABLE");
    expect(await reads({ groups: [group], unique_name: "eve@example.com" })).toBe("allowed");
    expect(await reads({})).toBe("allowed");
  });
});

it("no secret of the directory is in the log", () => {
  expect(lines.join("\n")).toContain("the directory did not tell a user's groups");
  expect(lines.join("\n")).not.toContain(entra.clientSecret);
});
