import { Agent, request as httpRequest } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { awaitEnforced } from "../../../src/inventory/access.ts";
import { startIssuer, type TestIssuer } from "../../unit/access/token-issuer.ts";
import { type HookAnswer, startHook, type TestHook } from "./hook.ts";
import { ANN, createInventory, type TestInventory } from "./inventory.ts";

let inventory: TestInventory;
let issuer: TestIssuer;
let hook: TestHook;
let ann: string;

const VACCINATIONS = { query: "{ vaccinations { id } }" };
const refused = (reason: string): HookAnswer => ({ status: 401, body: { reason } });
const annAs = (role: string) => ({
  status: 200,
  body: {
    "X-Hasura-Role": role,
    "X-Hasura-User-Id": "user:Ann_example.com",
    "Cache-Control": "max-age=300",
  },
});
const bearer = (token: string) => ({ Authorization: `Bearer ${token}` });

beforeAll(async () => {
  [inventory, issuer] = await Promise.all([createInventory(), startIssuer()]);
  await inventory.grant(inventory.ports.health, ANN);
  await inventory.grant(inventory.ports.sales, "group:sellers");
  hook = await startHook({ issuer, db: inventory.db, databaseUrl: inventory.database.url });
  await hook.snapshot.refresh();
  ann = await issuer.sign({ unique_name: "Ann@example.com" });
});
afterAll(async () => {
  await hook.stop();
  await Promise.all([issuer.stop(), inventory.stop()]);
});

describe("the webhook", () => {
  it("answers Hasura's POST with the role of the port that is asked for", async () => {
    expect(await hook.post(bearer(ann), VACCINATIONS)).toEqual(annAs("health_role"));
    const fragment = {
      query: "{ ...F } fragment F on query_root { a: vaccinations_by_pk { id } }",
    };
    expect(await hook.post(bearer(ann), fragment)).toEqual(annAs("health_role"));
  });

  it("answers a websocket, a REST endpoint and introspection with the only role that is granted", async () => {
    expect(await hook.post(bearer(ann), null)).toEqual(annAs("health_role"));
    expect(await hook.post(bearer(ann))).toEqual(annAs("health_role"));
    expect(await hook.post(bearer(ann), { query: "{ __schema { types { name } } }" })).toEqual(
      annAs("health_role"),
    );
  });

  it("answers Hasura's GET, where the client's headers are the request's own", async () => {
    const response = await fetch(`${hook.url}?x=1`, { headers: bearer(ann) });
    expect({ status: response.status, body: await response.json() }).toEqual(annAs("health_role"));
    expect((await fetch(hook.url)).status).toBe(401);
  });

  it("refuses a GET with two tokens", async () => {
    const get = async (...authorization: string[]) =>
      await new Promise((resolve, reject) => {
        const headers = [
          "host",
          new URL(hook.url).host,
          ...authorization.flatMap((value) => ["authorization", value]),
        ];
        const asking = httpRequest(hook.url, { headers }, (response) => {
          response.resume();
          resolve(response.statusCode);
        });
        asking.on("error", reject);
        asking.end();
      });
    expect(await get(`Bearer ${ann}`)).toBe(200);
    expect(await get(`Bearer ${ann}`, "Bearer other")).toBe(401);
    expect(await get("Bearer other", `Bearer ${ann}`)).toBe(401);
  });

  it("refuses what is not granted", async () => {
    const both = { query: "{ vaccinations { id } orders { id } }" };
    expect(await hook.post(bearer(ann), { query: "{ orders { id } }" })).toEqual(
      refused("FIELD_NOT_GRANTED"),
    );
    expect(await hook.post(bearer(ann), both)).toEqual(refused("FIELD_NOT_GRANTED"));
    expect(await hook.post(bearer(ann), [VACCINATIONS, { query: "{ orders { id } }" }])).toEqual(
      refused("FIELD_NOT_GRANTED"),
    );
    expect(await hook.post(bearer(ann), { query: "mutation { vaccinations }" })).toEqual(
      refused("REQUEST_NOT_A_QUERY"),
    );
    const bob = await issuer.sign({ unique_name: "bob@example.com", groups: ["Buyers"] });
    expect(await hook.post(bearer(bob), VACCINATIONS)).toEqual(refused("NO_GRANT"));
    const ambiguous = await issuer.sign({ unique_name: "ann_example.com" });
    expect(await hook.post(bearer(ambiguous), VACCINATIONS)).toEqual(refused("NO_GRANT"));
  });

  it("hears grants to the groups of the token, and a wished role among those that are granted", async () => {
    const token = await issuer.sign({ unique_name: "Ann@example.com", groups: ["Sellers"] });
    expect(await hook.post(bearer(token), { query: "{ orders { id } }" })).toEqual(
      annAs("sales_role"),
    );
    expect(await hook.post(bearer(token), VACCINATIONS)).toEqual(annAs("health_role"));
    expect(await hook.post(bearer(token), null)).toEqual(refused("SEVERAL_ROLES_NEEDED"));
    expect(await hook.post({ ...bearer(token), "x-hasura-role": "sales_role" }, null)).toEqual(
      annAs("sales_role"),
    );
    const admin = { ...bearer(token), "X-Hasura-Role": "admin" };
    expect(await hook.post(admin, null)).toEqual(refused("SEVERAL_ROLES_NEEDED"));
    expect(await hook.post(admin, VACCINATIONS)).toEqual(annAs("health_role"));
  });

  it.each(["bearer", "BEARER", "Bearer "])("takes the scheme in any case: %j", async (scheme) => {
    expect(await hook.post({ aUTHORIZATION: `${scheme} ${ann}` }, VACCINATIONS)).toEqual(
      annAs("health_role"),
    );
  });

  it("refuses when it is not clear which token is meant", async () => {
    const missing = refused("TOKEN_MISSING");
    expect(await hook.post({}, VACCINATIONS)).toEqual(missing);
    expect(await hook.post({ Authorization: ann }, VACCINATIONS)).toEqual(missing);
    expect(await hook.post({ Authorization: `Basic ${ann}` }, VACCINATIONS)).toEqual(missing);
    expect(await hook.post({ Authorization: `Basic x, Bearer ${ann}` }, VACCINATIONS)).toEqual(
      missing,
    );
    expect(await hook.post({ Authorization: `Bearer x Bearer ${ann}` }, VACCINATIONS)).toEqual(
      missing,
    );
    expect(await hook.post({ Authorization: [`Bearer ${ann}`] }, VACCINATIONS)).toEqual(missing);
    expect(
      await hook.post({ authorization: "Bearer other", ...bearer(ann) }, VACCINATIONS),
    ).toEqual(missing);
    expect(
      await hook.post({ authorization: `Bearer ${ann}`, ...bearer(ann) }, VACCINATIONS),
    ).toEqual(annAs("health_role"));
    expect(await hook.post({ "X-Other": `Bearer ${ann}` }, VACCINATIONS)).toEqual(missing);
  });

  it("takes the token from the headers that are configured, in their order", async () => {
    const configured = await startHook({
      issuer,
      db: inventory.db,
      databaseUrl: inventory.database.url,
      headerNames: ["X-Auth-Token", "authorization"],
    });
    await configured.snapshot.refresh();
    expect(await configured.post({ "x-auth-token": `Bearer ${ann}` }, VACCINATIONS)).toEqual(
      annAs("health_role"),
    );
    expect(await configured.post(bearer(ann), VACCINATIONS)).toEqual(annAs("health_role"));
    const both = { ...bearer(ann), "X-AUTH-TOKEN": "Bearer wrong" };
    expect(await configured.post(both, VACCINATIONS)).toEqual(refused("TOKEN_REFUSED"));
    await configured.stop();
  });

  it("lets a websocket last no longer than the token or the grant", async () => {
    const exp = Math.floor(Date.now() / 1000) + 60;
    const short = await issuer.sign({ unique_name: "Ann@example.com", exp });
    const seconds = (answer: HookAnswer) =>
      Number(/^max-age=(\d+)$/.exec(answer.body["Cache-Control"] ?? "")?.[1]);
    const byToken = seconds(await hook.post(bearer(short), null));
    expect(byToken).toBeGreaterThan(50);
    expect(byToken).toBeLessThanOrEqual(60);
    await inventory.grant(inventory.ports.sales, "group:guests", new Date(Date.now() + 30_000));
    await hook.snapshot.refresh();
    const guest = await issuer.sign({ unique_name: "guest@example.com", groups: ["guests"] });
    const byGrant = seconds(await hook.post(bearer(guest), null));
    expect(byGrant).toBeGreaterThan(20);
    expect(byGrant).toBeLessThanOrEqual(30);
  });

  it("ends a grant at its time, with nothing changed in the database", async () => {
    await inventory.grant(inventory.ports.sales, "group:brief", new Date(Date.now() + 600));
    await hook.snapshot.refresh();
    const brief = bearer(
      await issuer.sign({ unique_name: "brief@example.com", groups: ["brief"] }),
    );
    expect((await hook.post(brief, null)).status).toBe(200);
    await expect
      .poll(async () => await hook.post(brief, null), { interval: 20 })
      .toEqual(refused("NO_GRANT"));
  });

  it.each([
    ["nothing", ""],
    ["no JSON", "{"],
    ["a text", '"x"'],
    ["an array", "[]"],
    ["no headers", '{"request":null}'],
    ["headers that are no object", '{"headers":"Authorization: x","request":null}'],
    ["bytes that are no text", Buffer.from([0xff, 0xfe, 0x00])],
  ])("refuses a body with %s", async (_, body) => {
    const response = await fetch(hook.url, { method: "POST", body });
    expect({ status: response.status, body: await response.json() }).toEqual(
      refused("BODY_MALFORMED"),
    );
  });

  it("takes a body up to its limit, and answers one beyond it", async () => {
    const variables = { filler: "x".repeat(1_300_000) };
    expect(await hook.post(bearer(ann), { ...VACCINATIONS, variables })).toEqual(
      annAs("health_role"),
    );
    variables.filler += "x".repeat(300_000);
    expect(await hook.post(bearer(ann), { ...VACCINATIONS, variables })).toEqual(
      refused("BODY_TOO_LARGE"),
    );
    expect(await hook.post(bearer(ann), VACCINATIONS)).toEqual(annAs("health_role"));
  });

  it.each(["PUT", "DELETE", "OPTIONS", "PATCH"])("refuses %s", async (method) => {
    const response = await fetch(hook.url, { method, headers: bearer(ann) });
    expect({ status: response.status, body: await response.json() }).toEqual(
      refused("METHOD_UNKNOWN"),
    );
  });

  it("leaves other paths to others", async () => {
    for (const path of ["/v1/authenticate/x", "/v1/authenticat", "/v1/roles", "/"])
      expect((await fetch(new URL(path, hook.url), { headers: bearer(ann) })).status).toBe(404);
  });

  it("goes on after a client that went away in the middle of a body", async () => {
    const agent = new Agent();
    const leaving = httpRequest(hook.url, {
      method: "POST",
      agent,
      headers: { "content-length": 1_000 },
    });
    const closed = new Promise((resolve) => leaving.once("error", resolve));
    leaving.write("{");
    await new Promise((resolve) =>
      leaving.once("socket", (socket) => socket.once("connect", resolve)),
    );
    leaving.destroy(new Error("gone"));
    await closed;
    expect(await hook.post(bearer(ann), VACCINATIONS)).toEqual(annAs("health_role"));
    expect(hook.log()).not.toContain("refused because of a fault");
  });

  it("never writes a token to the log", async () => {
    await hook.post({ Authorization: `bearer: ${ann}` }, VACCINATIONS);
    await hook.post(bearer(`${ann}x`), VACCINATIONS);
    const signature = ann.slice(-40);
    expect(hook.log()).not.toContain(signature);
    expect(hook.log()).toContain("TOKEN_REFUSED");
  });
});

describe("revocation", () => {
  it("holds for every request that begins after the barrier, however many are under way", async () => {
    const { db, ports, grant, revoke } = inventory;
    const carol = bearer(await issuer.sign({ unique_name: "carol@example.com" }));
    const subject = "user:carol_example.com";
    for (let round = 0; round < 5; round++) {
      await awaitEnforced(db, await grant(ports.health, subject), { timeoutMs: 10_000 });
      expect((await hook.post(carol, VACCINATIONS)).status).toBe(200);
      let enforced = false;
      let stop = false;
      const late: HookAnswer[] = [];
      const counts = { allowed: 0, after: 0 };
      const client = async (): Promise<void> => {
        while (!stop) {
          const begunAfter = enforced;
          const answer = await hook.post(carol, VACCINATIONS);
          if (answer.status === 200) counts.allowed += 1;
          if (begunAfter) counts.after += 1;
          if (begunAfter && answer.status !== 401) late.push(answer);
        }
      };
      const clients = Array.from({ length: 8 }, client);
      await expect.poll(() => counts.allowed).toBeGreaterThan(20);
      await awaitEnforced(db, await revoke(ports.health, subject), { timeoutMs: 10_000 });
      enforced = true;
      await expect.poll(() => counts.after).toBeGreaterThan(20);
      stop = true;
      await Promise.all(clients);
      expect(late).toEqual([]);
    }
  });
});
