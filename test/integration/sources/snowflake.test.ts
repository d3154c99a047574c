import { existsSync } from "node:fs";
import { createServer, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { AppError } from "../../../src/errors.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import { createSampleData, installSnowflakeDatabase } from "../../../src/sandbox/sample/data.ts";
import { type SnowflakeStandIn, startSnowflakeStandIn } from "../../../src/sandbox/snowflake.ts";
import type { SnowflakeSettings, SourceInspector } from "../../../src/sources/kind.ts";
import { startSources } from "../../../src/sources/sources.ts";
import {
  createDatabase,
  databaseUrl,
  ensureDatabase,
  type TestDatabase,
} from "../../support/postgres.ts";

// The driver would look for clouds around it when it is loaded; it is, by the first inspection.
process.env.SNOWFLAKE_DISABLE_PLATFORM_DETECTION = "true";

const PASSWORD = "s3cret&pass word%";

let standIn: SnowflakeStandIn;
let own: TestDatabase;
let requests: string[] = [];
let servers: Server[] = [];
let host: string;
let opened: SourceInspector[] = [];

beforeAll(async () => {
  await createSampleData({ createDatabase: ensureDatabase, url: databaseUrl });
  own = await createDatabase();
  await installSnowflakeDatabase(
    own.url,
    `CREATE SCHEMA "Odd Schema"; CREATE SCHEMA "SALES"; CREATE SCHEMA sales; CREATE SCHEMA "EMPTY";
     CREATE TABLE "Odd Schema"."types" (
       "B" boolean, "N" numeric(10,2) NOT NULL, "D" date, "TS" timestamp, "V" jsonb, "lower" text);
     CREATE VIEW "SALES"."ORDERS" AS SELECT 1 AS "A";
     CREATE VIEW "SALES"."orders" AS SELECT 1 AS "B";
     CREATE VIEW sales."ONLY_HERE" AS SELECT 1 AS "C";
     CREATE VIEW "SALES"."Refunds-$1" AS SELECT 1 AS "D";`,
  );
  standIn = startSnowflakeStandIn({
    user: "READER",
    password: PASSWORD,
    role: "SOURCES",
    warehouse: "WH",
    databaseUrl,
    log: createLogger({ level: "silent" }),
  });
});

afterAll(async () => {
  await standIn?.stop();
  await own?.drop();
});

beforeEach(async () => {
  requests = [];
  host = await listen((request, response) => {
    requests.push(`${request.method} ${new URL(request.url ?? "/", "http://x").pathname}`);
    standIn
      .handle(request, response)
      .then((done) => done || response.writeHead(404).end())
      .catch(() => response.writeHead(400).end());
  });
});

afterEach(async () => {
  await Promise.all(opened.map((sources) => sources.stop()));
  for (const server of servers) {
    server.closeAllConnections();
    server.close();
  }
  opened = [];
  servers = [];
});

async function listen(handler: RequestListener): Promise<string> {
  const server = createServer(handler);
  servers.push(server);
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function open(account: Partial<SnowflakeSettings> = {}, timeoutMs?: number): SourceInspector {
  const sources = startSources(
    {
      snowflake: {
        host,
        user: "READER",
        password: PASSWORD,
        role: "SOURCES",
        warehouse: "WH",
        ...account,
      },
      credentials: "env",
      references: { snowflakeUser: "U", snowflakePassword: "P" },
    },
    timeoutMs === undefined ? {} : { timeoutMs },
  );
  opened.push(sources);
  return sources;
}

function port(database: string, schema: string, relation: string) {
  return { componentId: "urn:c", kind: "snowflake" as const, database, schema, relation };
}

const VACCINATIONS = port("HEALTHCARE", "VACCINATIONS_0", "VACCINATIONS_CLEAN_VIEW");

async function failure(action: Promise<unknown>): Promise<AppError> {
  const error = await action.then(
    () => new Error("it did not fail"),
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw error;
  const said = JSON.stringify([error.message, error.problems]);
  expect(said).not.toContain(PASSWORD);
  expect(said).not.toMatch(/READER|INFORMATION_SCHEMA|SELECT /);
  return error;
}

describe("inspecting a Snowflake relation", () => {
  it("finds an exact name and its columns in their order", async () => {
    const relation = await open().inspect(VACCINATIONS);
    expect(relation.path).toEqual(["HEALTHCARE", "VACCINATIONS_0", "VACCINATIONS_CLEAN_VIEW"]);
    expect(relation.warnings).toEqual([]);
    expect(relation.columns.map(({ name }) => name)).toEqual([
      "DATE",
      "LOCATION_KEY",
      "NEW_PERSONS_VACCINATED",
      "NEW_PERSONS_FULLY_VACCINATED",
      "NEW_VACCINE_DOSES_ADMINISTERED",
      "CUMULATIVE_PERSONS_VACCINATED",
      "CUMULATIVE_PERSONS_FULLY_VACCINATED",
      "CUMULATIVE_VACCINE_DOSES_ADMINISTERED",
    ]);
    expect(relation.columns[0]).toEqual({ name: "DATE", type: "DATE", nullable: true });
  });

  it("matches database, schema and view regardless of case where there is one match only, and says so", async () => {
    const asked = port("healthcare", "vaccinations_0", "vaccinations_clean_view");
    const relation = await open().inspect(asked);
    expect(relation.path).toEqual(["HEALTHCARE", "VACCINATIONS_0", "VACCINATIONS_CLEAN_VIEW"]);
    expect(relation.columns).toHaveLength(8);
    expect(relation.warnings).toEqual([
      "The database healthcare was matched to HEALTHCARE",
      "The schema vaccinations_0 was matched to VACCINATIONS_0",
      "The view vaccinations_clean_view was matched to VACCINATIONS_CLEAN_VIEW",
    ]);
  });

  it("keeps lower case, spaces and odd signs exact, and tells types and nullability", async () => {
    const sources = open();
    expect(await sources.inspect(port(own.name, "Odd Schema", "types"))).toEqual({
      path: [own.name, "Odd Schema", "types"],
      columns: [
        { name: "B", type: "BOOLEAN", nullable: true },
        { name: "N", type: "NUMBER", nullable: false },
        { name: "D", type: "DATE", nullable: true },
        { name: "TS", type: "TIMESTAMP_NTZ", nullable: true },
        { name: "V", type: "VARIANT", nullable: true },
        { name: "lower", type: "TEXT", nullable: true },
      ],
      warnings: [],
    });
    expect((await sources.inspect(port(own.name, "SALES", "Refunds-$1"))).columns).toHaveLength(1);
  });

  it("takes the exact one of two views that differ in case only", async () => {
    const sources = open();
    const names = async (relation: string) =>
      (await sources.inspect(port(own.name, "SALES", relation))).columns.map(({ name }) => name);
    expect(await names("ORDERS")).toEqual(["A"]);
    expect(await names("orders")).toEqual(["B"]);
  });

  it("finds the only match in a schema of another case", async () => {
    const relation = await open().inspect(port(own.name, "SALES", "only_here"));
    expect(relation.path).toEqual([own.name, "sales", "ONLY_HERE"]);
    expect(relation.warnings).toHaveLength(2);
  });

  it("refuses to choose among several, and names them", async () => {
    const error = await failure(open().inspect(port(own.name, "Sales", "Orders")));
    expect(error.code).toBe("SOURCE_REFUSED");
    expect(error.message).toContain("SALES.ORDERS, SALES.orders");
    expect(error.problems).toEqual([
      expect.objectContaining({
        path: "dataProduct.components.urn:c.specific.viewName",
        suggestion: "SALES.ORDERS or SALES.orders",
      }),
    ]);
  });

  it.each([
    [
      "view",
      port("HEALTHCARE", "vaccinations_0", "VACCINATION_CLEAN_VIEW"),
      "viewName",
      "VACCINATIONS_CLEAN_VIEW",
    ],
    ["schema", port("HEALTHCARE", "VACINATIONS_0", "X"), "schema", "VACCINATIONS_0"],
  ])("names the nearest %s when there is none of that name", async (_what, asked, field, close) => {
    const error = await failure(open().inspect(asked));
    expect(error.code).toBe("SOURCE_REFUSED");
    expect(error.message).toContain(`Did you mean ${close}?`);
    expect(error.problems).toEqual([
      expect.objectContaining({
        path: `dataProduct.components.urn:c.specific.${field}`,
        suggestion: close,
      }),
    ]);
  });

  it("says that a database is not there, or not granted", async () => {
    const error = await failure(open().inspect(port("NOWHERE_1", "S", "V")));
    expect(error.code).toBe("SOURCE_REFUSED");
    expect(error.message).toContain("no database NOWHERE_1");
    expect(error.problems).toMatchObject([
      { path: "dataProduct.components.urn:c.specific.database" },
    ]);
  });

  it("asks nothing for a name that no reading would have let through", async () => {
    const error = await failure(open().inspect(port('X"."S"."V" --', "S", "V")));
    expect(error.code).toBe("SOURCE_REFUSED");
    expect(requests).toEqual([]);
  });
});

describe("relations that are inspected at once", () => {
  const statements = () => requests.filter((line) => line.includes("query-request"));

  it("share a statement a database, and each has its own answer", async () => {
    const sources = open();
    await sources.inspect(VACCINATIONS);
    requests = [];
    const [vaccinations, upper, lower, types, ambiguous] = await Promise.all([
      sources.inspect(VACCINATIONS),
      sources.inspect(port(own.name, "SALES", "ORDERS")),
      sources.inspect(port(own.name, "SALES", "orders")),
      sources.inspect(port(own.name, "odd schema", "TYPES")),
      failure(sources.inspect(port(own.name, "Sales", "Orders"))),
    ]);
    expect(statements()).toHaveLength(2);
    expect(vaccinations.columns).toHaveLength(8);
    expect(upper.columns.map(({ name }) => name)).toEqual(["A"]);
    expect(lower.columns.map(({ name }) => name)).toEqual(["B"]);
    expect(types.path).toEqual([own.name, "Odd Schema", "types"]);
    expect(types.columns.map(({ name }) => name)).toEqual(["B", "N", "D", "TS", "V", "lower"]);
    expect(ambiguous.message).toContain("SALES.ORDERS, SALES.orders");
  });

  it("are told by one answer that their database is not there, and looked for in the one in capitals", async () => {
    const sources = open();
    const names = ["VACCINATIONS_CLEAN_VIEW", "VACCINATIONS_BY_AGE_VIEW"];
    const relations = await Promise.all(
      names.map((name) => sources.inspect(port("healthcare", "VACCINATIONS_0", name))),
    );
    expect(statements()).toHaveLength(2);
    expect(relations.map(({ path }) => path)).toEqual(
      names.map((name) => ["HEALTHCARE", "VACCINATIONS_0", name]),
    );
  });

  it("are asked for one by one when Snowflake refuses the statement for all of them", async () => {
    let refusals = 1;
    const moody = await listen((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      if (!request.url?.includes("query-request") || refusals-- <= 0)
        return void standIn.handle(request, response);
      request.resume();
      const message = "Information schema query returned too much data.";
      const data = { errorCode: "090030", sqlState: "57014", queryId: "q" };
      response.writeHead(200, { "content-type": "application/json" });
      response.end(JSON.stringify({ success: false, code: "090030", message, data }));
    });
    const sources = open({ host: moody });
    const [found, missing] = await Promise.all([
      sources.inspect(VACCINATIONS),
      failure(sources.inspect(port("HEALTHCARE", "VACCINATIONS_0", "VACCINATION_CLEAN_VIEW"))),
    ]);
    expect(found.columns).toHaveLength(8);
    expect(missing.message).toContain("Did you mean VACCINATIONS_CLEAN_VIEW?");
    // All together, each alone, and the names for the suggestion.
    expect(statements()).toHaveLength(1 + 2 + 1);
  });

  it("fail together, without being asked for one by one, when Snowflake does not answer", async () => {
    let isSilent = false;
    const slow = await listen((request, response) => {
      requests.push(`${request.method} ${request.url}`);
      if (!isSilent) void standIn.handle(request, response);
    });
    const sources = open({ host: slow }, 300);
    await sources.inspect(VACCINATIONS);
    isSilent = true;
    requests = [];
    const failures = await Promise.all(
      [VACCINATIONS, VACCINATIONS].map((wanted) => failure(sources.inspect(wanted))),
    );
    for (const { code } of failures) expect(code).toBe("SOURCE_UNAVAILABLE");
    expect(statements()).toHaveLength(1);
  });
});

describe("the session with Snowflake", () => {
  it("is one for all, opened by the first and closed on stop", async () => {
    const sources = open();
    await Promise.all(Array.from({ length: 5 }, () => sources.inspect(VACCINATIONS)));
    await sources.inspect(VACCINATIONS);
    const logins = () => requests.filter((line) => line.includes("login-request"));
    expect(logins()).toHaveLength(1);
    expect(requests).not.toContain("POST /session");
    await sources.stop();
    await sources.stop();
    expect(requests.filter((line) => line === "POST /session")).toHaveLength(1);
    const error = await failure(sources.inspect(VACCINATIONS));
    expect(error.code).toBe("SOURCE_UNAVAILABLE");
    expect(logins()).toHaveLength(1);
  });

  it("is opened anew when the server has ended it", async () => {
    const sources = open();
    await sources.inspect(VACCINATIONS);
    // The stand-in forgets its sessions, as Snowflake does after hours; it serves on.
    await standIn.stop();
    expect((await sources.inspect(VACCINATIONS)).columns).toHaveLength(8);
    expect(requests.filter((line) => line.includes("login-request"))).toHaveLength(2);
  });

  it("tells of refused credentials without naming any, and tries again the next time", async () => {
    const sources = open({ password: "wrong" });
    for (const attempt of [1, 2]) {
      const error = await failure(sources.inspect(VACCINATIONS));
      expect(error.code).toBe("SOURCE_UNAVAILABLE");
      expect(error.message).toMatch(/refused the credentials/);
      expect(error.message).not.toContain("wrong");
      expect(requests.filter((line) => line.includes("login-request"))).toHaveLength(attempt);
    }
  });

  it("tells of a role that the account may not use", async () => {
    const error = await failure(open({ role: "ACCOUNTADMIN" }).inspect(VACCINATIONS));
    expect(error.code).toBe("SOURCE_UNAVAILABLE");
    expect(error.message).toContain("SNOWFLAKE_ROLE");
  });

  it("logs in with a key pair when there is one", async () => {
    const { privateKey } = await import("node:crypto").then(({ generateKeyPairSync }) =>
      generateKeyPairSync("rsa", {
        modulusLength: 2048,
        publicKeyEncoding: { type: "spki", format: "pem" },
        privateKeyEncoding: { type: "pkcs8", format: "pem" },
      }),
    );
    // The stand-in takes passwords alone, and says so of a token signed with a key.
    const error = await failure(open({ privateKey }).inspect(VACCINATIONS));
    expect(error.message).toContain("390144");
  });

  it("is opened by the loopback's name too", async () => {
    const sources = open({ host: host.replace("127.0.0.1", "localhost") });
    expect((await sources.inspect(VACCINATIONS)).columns).toHaveLength(8);
  });

  it("is unavailable when nobody listens", async () => {
    const dead = await listen(() => {});
    const server = servers.pop();
    await new Promise((done) => server?.close(done));
    const error = await failure(open({ host: dead }).inspect(VACCINATIONS));
    expect(error.code).toBe("SOURCE_UNAVAILABLE");
    expect(error.message).toContain("could not be reached");
  });

  it("is unavailable when what answers is not Snowflake", async () => {
    const other = await listen((_request, response) => response.writeHead(404).end("nothing here"));
    const error = await failure(open({ host: other }).inspect(VACCINATIONS));
    expect(error.code).toBe("SOURCE_UNAVAILABLE");
  });

  it("gives up on silence after the time it is given, at the login and after it", async () => {
    let isSilent = true;
    const slow = await listen((request, response) => {
      if (!isSilent) void standIn.handle(request, response);
    });
    const sources = open({ host: slow }, 300);
    const login = await failure(sources.inspect(VACCINATIONS));
    expect(login.code).toBe("SOURCE_UNAVAILABLE");
    isSilent = false;
    await sources.inspect(VACCINATIONS);
    isSilent = true;
    const query = await failure(sources.inspect(VACCINATIONS));
    expect(query.message).toContain("did not answer within 0.3 s");
    isSilent = false;
    expect((await sources.inspect(VACCINATIONS)).columns).toHaveLength(8);
  });

  it("stops waiting when its caller does, with the caller's reason", async () => {
    const silent = await listen(() => {});
    const sources = open({ host: silent }, 5_000);
    const controller = new AbortController();
    const inspecting = sources.inspect(VACCINATIONS, { signal: controller.signal });
    const reason = new AppError("CANCELLED", "nobody waits any more");
    setImmediate(() => controller.abort(reason));
    await expect(inspecting).rejects.toBe(reason);
    await expect(sources.inspect(VACCINATIONS, { signal: controller.signal })).rejects.toBe(reason);
  });

  it("stops at once while a login is on its way", async () => {
    let asked = 0;
    const silent = await listen(() => {
      asked += 1;
    });
    const sources = open({ host: silent });
    const inspecting = failure(sources.inspect(VACCINATIONS));
    await expect.poll(() => asked).toBe(1);
    await sources.stop();
    expect((await inspecting).message).toContain("stops");
  });

  it("leaves no log of the driver's behind", () => {
    expect(existsSync("snowflake.log")).toBe(false);
  });
});
