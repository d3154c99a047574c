/** Inventories of a given size, put into a database by a few statements. */
import { join } from "node:path";
import { Client } from "pg";
import type * as Migrate from "../../src/inventory/migrate.ts";
import { PROJECT } from "./processes.ts";

export interface InventorySize {
  readonly ports: number;
  readonly grants: number;
  /** Users that the grants are spread over, alike: `user:user<n>_example.com`. */
  readonly users: number;
}

/** Root fields and types of a port, with all that Hasura derives: about as many as a real one has. */
const ROOT_FIELDS = 8;
const TYPES = 30;
const HASURA = "default";

/** The port that a user is granted first, of those there are. */
export function portOfUser(user: number, { ports, users }: InventorySize): number {
  return Math.floor((user * ports) / users);
}

export function userRef(user: number): string {
  return `user:user${user}_example.com`;
}

/** The name that the user's token has. */
export function userName(user: number): string {
  return `user${user}@example.com`;
}

export function roleOf(port: number): string {
  return `role_${port}`;
}

export function rootFieldOf(port: number): string {
  return `port_${port}_select_0`;
}

/** Ids are made of numbers, so that what is to be changed later is known. */
export function portId(port: number): string {
  return `00000000-0000-4000-8000-${String(port).padStart(12, "0")}`;
}

/** Migrates the database and fills it. Each user has the grants `user`, `user + users`, … of those there are. */
export async function fillInventory(databaseUrl: string, size: InventorySize): Promise<void> {
  // The built one, for it knows where the migrations are.
  const built = join(PROJECT, "dist", "inventory", "migrate.js");
  const { migrate } = (await import(built)) as typeof Migrate;
  await migrate(databaseUrl);
  const client = new Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    await client.query("BEGIN");
    await client.query("INSERT INTO hasura (id, url) VALUES ($1, 'http://127.0.0.1:1')", [HASURA]);
    await client.query(
      `INSERT INTO output_port (id, hasura_id, environment, component_key, component_id, name, domain,
         data_product_id, data_product_name, phase, role, updated_at)
       SELECT ${PORT_ID}, $1, 'production', 'urn:dmb:cmp:bench:' || port, 'urn:dmb:cmp:bench:' || port, 'Port ' || port,
         'bench', 'urn:dmb:dp:bench:' || port / 4, 'Bench', 'ACTIVE', 'role_' || port, now()
       FROM generate_series(0, $2::int - 1) AS port`,
      [HASURA, size.ports],
    );
    await client.query(
      `INSERT INTO owned_name (hasura_id, namespace, name, environment, purpose, port_id)
       SELECT $1, kind.namespace::"Namespace", 'port_' || port || kind.part || n, 'production', 'derived', ${PORT_ID}
       FROM generate_series(0, $2::int - 1) AS port,
         (VALUES ('ROOT_FIELD', '_select_', $3::int), ('TYPE', '_type_', $4::int)) AS kind (namespace, part, many),
         generate_series(0, kind.many - 1) AS n`,
      [HASURA, size.ports, ROOT_FIELDS, TYPES],
    );
    await client.query(
      `INSERT INTO "grant" (id, hasura_id, environment, port_id, subject, class, actor)
       SELECT gen_random_uuid(), $1, 'production', ${PORT_ID}, 'user:user' || g % $4::int || '_example.com', 'ACL', 'bench'
       FROM generate_series(0, $3::int - 1) AS g,
         LATERAL (SELECT ((g % $4::int)::bigint * $2::int / $4::int + g / $4::int) % $2::int AS port) AS of`,
      [HASURA, size.ports, size.grants, size.users],
    );
    await client.query("UPDATE access_generation SET generation = 1 WHERE id = 1");
    await client.query(
      `INSERT INTO access_change (generation, holders, everything) VALUES (1, '{}', true)`,
    );
    await client.query("COMMIT");
    await client.query("VACUUM ANALYZE");
  } finally {
    await client.end();
  }
}

const PORT_ID = "('00000000-0000-4000-8000-' || lpad(port::text, 12, '0'))::uuid";
