/** One query about several ports, from the client to the data: the whole plane in front of the Hasura stand-in. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { WebSocket } from "ws";
import { example } from "../support/plane.ts";
import { type FrontDoor, startFrontDoor } from "./rest/front-door.ts";
import type { Reply } from "./rest/rest-face.ts";

const USER = "alice@example.com";
const REF = "user:alice_example.com";
const VACCINATIONS = "urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-graphql";
const TRIPS = "urn:dmb:cmp:mobility:city-trips:1:trips-api";
const DOSES = "healthcare_vaccinations_0_vaccinationsgraphql_select";
const RIDES = "mobility_citytrips_1_tripsapi_select";
const BOTH = `{ doses: ${DOSES}(limit: 1) { DATE } rides: ${RIDES}(limit: 1) { TRIP_ID } }`;
const DATA = {
  data: { doses: [{ DATE: expect.anything() }], rides: [{ TRIP_ID: expect.anything() }] },
};

let door: FrontDoor;
let descriptors: Record<"vaccinations" | "trips", string>;
let token = "";

/** REST waits long enough here for every operation to end. */
const statusOf = ({ json }: Reply) => json?.status;
const provision = async (descriptor: string) =>
  statusOf(
    await door.post("/v1/provision", { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor }),
  );
const unprovision = async (descriptor: string) =>
  statusOf(
    await door.post("/v1/unprovision", { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor }),
  );

async function grant(descriptor: string, refs: readonly string[]): Promise<void> {
  const reply = await door.post("/v1/updateacl", {
    refs,
    provisionInfo: { request: descriptor, result: "" },
  });
  expect(statusOf(reply)).toBe("COMPLETED");
}

/** What a consumer's client gets from Hasura. */
async function query(body: object, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(`${door.sandbox.url}/v1/graphql`, {
    method: "POST",
    headers: {
      "content-type": "application/json",
      authorization: `Bearer ${token}`,
      ...headers,
    },
    body: JSON.stringify(body),
  });
  return response.json();
}

const REFUSED = {
  errors: [
    expect.objectContaining({ extensions: expect.objectContaining({ code: "access-denied" }) }),
  ],
};

async function admin<T>(text: string, variables: object = {}): Promise<T> {
  const reply = await door.post("/graphql", { query: text, variables });
  const { data, errors } = reply.json as unknown as { data: T; errors?: unknown };
  expect(errors).toBeUndefined();
  return data;
}

interface Role {
  name: string;
  state: string;
  declaredBy: string | null;
  declareReason: string | null;
  madeAt: string | null;
  writeMilliseconds: number | null;
  rebuildMilliseconds: number | null;
  outputPorts: { componentId: string }[];
}

async function roles(): Promise<Role[]> {
  const { combinedRoles } = await admin<{ combinedRoles: { edges: { node: Role }[] } }>(
    "{ combinedRoles { edges { node { name state declaredBy declareReason madeAt writeMilliseconds rebuildMilliseconds outputPorts { componentId } } } } }",
  );
  return combinedRoles.edges.map(({ node }) => node);
}

async function change(field: string, input: object): Promise<{ status: string; result: string }> {
  const type = field === "combineOutputPorts" ? "CombineInput" : "SeparateInput";
  const data = await admin<Record<string, { status: string; result: string }>>(
    `mutation ($input: ${type}!) { ${field}(input: $input, wait: 15000) { status result } }`,
    { input },
  );
  return data[field] ?? { status: "", result: "" };
}

/** Names of the inherited roles that Hasura holds. */
async function inherited(): Promise<string[]> {
  const response = await fetch(`${door.sandbox.url}/v1/metadata`, {
    method: "POST",
    headers: { "x-hasura-admin-secret": door.sandbox.hasuraAdminSecret },
    body: JSON.stringify({ type: "export_metadata", args: {} }),
  });
  const metadata = (await response.json()) as { inherited_roles?: { role_name: string }[] };
  return (metadata.inherited_roles ?? []).map(({ role_name }) => role_name);
}

async function start(settings: Record<string, string>): Promise<void> {
  door = await startFrontDoor({ OPERATION_WAIT_MS: "15000", ...settings });
  door.sandbox.setAuthHook(`${door.url}/v1/authenticate`);
  const names = ["vaccinations", "trips"] as const;
  const texts = await Promise.all(names.map((name) => example(name)));
  descriptors = { vaccinations: texts[0] ?? "", trips: texts[1] ?? "" };
  for (const text of texts) {
    expect(await provision(text)).toBe("COMPLETED");
    await grant(text, [REF]);
  }
  const response = await fetch(`${door.sandbox.url}/sandbox/token?user=${USER}`);
  token = ((await response.json()) as { token: string }).token;
}

describe("with MULTI_PORT=auto", () => {
  beforeAll(() => start({ MULTI_PORT: "auto", MULTI_PORT_MAX_ROLES: "1" }));
  afterAll(() => door?.stop());

  it("a query about two ports is refused, and answered soon after", async () => {
    expect(await query({ query: BOTH })).toEqual(REFUSED);
    await expect.poll(() => query({ query: BOTH }), { timeout: 20_000 }).toEqual(DATA);
    const [role] = await roles();
    expect(await inherited()).toEqual([role?.name]);
    expect(role).toMatchObject({
      state: "ACTIVE",
      declaredBy: null,
      writeMilliseconds: expect.any(Number),
      rebuildMilliseconds: expect.any(Number),
      outputPorts: [{ componentId: VACCINATIONS }, { componentId: TRIPS }],
    });
  });

  it("so are a batch, introspection and a websocket", async () => {
    const batch = [
      { query: `{ doses: ${DOSES}(limit: 1) { DATE } }` },
      { query: `{ rides: ${RIDES}(limit: 1) { TRIP_ID } }` },
    ];
    expect(await query(batch)).toEqual([
      { data: { doses: DATA.data.doses } },
      { data: { rides: DATA.data.rides } },
    ]);
    const told = (await query({ query: "{ __schema { queryType { fields { name } } } }" })) as {
      data: { __schema: { queryType: { fields: { name: string }[] } } };
    };
    const fields = told.data.__schema.queryType.fields.map(({ name }) => name);
    expect(fields).toEqual(expect.arrayContaining([DOSES, RIDES]));
    expect(await overSocket(BOTH)).toEqual(DATA);
  });

  it("a query about one port still runs under that port's role", async () => {
    await query({ query: `{ ${DOSES}(limit: 1) { DATE } }` });
    const [role] = await roles();
    expect(
      await query(
        { query: `{ ${DOSES}(limit: 1) { DATE } }` },
        { "x-hasura-role": role?.name ?? "" },
      ),
    ).toMatchObject({ data: {} });
  });

  it("stays while a port changes", async () => {
    expect(await provision(await example("vaccinations-changed"))).toBe("COMPLETED");
    expect(await inherited()).toEqual([(await roles())[0]?.name]);
    const renamed = BOTH.replace(DOSES, DOSES.replace(/_select$/, "_by_age"));
    expect(await query({ query: renamed })).toEqual(DATA);
    expect(await query({ query: BOTH })).toEqual(REFUSED);
    expect(await provision(descriptors.vaccinations)).toBe("COMPLETED");
  });

  it("one of the two lost: both together are refused, also over a websocket; the other is not", async () => {
    await grant(descriptors.trips, ["user:bob_example.com"]);
    expect(await query({ query: BOTH })).toEqual(REFUSED);
    expect(await overSocket(BOTH)).not.toEqual(DATA);
    expect(await query({ query: `{ ${DOSES}(limit: 1) { DATE } }` })).toMatchObject({ data: {} });
    await grant(descriptors.trips, [REF]);
    expect(await query({ query: BOTH })).toEqual(DATA);
  });

  it("no client gets more than it is granted by wishing for the role", async () => {
    const [role] = await roles();
    await grant(descriptors.trips, ["user:bob_example.com"]);
    const wished = { "x-hasura-role": role?.name ?? "" };
    expect(await query({ query: BOTH }, wished)).toEqual(REFUSED);
    expect(await query({ query: `{ ${RIDES} { TRIP_ID } }` }, wished)).toEqual(REFUSED);
    await grant(descriptors.trips, [REF]);
  });

  it("somebody drops it in Hasura: a reconcile finds it and mends it", async () => {
    const [role] = await roles();
    const command = { type: "drop_inherited_role", args: { role_name: role?.name } };
    await fetch(`${door.sandbox.url}/v1/metadata`, {
      method: "POST",
      headers: { "x-hasura-admin-secret": door.sandbox.hasuraAdminSecret },
      body: JSON.stringify(command),
    });
    expect(await inherited()).toEqual([]);
    const reconcile = async (mode: string) =>
      (
        await admin<{ reconcile: { status: string; result: string } }>(
          `mutation { reconcile(input: {mode: ${mode}}, wait: 15000) { status result } }`,
        )
      ).reconcile;
    expect((await reconcile("REPORT")).result).toContain("1 difference(s)");
    const { findings } = await admin<{ findings: { edges: unknown[] } }>(
      "{ findings { edges { node { kind name } } } }",
    );
    expect(findings.edges).toEqual([
      { node: { kind: "MISSING", name: `inherited role ${role?.name}` } },
    ]);
    expect((await reconcile("REPAIR")).result).toContain("Repaired: 1");
    expect(await inherited()).toEqual([role?.name]);
    expect(await query({ query: BOTH })).toEqual(DATA);
  });

  it("a port goes: the role goes with it, in one write, and its name is free", async () => {
    expect(await unprovision(descriptors.trips)).toBe("COMPLETED");
    expect(await inherited()).toEqual([]);
    expect(await roles()).toEqual([]);
    expect(await door.db.ownedName.count({ where: { purpose: "combinedRole" } })).toBe(0);
    expect(await query({ query: BOTH })).toEqual(REFUSED);
    expect(await provision(descriptors.trips)).toBe("COMPLETED");
    await grant(descriptors.trips, [REF]);
    await query({ query: BOTH });
    await expect.poll(() => query({ query: BOTH }), { timeout: 20_000 }).toEqual(DATA);
  });

  it("it is not used for long: it ends, and a query brings it back", async () => {
    const long = new Date(Date.now() - 31 * 86_400_000);
    // Uses of a moment ago may still be on their way.
    const grown = async () => {
      await door.db.combinedRole.updateMany({ data: { requestedAt: long, lastUsedAt: long } });
      return inherited();
    };
    await expect.poll(grown, { timeout: 25_000, interval: 500 }).toEqual([]);
    await expect.poll(roles).toEqual([]);
    await expect
      .poll(() => query({ query: BOTH }), { timeout: 20_000, interval: 500 })
      .toEqual(DATA);
  }, 60_000);
});

describe("with MULTI_PORT=declared", () => {
  beforeAll(() => start({ MULTI_PORT: "declared", MULTI_PORT_MAX_ROLES: "1" }));
  afterAll(() => door?.stop());
  afterEach(async () => {
    for (const { name } of await roles())
      await change("separateOutputPorts", { name, reason: "the test is over" });
  });

  const both = { componentIds: [TRIPS, VACCINATIONS.toUpperCase()], reason: "the weekly report" };

  it("a query brings no role about; an admin does, and ends it", async () => {
    expect(await query({ query: BOTH })).toEqual(REFUSED);
    expect(await roles()).toEqual([]);
    const made = await change("combineOutputPorts", both);
    expect(made).toMatchObject({ status: "COMPLETED" });
    expect(made.result).toMatch(
      /^The role combined_\w+ is over 2 ports: Hasura took \d+ ms, and takes about [\d.]+ ms longer for every change from now on\. It is one of 1; there may be 1\.$/,
    );
    expect(await query({ query: BOTH })).toEqual(DATA);
    const [role] = await roles();
    expect(role).toMatchObject({
      ...{ state: "ACTIVE", declaredBy: "admin:local", declareReason: both.reason },
      madeAt: expect.any(String),
    });
    expect((await change("combineOutputPorts", both)).result).toContain("already");
    const gone = await change("separateOutputPorts", { name: role?.name, reason: "no more" });
    expect(gone).toEqual({ status: "COMPLETED", result: `The role ${role?.name} is gone.` });
    expect(await query({ query: BOTH })).toEqual(REFUSED);
    expect(await inherited()).toEqual([]);
  });
});

/** The first answer to a query over a websocket, or why there is none. */
async function overSocket(text: string): Promise<unknown> {
  const socket = new WebSocket(
    `${door.sandbox.url.replace(/^http/, "ws")}/v1/graphql`,
    "graphql-transport-ws",
  );
  return new Promise((resolve, reject) => {
    socket.on("open", () => {
      const payload = { headers: { authorization: `Bearer ${token}` } };
      socket.send(JSON.stringify({ type: "connection_init", payload }));
    });
    socket.on("message", (data) => {
      const message = JSON.parse(String(data)) as { type: string; payload?: unknown };
      if (message.type === "connection_ack")
        socket.send(JSON.stringify({ id: "1", type: "subscribe", payload: { query: text } }));
      if (message.type === "next" || message.type === "error") {
        resolve(message.payload);
        socket.terminate();
      }
    });
    socket.on("close", (code) => resolve({ code }));
    socket.on("error", reject);
  });
}
