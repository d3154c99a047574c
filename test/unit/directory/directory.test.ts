import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { type Directory, openDirectory } from "../../../src/directory/directory.ts";
import { AppError } from "../../../src/errors.ts";
import { type EntraStandIn, startEntraStandIn } from "../../../src/sandbox/entra.ts";

let entra: EntraStandIn;
const settings = (more: object = {}) => ({
  tenantId: entra.tenantId,
  clientId: entra.clientId,
  clientSecret: entra.clientSecret,
  scopes: [`${entra.url}/.default`],
  authorityUrl: entra.url,
  graphUrl: entra.url,
  ...more,
});
const open = (more: object = {}): Promise<Directory> => openDirectory(settings(more));

/** What the directory says is wrong. */
async function trouble(asking: Promise<unknown>): Promise<string> {
  const error = await asking.then(
    () => undefined,
    (caught: unknown) => caught,
  );
  if (!(error instanceof AppError)) throw error;
  expect(error.code).toBe("DIRECTORY_UNAVAILABLE");
  return error.message;
}

beforeAll(async () => {
  entra = await startEntraStandIn({ pageSize: 3 });
});
afterEach(() => {
  entra.permit(true);
  entra.fault(0, () => undefined);
});
afterAll(() => entra.stop());

describe("the directory", () => {
  it("finds groups by their name in any case, and every one of that name", async () => {
    const directory = await open();
    const nurses = entra.addGroup("Ward Nurses");
    expect(await directory.groupsNamed("ward nurses")).toEqual([
      { id: nurses, name: "Ward Nurses" },
    ]);
    for (let more = 0; more < 4; more += 1) entra.addGroup("WARD NURSES");
    expect(await directory.groupsNamed("ward nurses")).toHaveLength(5);
    expect(await directory.groupsNamed("ward nurse")).toEqual([]);
  });

  it.each(["O'Brien & Sons + 50% #1", "' or displayName ne '", "Ärzte/Ärztinnen?", 'a"b\\c'])(
    "asks for the name %s as it is",
    async (name) => {
      const id = entra.addGroup(name);
      expect(await (await open()).groupsNamed(name)).toEqual([{ id, name }]);
    },
  );

  it("takes no group whose name is only like the one asked for", async () => {
    const directory = await open();
    const value = [
      { id: "1", displayName: "Arzte" },
      { id: "2", displayName: "Ärzte " },
      { id: "3", displayName: null },
      { id: "ABC", displayName: "ÄRZTE" },
    ];
    entra.fault(1, (response) => response.end(JSON.stringify({ value })));
    expect(await directory.groupsNamed("ärzte")).toEqual([{ id: "abc", name: "ÄRZTE" }]);
  });

  it("reads a user's groups to the last page, also those by way of other groups", async () => {
    const user = entra.addUser();
    const direct = Array.from({ length: 7 }, (_, index) =>
      entra.addGroup(`direct ${index}`, [user]),
    );
    const outer = entra.addGroup("outer", [direct[0] ?? ""]);
    entra.addGroup("others", [entra.addUser()]);
    const directory = await open();
    const before = entra.stats().graph;
    const found = (await directory.groupsOf(user)).map(({ id }) => id);
    expect(found.sort()).toEqual([...direct, outer].sort());
    expect(entra.stats().graph - before).toBe(3);
  });

  it("signs in once for many questions", async () => {
    const directory = await open();
    const before = entra.stats().tokens;
    for (let asked = 0; asked < 3; asked += 1) await directory.groupsNamed("x");
    expect(entra.stats().tokens - before).toBe(1);
  });

  it("says what is wrong with the credentials, without them", async () => {
    const wrong = await trouble((await open({ clientSecret: "not-the-secret" })).groupsNamed("x"));
    expect(wrong).toContain("AADSTS7000215");
    expect(wrong).toContain("AZURE_CLIENT_SECRET");
    expect(wrong).not.toContain("not-the-secret");
    const scopes = ["https://elsewhere.example.com/.default"];
    expect(await trouble((await open({ scopes })).groupsNamed("x"))).toContain("AADSTS70011");
  });

  it("names the permission that is missing, and a user who is not there", async () => {
    const directory = await open();
    entra.permit(false);
    expect(await trouble(directory.groupsNamed("x"))).toContain("GroupMember.Read.All");
    entra.permit(true);
    const nobody = "00000000-0000-0000-0000-000000000000";
    expect(await trouble(directory.groupsOf(nobody))).toContain("does not know this user");
  });

  it("leaves the directory alone for as long as it asks", async () => {
    const directory = await open();
    await directory.groupsNamed("x");
    entra.fault(1, (response) => response.writeHead(429, { "retry-after": "1" }).end());
    expect(await trouble(directory.groupsNamed("x"))).toContain("wait");
    const before = entra.stats().graph;
    expect(await trouble(directory.groupsNamed("x"))).toContain("recover");
    expect(entra.stats().graph).toBe(before);
    await expect
      .poll(() => directory.groupsNamed("x").catch(() => null), { timeout: 5_000 })
      .toEqual([]);
  });

  it.each<[string, Parameters<EntraStandIn["fault"]>[1]]>([
    ["an error", (response) => response.writeHead(500).end()],
    ["no JSON", (response) => response.end("<html>")],
    ["JSON of another shape", (response) => response.end('{"value":{}}')],
    ["a broken connection", (response) => response.destroy()],
    ["a redirect", (response) => response.writeHead(302, { location: "/v1.0/groups" }).end()],
    ["too much", (response) => response.end(`{"value":[],"x":"${"x".repeat(3_000_000)}"}`)],
  ])("takes %s for no answer", async (_, answer) => {
    const directory = await open();
    entra.fault(1, answer);
    await trouble(directory.groupsNamed("x"));
  });

  it("sends its token to no other server, whatever an answer names", async () => {
    let asked = 0;
    const strange = createServer((_, response) => {
      asked += 1;
      response.end('{"value":[]}');
    });
    await new Promise<void>((done) => strange.listen(0, "127.0.0.1", done));
    const elsewhere = `http://127.0.0.1:${(strange.address() as AddressInfo).port}/v1.0/groups`;
    try {
      const directory = await open();
      for (const link of [elsewhere, "//127.0.0.1:1/", "not a url"]) {
        const page = { value: [], "@odata.nextLink": link };
        entra.fault(1, (response) => response.end(JSON.stringify(page)));
        expect(await trouble(directory.groupsNamed("x"))).toContain("another server");
      }
      expect(asked).toBe(0);
    } finally {
      strange.close();
    }
  });

  it("does not follow pages without end", async () => {
    const directory = await open();
    const page = { value: [], "@odata.nextLink": `${entra.url}/v1.0/groups` };
    entra.fault(1_000, (response) => response.end(JSON.stringify(page)));
    expect(await trouble(directory.groupsNamed("x"))).toContain("end of its answer");
  });
});
