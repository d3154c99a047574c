/** An inventory with rows put in directly, and the public schema over it. */
import { PrismaPg } from "@prisma/adapter-pg";
import { execute, parse, validate } from "graphql";
import type { Actor } from "../../../src/graphql/context.ts";
import { LOCAL_ADMIN } from "../../../src/graphql/context.ts";
import { toGraphqlError } from "../../../src/graphql/errors.ts";
import { schema } from "../../../src/graphql/schema.ts";
import type { Db } from "../../../src/inventory/db.ts";
import { type OutputPort, PrismaClient } from "../../../src/inventory/generated/client.ts";
import { migrate } from "../../../src/inventory/migrate.ts";
import { createLogger } from "../../../src/observability/logger.ts";
import type { OperationsContext } from "../../../src/operations/context.ts";
import { createDatabase } from "../../support/postgres.ts";

const HASURA = "default";

export interface Inventory {
  readonly db: Db;
  readonly operations: OperationsContext;
  /** SQL statements since the last call. */
  statements(): string[];
  /** How the database carries out each query of those. */
  plans(): Promise<string[]>;
  /** Asks the public schema; throws when it answers errors. */
  ask(query: string, variables?: Record<string, unknown>): Promise<Record<string, unknown>>;
  /** The errors it answers, as they would be sent. */
  refused(
    query: string,
    variables?: Record<string, unknown>,
    actor?: Actor,
  ): Promise<{ message: string; extensions: Record<string, unknown> }[]>;
  stop(): Promise<void>;
}

/** A database of its own, migrated, with the one Hasura in it and nothing else. */
export async function startInventory(): Promise<Inventory> {
  const database = await createDatabase();
  await migrate(database.url);
  const log = [{ emit: "event" as const, level: "query" as const }];
  const adapter = new PrismaPg({ connectionString: database.url, max: 4 });
  const recording = new PrismaClient({ adapter, log });
  let statements: { query: string; params: string }[] = [];
  recording.$on("query", (statement) => statements.push(statement));
  const db = recording as unknown as Db;
  await db.hasura.create({ data: { id: HASURA, url: "http://127.0.0.1:1" } });
  // What reading needs; whoever would submit from here fails at once.
  const operations = {
    db,
    hasuraId: HASURA,
    publicUrl: "https://plane.example.com",
    log: createLogger({ level: "silent" }),
  } as unknown as OperationsContext;
  const answer = (query: string, variableValues?: Record<string, unknown>, actor = LOCAL_ADMIN) => {
    const document = parse(query);
    const faults = validate(schema, document);
    if (faults.length > 0) throw faults[0];
    return execute({
      schema,
      document,
      variableValues,
      contextValue: { operations, actor, explain: null },
    });
  };
  return {
    db,
    operations,
    statements() {
      const seen = statements;
      statements = [];
      return seen.map(({ query }) => query);
    },
    async plans() {
      const queries = statements.filter(({ query }) => /^\s*(SELECT|WITH)/i.test(query));
      const plans: string[] = [];
      for (const { query, params } of queries) {
        const values = JSON.parse(params) as unknown[];
        const rows = await db.$queryRawUnsafe(`EXPLAIN ${query}`, ...values.map(bound));
        plans.push(JSON.stringify(rows));
      }
      statements = [];
      return plans;
    },
    async ask(query, variables) {
      const { data, errors } = await answer(query, variables);
      if (errors !== undefined) throw errors[0]?.originalError ?? errors[0];
      return JSON.parse(JSON.stringify(data));
    },
    async refused(query, variables, actor) {
      const { errors = [] } = await answer(query, variables, actor);
      return errors.map((error) => JSON.parse(JSON.stringify(toGraphqlError(error))));
    },
    async stop() {
      await db.$disconnect();
      await database.drop();
    },
  };
}

/** A value as it was bound: the log writes moments as text. */
function bound(value: unknown): unknown {
  const isMoment = typeof value === "string" && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value);
  return isMoment ? new Date(value) : value;
}

let tokens = 0;

/** A token that is a UUID, another at every call. */
function nextToken(): string {
  tokens += 1;
  return `00000000-0000-4000-8000-${String(tokens).padStart(12, "0")}`;
}

/** An active port with one revision, its source, a condition, the operation that made it, and a grant a subject. */
export async function addPort(
  db: Db,
  name: string,
  changes: { environment?: string; subjects?: string[]; phase?: OutputPort["phase"] } = {},
): Promise<OutputPort> {
  const { environment = "development", subjects = [], phase = "ACTIVE" } = changes;
  const componentId = `urn:dmb:cmp:Healthcare:vaccinations:0:${name}`;
  const where = { hasuraId: HASURA, environment };
  const operation = nextToken();
  const source = await db.source.create({
    data: {
      ...where,
      key: name,
      name: `source_${name}`,
      kind: "snowflake",
      database: "DB",
      connectionTemplate: { password: "canary" },
    },
  });
  const spec = {
    componentId,
    environment,
    name,
    description: null,
    dataProduct: {
      id: "urn:dmb:dp:healthcare:vaccinations:0",
      name: "Vaccinations",
      domain: "healthcare",
      major: "0",
    },
    names: {
      customTableName: `${name}_table`,
      select: `${name}_select`,
      selectByPk: `${name}_by_pk`,
      selectAggregate: `${name}_agg`,
      selectStream: null,
    },
    source: { componentId: "urn:x", kind: "snowflake", database: "DB", schema: "S", relation: "V" },
    columns: [{ name: "a", dataType: "TEXT", constraint: null }],
  };
  return db.outputPort.create({
    data: {
      ...where,
      componentKey: componentId.toLowerCase(),
      componentId,
      name,
      domain: "healthcare",
      dataProductId: spec.dataProduct.id,
      dataProductName: spec.dataProduct.name,
      phase,
      role: `${name}_role`,
      acceptedRevision: 1,
      appliedRevision: 1,
      publicInfo: { role: { type: "string", label: "Role", value: `${name}_role` }, odd: 7 },
      conditions: { create: { type: "READY", status: "TRUE", reason: "Ready", message: "Ready." } },
      operations: {
        create: {
          token: operation,
          hasuraId: HASURA,
          environment,
          kind: "PROVISION",
          status: "COMPLETED",
          fingerprint: "f",
          request: {},
          actor: "witboost",
          deadlineAt: new Date(),
          logs: {
            create: [
              { level: "INFO", message: "first" },
              { level: "WARNING", message: "second" },
            ],
          },
        },
      },
      revisions: {
        create: {
          number: 1,
          spec,
          resolved: { source: source.name, path: ["DB", "S", "V"], columns: ["A"] },
          sourceId: source.id,
          descriptor: "x: 1",
          operationToken: operation,
          appliedAt: new Date(),
        },
      },
      grants: {
        create: subjects.map((subject) => ({
          ...where,
          subject,
          class: "ACL" as const,
          actor: "witboost",
          operationToken: operation,
        })),
      },
    },
  });
}
