/** Ports' roles in an older role mapper beside this service: a stand-in that is slow, fails, is away and comes back. */
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { createGraphqlHandler } from "../../../src/graphql/server.ts";
import { readGeneration, registerReplica, renewLease } from "../../../src/inventory/access.ts";
import { addBlock, endBlocks } from "../../../src/inventory/blocks.ts";
import type { OutputPort } from "../../../src/inventory/generated/client.ts";
import { mirrorPorts, wakeMirror } from "../../../src/operations/mirror.ts";
import { submitUpdateAcl } from "../../../src/operations/submit.ts";
import { createRoleMapperRouter } from "../../../src/rest/role-mapper.ts";
import { createRoleMapper } from "../../../src/role-mapper/client.ts";
import {
  type RoleMapperStandIn,
  startRoleMapperStandIn,
} from "../../../src/sandbox/role-mapper.ts";
import { example, type Plane, startPlane } from "../../support/plane.ts";
import { change } from "../access/inventory.ts";

const SELECT = "healthcare_vaccinations_0_vaccinationsgraphql_select";

let older: RoleMapperStandIn;
let plane: Plane;
let vaccinations: string;
let trips: string;
let port: OutputPort;

beforeAll(async () => {
  [older, vaccinations, trips] = await Promise.all([
    startRoleMapperStandIn(),
    example("vaccinations"),
    example("trips"),
  ]);
  plane = await startPlane({
    settings: {
      ROLE_MAPPER_MIRROR: "true",
      ROLE_MAPPER_URL: older.url,
      ROLE_MAPPER_TIMEOUT: "0.5",
    },
  });
  expect((await plane.provision(vaccinations)).status).toBe("COMPLETED");
  port = await plane.ctx.db.outputPort.findFirstOrThrow();
});
afterAll(async () => {
  await plane?.stop();
  await older?.stop();
});
afterEach(() => {
  older.pace(0);
  older.fault(0, () => undefined);
});

async function condition(portId = port.id): Promise<string> {
  const row = await plane.ctx.db.condition.findUnique({
    where: { portId_type: { portId, type: "MIRRORED" } },
  });
  return row === null ? "none" : `${row.status} ${row.reason}`;
}
const message = async (portId = port.id) =>
  (
    await plane.ctx.db.condition.findUniqueOrThrow({
      where: { portId_type: { portId, type: "MIRRORED" } },
    })
  ).message;
const agrees = (portId = port.id) =>
  expect.poll(() => condition(portId), { timeout: 20_000 }).toBe("TRUE Agreed");

/** Who has a role there. */
function held(role = port.role): string[] {
  const row = older.roles.get(role);
  return row === undefined ? [] : [...row.users, ...row.groups].sort();
}
const holds = (...refs: string[]) => expect.poll(() => held(), { timeout: 20_000 }).toEqual(refs);
/** Wakes the mirror as a sweep does. */
const woken = () => wakeMirror(plane.ctx, plane.ctx.db);

describe("what holds of a port", () => {
  it("is written once it is in force: the role, its root fields and its access list, as they were spelt", async () => {
    await agrees();
    expect(older.roles.get(port.role)?.componentId).toBe(port.componentId);
    const fields = await plane.ctx.db.ownedName.findMany({
      where: { portId: port.id, namespace: "ROOT_FIELD" },
    });
    expect([...(older.roles.get(port.role)?.fields ?? [])].sort()).toEqual(
      fields.map(({ name }) => name).sort(),
    );
    expect(older.roles.get(port.role)?.fields.has(SELECT)).toBe(true);
    expect(held()).toEqual([]);
    const refs = ["USER:default/Ann_Example.com", "user:bob_example.com", "group:Ward Nurses"];
    expect((await plane.updateAcl(vaccinations, refs)).status).toBe("COMPLETED");
    await holds("group:Ward Nurses", "user:Ann_Example.com", "user:bob_example.com");
    await agrees();
    await plane.updateAcl(vaccinations, ["user:ANN_example.com", "group:ward nurses"]);
    await holds("group:ward nurses", "user:ANN_example.com");
  });

  it("is never there before every webhook decides by it", async () => {
    const { db } = plane.ctx;
    const id = randomUUID();
    await plane.updateAcl(vaccinations, ["user:before"]);
    await holds("user:before");
    await registerReplica(db, id);
    const follow = async () => renewLease(db, id, await readGeneration(db), 60_000);
    await follow();
    const asked = { descriptor: vaccinations, refs: ["user:after"] };
    const token = await submitUpdateAcl(plane.ctx, asked, "test");
    await expect
      .poll(() => db.grant.count({ where: { subject: "user:after", endedAt: null } }))
      .toBe(1);
    const puts = older.puts.length;
    const pass = mirrorPorts(plane.ctx, new AbortController().signal);
    await new Promise((done) => setTimeout(done, 500));
    expect([held(), older.puts.length]).toEqual([["user:before"], puts]);
    await follow();
    await Promise.all([pass, plane.end(token)]);
    await db.replica.delete({ where: { id } });
    await holds("user:after");
  });

  it("is the same for groups that are bound: by the name that the directory has", async () => {
    await plane.ctx.db.groupBinding.create({
      data: { subject: "group:doctors", objectId: "o", name: "The DOCTORS", actor: "test" },
    });
    await plane.updateAcl(vaccinations, ["group:Doctors"]);
    await holds("group:The DOCTORS");
  });

  it("is written with its new root fields when they change, and who has the role stays", async () => {
    await plane.updateAcl(vaccinations, ["user:ann"]);
    await holds("user:ann");
    const renamed = vaccinations.replaceAll(SELECT, `${SELECT}ed`);
    expect((await plane.provision(renamed)).status).toBe("COMPLETED");
    await expect
      .poll(() => [...(older.roles.get(port.role)?.fields ?? [])])
      .toContain(`${SELECT}ed`);
    expect(older.roles.get(port.role)?.fields.has(SELECT)).toBe(false);
    await holds("user:ann");
    await plane.provision(vaccinations);
    await agrees();
  });

  it("follows blocks, and grants that end by themselves, for the older one knows neither", async () => {
    const { db, hasuraId } = plane.ctx;
    await plane.updateAcl(vaccinations, ["user:ann", "user:bob"]);
    await holds("user:ann", "user:bob");
    const target = { hasuraId, subject: "user:bob", portId: null };
    const block = { ...target, reason: "left", actor: "test" };
    await change(db, (tx) => addBlock(tx, block), { blocks: true });
    await woken();
    await holds("user:ann");
    await change(db, (tx) => endBlocks(tx, target, "back"), { blocks: true });
    const guest = {
      ...{ hasuraId, environment: port.environment, portId: port.id, subject: "user:guest" },
      ...{ class: "MANUAL" as const, actor: "test", until: new Date(Date.now() + 1_500) },
    };
    await change(db, (tx) => tx.grant.create({ data: guest }), { holders: [port.id] });
    await woken();
    await holds("user:ann", "user:bob", "user:guest");
    await holds("user:ann", "user:bob");
  });

  it("is asked for over GraphQL, and told of by nobody who does not mirror", async () => {
    const handler = createGraphqlHandler({ operations: plane.ctx, graphiql: false });
    const query = `{ outputPort(componentId: "${port.componentId}") { conditions { type status reason } } }`;
    const response = await handler.fetch("http://127.0.0.1/graphql", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ query }),
    });
    expect(await response.json()).toMatchObject({
      data: {
        outputPort: {
          conditions: expect.arrayContaining([
            { type: "MIRRORED", status: "TRUE", reason: "Agreed" },
          ]),
        },
      },
    });
  });

  it("is written by one at a time, and not again when nothing changed", async () => {
    await agrees();
    const before = older.puts.length;
    older.pace(20);
    await plane.updateAcl(vaccinations, ["user:one", "user:two"]);
    const { signal } = new AbortController();
    await Promise.all(Array.from({ length: 5 }, () => mirrorPorts(plane.ctx, signal)));
    await holds("user:one", "user:two");
    await agrees();
    expect(older.puts.length - before).toBe(3);
    await change(plane.ctx.db, async () => undefined, "everything");
    await mirrorPorts(plane.ctx, signal);
    expect(older.puts.length - before).toBe(3);
  });
});

describe("a role mapper that is away", () => {
  it("keeps nobody here waiting; when it is back it gets what holds then, and nothing of what was between", async () => {
    await plane.updateAcl(vaccinations, ["user:before"]);
    await holds("user:before");
    await agrees();
    await older.down();
    const before = older.puts.length;
    expect((await plane.updateAcl(vaccinations, ["user:lost"])).status).toBe("COMPLETED");
    await expect.poll(() => condition()).toBe("FALSE RoleMapperUnavailable");
    expect(await message()).toBe("The role mapper cannot be reached (ECONNREFUSED).");
    expect((await plane.updateAcl(vaccinations, ["user:newest"])).status).toBe("COMPLETED");
    await older.up();
    await holds("user:newest");
    await agrees();
    expect(JSON.stringify(older.puts.slice(before))).not.toContain("user:lost");
  });

  it("is told again until it answers: 500, 503, another service's page, silence", async () => {
    const answers: Parameters<RoleMapperStandIn["fault"]>[1][] = [
      (response) => response.writeHead(500).end('{"error":"System error"}'),
      (response) => response.writeHead(200).end("<html>welcome</html>"),
      (response) => response.writeHead(503).end("<html>"),
      (response) => response.writeHead(200).end("{}"),
      (response) => response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(),
      () => undefined,
    ];
    const tried = process.env.TEST_ALL === "1" ? answers : answers.slice(0, 3);
    for (const [index, answer] of tried.entries()) {
      older.fault(1, answer);
      await plane.updateAcl(vaccinations, [`user:try_${index}`]);
      await expect.poll(() => condition()).toMatch(/^FALSE RoleMapper/);
      await holds(`user:try_${index}`);
      await agrees();
    }
  });

  it("that answers nothing for one port answers for the others", async () => {
    expect((await plane.provision(trips)).status).toBe("COMPLETED");
    const other = await plane.ctx.db.outputPort.findFirstOrThrow({
      where: { name: { not: port.name } },
    });
    await agrees(other.id);
    older.fault(1, (response) => response.writeHead(500).end('{"error":"System error"}'));
    await plane.updateAcl(vaccinations, ["user:stuck"]);
    await expect.poll(() => condition()).toBe("FALSE RoleMapperRefused");
    await plane.updateAcl(trips, ["user:other"]);
    await expect.poll(() => held(other.role)).toEqual(["user:other"]);
    await holds("user:stuck");
  });
});

describe("an answer that is lost", () => {
  it("is not taken for an agreement: the port is told once more when nothing can come late", async () => {
    older.loseAnswers(1);
    await plane.updateAcl(vaccinations, ["user:told_twice"]);
    await expect.poll(() => condition(), { interval: 10 }).toBe("FALSE RoleMapperUnavailable");
    await expect.poll(() => condition(), { interval: 10 }).toBe("UNKNOWN Settling");
    await agrees();
    expect(held()).toEqual(["user:told_twice"]);
  });
});

describe("a role mapper that refuses", () => {
  it("is told of, with what to do where that is known", async () => {
    const { id, role } = await plane.ctx.db.outputPort.findFirstOrThrow({
      where: { name: { not: port.name } },
    });
    const known = older.roles.get(role);
    older.roles.delete(role);
    const former = {
      componentId: known?.componentId ?? "",
      fields: new Set<string>(),
      users: new Set<string>(),
      groups: new Set<string>(),
    };
    older.roles.set("its_former_role", former);
    await plane.updateAcl(trips, ["user:anybody"]);
    await expect.poll(() => condition(id)).toBe("FALSE RoleMapperRefused");
    expect(await message(id)).toBe(
      "The role mapper answers 500: System error. It has the role its_former_role for this component and takes one role a component: remove that one from its tables.",
    );
    older.roles.delete("its_former_role");
    await agrees(id);
    older.roles.set(role, { ...former, componentId: "urn:of:another" });
    await plane.updateAcl(trips, ["user:anybody_else"]);
    await expect.poll(() => condition(id)).toBe("FALSE RoleMapperRefused");
    expect(await message(id)).toContain(`answers 400: Cannot upsert role with role_id ${role}`);
    // Who may not read any more must not stay for the sake of that.
    await expect.poll(() => held(role)).toEqual(["user:anybody_else"]);
    older.roles.delete(role);
    await agrees(id);
  });

  it("because it is this service itself hears what is wrong", async () => {
    const web = express();
    const { log } = plane.ctx;
    web.use(
      createRoleMapperRouter({
        ...{ operations: plane.ctx, basePath: "", token: "x".repeat(20), notReady: () => [], log },
      }),
    );
    const server = createServer(web);
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const client = createRoleMapper({ url, timeoutMs: 5_000, redact: (text) => text });
    const answer = await client.putUsers("role", []);
    await new Promise((done) => server.close(done));
    expect(answer).toMatchObject({
      ok: false,
      reason: "UNAVAILABLE",
      text: expect.stringContaining("asks for a token, as this service does"),
    });
  });
});

describe("a port that goes", () => {
  it("leaves nobody with its role there, though Hasura has not let go of it yet", async () => {
    await plane.updateAcl(vaccinations, ["user:ann", "group:nurses"]);
    await holds("group:nurses", "user:ann");
    await plane.fault({ match: "/v1/metadata", action: "delay", ms: 2_000, times: 1 });
    const removed = plane.unprovision(vaccinations);
    await holds();
    expect((await removed).status).toBe("COMPLETED");
    await agrees();
    expect(older.roles.has(port.role)).toBe(true);
    expect((await plane.provision(vaccinations)).status).toBe("COMPLETED");
    await agrees();
    expect(held()).toEqual([]);
    expect((await plane.unprovision(vaccinations)).status).toBe("COMPLETED");
  });

  it("is nobody's to a role mapper that never heard of it", async () => {
    older.roles.delete(port.role);
    await plane.ctx.db.mirror.deleteMany();
    await plane.ctx.db.condition.deleteMany({ where: { type: "MIRRORED" } });
    await woken();
    await agrees();
    expect(await message()).toBe("Nobody has the role in the older role mapper.");
    expect(older.roles.has(port.role)).toBe(false);
  });
});
