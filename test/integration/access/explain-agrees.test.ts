/** An explanation beside what the webhook answers and what the rule says, over the same rows, tokens and requests. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { createExplain } from "../../../src/access/explain.ts";
import type { AccessFacts } from "../../../src/domain/access-index.ts";
import { createGraphqlHandler } from "../../../src/graphql/server.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import type { OperationsContext } from "../../../src/operations/context.ts";
import { history, question, sentRequest } from "../../property/access/arbitrary.ts";
import { type NaiveQuestion, naiveDecision } from "../../property/access/naive.ts";
import { startIssuer, type TestIssuer } from "../../unit/access/token-issuer.ts";
import { startHook, type TestHook, testIdentify, testVerifier } from "./hook.ts";
import { change, createInventory, HASURA, type TestInventory } from "./inventory.ts";

const INVENTORIES = process.env.TEST_ALL === "1" ? 400 : 20;
const QUESTIONS = 6;

let inventory: TestInventory;
let issuer: TestIssuer;
let hook: TestHook;
let handler: ReturnType<typeof createGraphqlHandler>;
const counts = { cases: 0, allowed: 0, refused: 0 };

beforeAll(async () => {
  [inventory, issuer] = await Promise.all([createInventory(), startIssuer()]);
  const { db, database } = inventory;
  const users = new Map([
    ["u", "user:u"],
    ["other", "user:other"],
  ] as const);
  hook = await startHook({ issuer, db, databaseUrl: database.url, users });
  const explain = createExplain({
    db,
    hasuraId: HASURA,
    verify: testVerifier(issuer),
    identify: testIdentify(users),
    groupMatch: "claim",
  });
  const log = createLogger({ level: "silent" });
  const operations = { db, log, hasuraId: HASURA, publicUrl: null } as unknown as OperationsContext;
  handler = createGraphqlHandler({ operations, explain, graphiql: false });
});
afterAll(async () => {
  process.stdout.write(`explained as it was answered: ${JSON.stringify(counts)}\n`);
  await hook?.stop();
  await Promise.all([inventory?.stop(), issuer?.stop()]);
});

/** Every inventory is seen at this time; earlier ends are past, later ones to come. */
const NOW = 10;
const HOUR_MS = 3_600_000;

const IDS = ["p1", "p2", "p3", "p4", "e1", "e2", "gone"];
const idOf = (name: string): string =>
  `00000000-0000-4000-8000-${String(IDS.indexOf(name)).padStart(12, "0")}`;

/** Makes the database hold exactly these facts. */
async function store({ holders, blocks }: AccessFacts): Promise<void> {
  const base = Date.now();
  const end = (until: number | null): Date | null =>
    until === null ? null : new Date(base + (until - NOW) * HOUR_MS);
  const where = { hasuraId: HASURA, environment: "default" };
  const { db } = inventory;
  await change(db, async (tx) => {
    await tx.$executeRaw`TRUNCATE output_port, external_role, combined_role, access_block CASCADE`;
    for (const [index, { id: name, kind, role, fields, members, grants }] of holders.entries()) {
      const id = idOf(name);
      const unique = `${role}${" ".repeat(role.startsWith(" ") ? index : 0)}`;
      if (kind === "COMBINED") {
        const memberIds = members.map(idOf);
        await tx.combinedRole.create({
          data: { ...where, name: role, memberIds, state: "ACTIVE" },
        });
        continue;
      }
      if (kind === "PORT") {
        const urn = `urn:${name}`;
        const named = { componentKey: urn, componentId: urn, name, domain: "d" };
        const product = { dataProductId: "dp", dataProductName: "dp" };
        const data = { id, ...where, ...named, ...product, phase: "ACTIVE" as const, role: unique };
        await tx.outputPort.create({ data });
        await tx.ownedName.createMany({
          data: [
            ...fields.map((field) => ({ name: field, namespace: "ROOT_FIELD" as const })),
            { name: unique, namespace: "ROLE" as const },
          ].map((owned) => ({ ...owned, ...where, purpose: "select", portId: id })),
        });
      } else
        await tx.externalRole.create({
          data: {
            ...{ id, hasuraId: HASURA, name: unique, componentId: name },
            fields: { create: [...new Set(fields)].map((field) => ({ name: field })) },
          },
        });
      // Of grants of one class to one subject a database holds one that is live: the longest.
      const longest = new Map<
        string,
        { class: "ACL" | "OWNER" | "MANUAL"; subject: string; until: Date | null }
      >();
      for (const given of grants)
        for (const subject of given.subjects) {
          const key = `${given.class} ${subject}`;
          const known = longest.get(key);
          const until = end(given.until);
          if (
            known === undefined ||
            (known.until !== null && (until === null || until > known.until))
          )
            longest.set(key, { class: given.class, subject, until });
        }
      const holder = kind === "PORT" ? { portId: id } : { externalRoleId: id };
      await tx.grant.createMany({
        data: [...longest.values()].map((given) => ({ ...where, ...holder, ...given, actor: "t" })),
      });
    }
    // A database has no blocks on ports that it does not have; they would mean nothing.
    const isThere = (port: string | null) =>
      port === null || holders.some(({ id, kind }) => id === port && kind === "PORT");
    const real = blocks.filter(({ portId }) => isThere(portId));
    await tx.accessBlock.createMany({
      data: real.map(({ subject, portId, until }) => ({
        hasuraId: HASURA,
        ...{ subject, until: end(until), reason: "r", actor: "t" },
        portId: portId === null ? null : idOf(portId),
      })),
    });
  });
  await hook.snapshot.refresh();
}

const QUERY = `query ($input: ExplainAccessInput!) { explainAccess(input: $input) {
  allowed role rule reason text identity { userId subjects } missing { rootField } candidates { role verdict } blocks { id } } }`;

interface Explained {
  readonly allowed: boolean;
  readonly role: string | null;
  readonly rule: string | null;
  readonly reason: string | null;
  readonly text: string;
  readonly identity: { userId: string; subjects: string[] } | null;
  readonly candidates: { role: string; verdict: string }[];
}

async function explained(input: object): Promise<Explained> {
  const response = await handler.fetch("http://127.0.0.1/graphql", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ query: QUERY, variables: { input } }),
  });
  const answer = (await response.json()) as { data: { explainAccess: Explained } };
  return answer.data.explainAccess;
}

async function compare(facts: AccessFacts, asked: NaiveQuestion): Promise<void> {
  const { subjects, requests, wishedRole } = asked;
  const users = subjects.filter((subject) => subject.startsWith("user:"));
  // A token speaks of one user, and a batch has no one text.
  if (users.length > 1 || requests.length > 1) return;
  const [request] = requests;
  const sent = request === undefined ? null : (sentRequest(request) as object);
  const groups = subjects.filter((subject) => subject.startsWith("group:"));
  const token = await issuer.sign({
    unique_name: users[0]?.slice("user:".length) ?? "nobody@example.com",
    groups: groups.map((group) => group.slice("group:".length)),
  });
  const headers = {
    Authorization: `Bearer ${token}`,
    ...(wishedRole === undefined ? {} : { "X-Hasura-Role": wishedRole }),
  };
  const answer = await hook.post(headers, sent);
  const question = { ...sent, ...(wishedRole === undefined ? {} : { role: wishedRole }) };
  const told = await explained({ token, ...question });
  expect({
    allowed: told.allowed,
    role: told.role ?? undefined,
    reason: told.reason ?? undefined,
    userId: told.allowed ? told.identity?.userId : undefined,
  }).toEqual({
    allowed: answer.status === 200,
    role: answer.body["X-Hasura-Role"],
    reason: answer.body.reason,
    userId: answer.body["X-Hasura-User-Id"],
  });
  expect(told.role).toBe(naiveDecision(facts, { ...asked, now: NOW }).role);
  expect(told.text).not.toBe("");
  expect(told.rule === null).toBe(!told.allowed);
  if (told.allowed) expect(told.candidates).toContainEqual({ role: told.role, verdict: "GRANTED" });
  const [user] = users;
  if (user !== undefined) {
    const named = await explained({ subject: user, groups, ...question });
    expect({ ...named, identity: null, text: "" }).toEqual({ ...told, identity: null, text: "" });
  }
  counts.cases += 1;
  counts[told.allowed ? "allowed" : "refused"] += 1;
}

it("an explanation is what the webhook answers, and what the rule says", {
  timeout: 600_000,
}, async () => {
  const questions = fc.array(question, { minLength: QUESTIONS, maxLength: QUESTIONS });
  await fc.assert(
    fc.asyncProperty(history, questions, async (states, asked) => {
      const [facts] = states;
      if (facts === undefined) return;
      await store(facts);
      for (const one of asked) await compare(facts, one);
    }),
    { numRuns: INVENTORIES, endOnFailure: true },
  );
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(10);
});

it("what several roles are needed for is told in the same order, however the database comes by the rows", async () => {
  const ids = ["p1", "p2", "p3", "p4", "e1", "e2"];
  const holders = ids.map((id) => ({
    ...{ id, kind: id.startsWith("p") ? ("PORT" as const) : ("EXTERNAL" as const) },
    ...{ role: `role_${id}`, fields: [`field_${id}`], members: [] },
    grants: [{ class: "ACL" as const, until: null, subjects: ["user:u"] }],
  }));
  const lists: unknown[] = [];
  for (const written of [holders, holders.toReversed()]) {
    await store({ generation: 1n, holders: written, blocks: [] });
    const { candidates, reason } = await explained({ subject: "user:u" });
    expect(reason).toBe("SEVERAL_ROLES_NEEDED");
    lists.push(candidates.map(({ role }) => role));
  }
  expect(lists[1]).toEqual(lists[0]);
  const textOf = async (...rootFields: string[]) =>
    (await explained({ subject: "user:u", rootFields })).text;
  expect(await textOf("field_p1", "field_p2")).toContain("combineOutputPorts");
  expect(await textOf("field_p1", "field_e1")).toMatch(/it has to be asked for in parts\.$/);
});
