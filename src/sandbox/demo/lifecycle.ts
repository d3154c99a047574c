/** An output port's whole life, each step seen from outside: over REST, GraphQL and Hasura. */
import { readFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { isLookedAfter } from "./admin.ts";
import { holds, same } from "./checks.ts";
import { graphql, hasuraStats, pollStatus, post, tokenFor, witboost } from "./clients.ts";
import {
  ALICE,
  ANALYSTS,
  BOB,
  CAROL,
  PORT,
  query,
  reads,
  refused,
  SELECT,
  type Stage,
} from "./stage.ts";

const EXAMPLES = join(dirname(fileURLToPath(import.meta.url)), "..", "..", "..", "examples");

const RENAMED = "healthcare_vaccinations_0_vaccinationsgraphql_by_age";
async function planText(stage: Stage, input: Readonly<Record<string, unknown>>): Promise<string> {
  const answer = await graphql(
    `${stage.service.url}/graphql`,
    "query ($input: PlanInput!) { plan(input: $input) { text } }",
    { input },
  );
  const plan = answer.data?.plan as { text: string } | undefined;
  if (plan === undefined) throw new Error(JSON.stringify(answer.errors));
  return plan.text;
}

/** Leaves the port as something to try: provisioned, and readable for Alice. */
export async function leaveProvisioned({ checks, service }: Stage): Promise<string> {
  await checks.check("the port is provisioned once more, for you to try", async () => {
    const pc = witboost(service.url);
    const vaccinations = await readFile(join(EXAMPLES, "vaccinations.yaml"), "utf8");
    const { updateAcl, provision, end } = pc;
    same((await end(await provision(vaccinations))).status, "COMPLETED", "status");
    const granted = await end(await updateAcl(vaccinations, ["user:alice_example.com"]));
    same(granted.status, "COMPLETED", "status");
    return undefined;
  });
  return `{ ${SELECT}(limit: 3, order_by: { DATE: desc }) { DATE LOCATION_KEY NEW_PERSONS_VACCINATED } }`;
}

/** Runs the checks in order; they rest on one another. */
export async function runLifecycle(stage: Stage): Promise<void> {
  const example = (name: string) => readFile(join(EXAMPLES, name), "utf8");
  const vaccinations = await example("vaccinations.yaml");
  const changed = await example("vaccinations-changed.yaml");
  const trips = await example("trips.yaml");
  await comesToBe(stage, vaccinations);
  await isGranted(stage, vaccinations);
  await isLookedAfter(stage);
  await changes(stage, vaccinations, changed);
  await survives(stage, trips);
  await ends(stage, vaccinations, trips);
}

async function comesToBe({ checks, ...rest }: Stage, vaccinations: string): Promise<void> {
  const stage = { checks, ...rest };
  const { service } = stage;
  const pc = witboost(service.url);
  await checks.check("Witboost validates the descriptor", async () => {
    const { status, text } = await pc.validate(vaccinations);
    same([status, JSON.parse(text)], [200, { valid: true }], "the answer");
    return undefined;
  });
  await checks.check("a faulty descriptor is told of every fault at once", async () => {
    const faulty = vaccinations
      .replace(`select: ${SELECT}`, "select: Vaccinations-Select")
      .replace("viewName: VACCINATIONS_CLEAN_VIEW", 'viewName: "X&role=ACCOUNTADMIN"');
    const { text } = await pc.validate(faulty);
    const { valid, error } = JSON.parse(text);
    same(valid, false, "valid");
    holds(error.errors.length >= 2, `both faults are named: ${text}`);
    return error.errors.slice(0, 2).map((each: string) => each.replace(/^.*?(?=specific)/, ""));
  });
  await checks.check("an admin sees the plan before anything is written", async () => {
    const text = await planText(stage, { provision: { descriptor: vaccinations } });
    holds(text.includes("+ table"), text);
    return text.split("\n").slice(0, 9);
  });
  await checks.check("Witboost provisions the output port", async () => {
    same((await pc.end(await pc.provision(vaccinations))).status, "COMPLETED", "status");
    return undefined;
  });
  await checks.check("provisioning it again writes nothing to Hasura", async () => {
    const before = await hasuraStats(stage.sandbox.url);
    same((await pc.end(await pc.provision(vaccinations))).status, "COMPLETED", "status");
    same((await hasuraStats(stage.sandbox.url)).writes, before.writes, "writes");
    return undefined;
  });
  await checks.check("Alice, whom nobody granted anything, is refused", async () => {
    const error = await refused(stage, ALICE);
    const token = await tokenFor(stage.sandbox.url, ALICE);
    const body = {
      headers: { Authorization: `Bearer ${token}` },
      request: { query: `{ ${SELECT} { DATE } }` },
    };
    const why = await post(`${service.url}/v1/authenticate`, body);
    same(why.status, 401, "the webhook's answer");
    return [`Hasura: ${error}`, `webhook: ${why.text}`];
  });
}

async function isGranted(stage: Stage, vaccinations: string): Promise<void> {
  const { checks, service } = stage;
  const pc = witboost(service.url);
  await checks.check("a bad ref in the access list: refused, and nothing changes", async () => {
    const { status, text } = await pc.updateAcl(vaccinations, ["user:alice_example.com", "alice"]);
    same(status, 400, "status");
    await refused(stage, ALICE);
    return [JSON.parse(text).moreInfo.problems[0]];
  });
  await checks.check("Witboost grants a user and a group", async () => {
    const refs = ["user:alice_example.com", `group:${ANALYSTS}`];
    same((await pc.end(await pc.updateAcl(vaccinations, refs))).status, "COMPLETED", "status");
    return undefined;
  });
  await checks.check("Alice reads rows through Hasura with her token", async () => [
    await reads(stage, ALICE),
  ]);
  await checks.check("Bob reads them as a member of the group", async () => {
    await reads(stage, BOB, ANALYSTS);
    return undefined;
  });
  await checks.check("Carol is still refused", async () => {
    await refused(stage, CAROL, "visitors");
    return undefined;
  });
  await checks.check("a dashboard reads the inventory over GraphQL", async () => {
    const answer = await graphql(
      `${service.url}/graphql`,
      `query ($id: ID!) { outputPort(componentId: $id) {
        name phase role grants { totalCount edges { node { subject class } } } conditions { type status } } }`,
      { id: PORT },
    );
    const port = answer.data?.outputPort as { phase: string; grants: { totalCount: number } };
    holds(port !== undefined && port !== null, JSON.stringify(answer.errors));
    same([port.phase, port.grants.totalCount], ["ACTIVE", 2], "phase and grants");
    return [JSON.stringify(port)];
  });
}

async function changes(stage: Stage, vaccinations: string, changed: string): Promise<void> {
  const { checks, service } = stage;
  const pc = witboost(service.url);
  await checks.check(
    "a change is planned: another view, a renamed field, new columns",
    async () => {
      const text = await planText(stage, { provision: { descriptor: changed } });
      holds(text.includes("VACCINATIONS_BY_AGE_VIEW"), text);
      return text.split("\n").filter((line) => /^[+~-]/.test(line));
    },
  );
  await checks.check("the change converges: the new name works, the old one is gone", async () => {
    same((await pc.end(await pc.provision(changed))).status, "COMPLETED", "status");
    const { rows, error } = await query(stage, RENAMED, "DATE AGE_GROUP", ALICE);
    holds(rows !== null && rows.length > 0, `Alice got no rows: ${error}`);
    const old = await refused(stage, ALICE);
    return [JSON.stringify(rows?.[0]), `the old name: ${old}`];
  });
  await checks.check("and back again: A, B, A ends as A", async () => {
    same((await pc.end(await pc.provision(vaccinations))).status, "COMPLETED", "status");
    await reads(stage, ALICE);
    const text = await planText(stage, { provision: { descriptor: vaccinations } });
    holds(text.startsWith("No changes"), text);
    return undefined;
  });
}

async function survives(stage: Stage, trips: string): Promise<void> {
  const { checks, service, sandbox } = stage;
  const pc = witboost(service.url);
  let token = "";
  await checks.check("the service is killed (kill -9) while Hasura holds its write", async () => {
    await post(`${sandbox.url}/sandbox/faults`, {
      match: "snowflake_add_source",
      times: 1,
      action: "delay",
      when: "before",
      ms: 1500,
    });
    const accepted = await pc.provision(trips);
    same(accepted.status, 202, "the answer's status");
    token = accepted.text;
    await service.kill();
    return [`202 ${token}`];
  });
  await checks.check("started again, the same token ends COMPLETED", async () => {
    await service.start();
    same((await pollStatus(service.url, token)).status, "COMPLETED", "status");
    return undefined;
  });
  await checks.check("nothing was done twice: a new plan is empty", async () => {
    const text = await planText(stage, { provision: { descriptor: trips } });
    holds(text.startsWith("No changes"), text);
    return undefined;
  });
}

async function ends(stage: Stage, vaccinations: string, trips: string): Promise<void> {
  const { checks, service, sandbox } = stage;
  const pc = witboost(service.url);
  await checks.check("Witboost empties the access list: Alice is refused at once", async () => {
    same((await pc.end(await pc.updateAcl(vaccinations, []))).status, "COMPLETED", "status");
    await refused(stage, ALICE);
    await refused(stage, BOB, ANALYSTS);
    return undefined;
  });
  await checks.check("both ports are unprovisioned; Hasura is as it was before", async () => {
    for (const descriptor of [vaccinations, trips])
      same((await pc.end(await pc.unprovision(descriptor))).status, "COMPLETED", "status");
    const secret = { "x-hasura-admin-secret": sandbox.hasuraAdminSecret ?? "" };
    const exported = await post(
      `${sandbox.hasuraUrl}/v1/metadata`,
      { type: "export_metadata", args: {} },
      secret,
    );
    same(JSON.parse(exported.text).sources ?? [], [], "sources in Hasura");
    return undefined;
  });
  await checks.check("an access list for a port that is gone is refused", async () => {
    const { status } = await pc.updateAcl(vaccinations, ["user:alice_example.com"]);
    same(status, 400, "status");
    return undefined;
  });
}
