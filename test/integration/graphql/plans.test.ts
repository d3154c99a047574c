/** How the database looks up what is asked of many grants: by an index, and never through all of them. */
import { afterAll, beforeAll, expect, it } from "vitest";
import { type Inventory, startInventory } from "./inventory.ts";

const PORTS = process.env.TEST_ALL === "1" ? 20_000 : 1_200;
const GRANTS_A_PORT = 50;
const USERS = PORTS * 2;
const DAYS = process.env.TEST_ALL === "1" ? 75 : 30;

const ANN = "user:user7_example.com";
const URN = "urn:dmb:cmp:many:77";

let inventory: Inventory;

beforeAll(async () => {
  inventory = await startInventory();
  const { db } = inventory;
  const portId = (of: string) =>
    `('00000000-0000-4000-8000-' || lpad((${of})::text, 12, '0'))::uuid`;
  const run = (sql: string) => db.$executeRawUnsafe(sql);
  await run(`INSERT INTO output_port (id, hasura_id, environment, component_key, component_id, name, domain,
      data_product_id, data_product_name, phase, role, updated_at)
    SELECT ${portId("n")}, 'default', 'production', 'urn:dmb:cmp:many:' || n, 'urn:dmb:cmp:many:' || n, 'Port ' || n, 'd',
      'dp', 'dp', 'ACTIVE', 'role_' || n, now() FROM generate_series(1, ${PORTS}) AS n`);
  await run(`INSERT INTO "grant" (id, hasura_id, environment, port_id, subject, class, actor, since, ended_at)
    SELECT gen_random_uuid(), 'default', 'production', ${portId("n")},
      'user:user' || (n * ${GRANTS_A_PORT} + g) % ${USERS} || '_example.com', 'ACL', 'test',
      now() - (g || ' days')::interval, CASE WHEN g % 3 = 0 THEN now() END
    FROM generate_series(1, ${PORTS}) AS n, generate_series(1, ${GRANTS_A_PORT}) AS g`);
  await run(`INSERT INTO access_block (id, hasura_id, subject, port_id, reason, actor, since, ended_at)
    SELECT gen_random_uuid(), 'default', CASE WHEN n % 50 > 0 THEN 'user:user' || n || '_example.com' END,
      CASE WHEN n % 50 = 0 OR n % 3 = 0 THEN ${portId(`1 + n % ${PORTS}`)} END, 'r', 'test', now() - interval '30 days', CASE WHEN n % 9 > 0 THEN now() END
    FROM generate_series(1, ${PORTS * 10}) AS n`);
  await run(`INSERT INTO access_use (hasura_id, day, port_id, subject, outcome, count, first_at, last_at)
    SELECT 'default', current_date - d, ${portId("n")}, 'user:user' || n || '_example.com',
      CASE WHEN n % 20 = 0 THEN 'NO_GRANT' ELSE 'allowed' END, 1, now(), now()
    FROM generate_series(1, ${PORTS}) AS n, generate_series(1, ${DAYS}) AS d`);
  await run('VACUUM ANALYZE "grant", output_port, access_block, access_use');
}, 600_000);
afterAll(() => inventory?.stop());

const AT = new Date(Date.now() - 20 * 86_400_000).toISOString();
const GRANTS = "totalCount edges { node { subject } }";
const BLOCKS = "totalCount edges { node { reason } }";
const USAGE = "allowed days { totalCount edges { node { day } } }";

it.each([
  ["grants of a subject", `grants(filter: { subject: "${ANN}" }) { ${GRANTS} }`],
  ["grants of a subject then", `grants(filter: { subject: "${ANN}" }, at: "${AT}") { ${GRANTS} }`],
  ["grants of a port", `grants(filter: { componentId: "${URN}", state: LIVE }) { ${GRANTS} }`],
  ["grants of a port then", `grants(filter: { componentId: "${URN}" }, at: "${AT}") { ${GRANTS} }`],
  [
    "unused grants of a port",
    `grants(filter: { componentId: "${URN}", unusedSince: "${AT}" }) { ${GRANTS} }`,
  ],
  ["the newest grants", "grants(first: 20) { edges { node { subject } } }"],
  [
    "a port and who reads it",
    `outputPort(componentId: "${URN}") { access { ${GRANTS} } blocks { ${BLOCKS} } usage { ${USAGE} } }`,
  ],
  [
    "a port and who read it then",
    `outputPort(componentId: "${URN}") { access(at: "${AT}") { ${GRANTS} } grants(at: "${AT}") { ${GRANTS} } }`,
  ],
  [
    "a subject and what it reads",
    `subject(ref: "${ANN}") { access(groups: ["group:g"]) { ${GRANTS} } blocks { ${BLOCKS} } usage { ${USAGE} } }`,
  ],
  [
    "a subject and what it read then",
    `subject(ref: "${ANN}") { access(at: "${AT}") { ${GRANTS} } grants(at: "${AT}") { ${GRANTS} } }`,
  ],
  ["blocks of a subject", `blocks(filter: { subject: "${ANN}" }) { ${BLOCKS} }`],
  ["blocks on a port", `blocks(filter: { componentId: "${URN}" }) { ${BLOCKS} }`],
  [
    "refusals of a port",
    `refusals(filter: { componentId: "${URN}" }) { totalCount edges { node { reason } } }`,
  ],
  [
    "refusals of a subject",
    `refusals(filter: { subject: "${ANN}" }) { totalCount edges { node { reason } } }`,
  ],
  ["the newest refusals", "refusals { edges { node { reason } } }"],
])("%s: by an index", async (_, field) => {
  inventory.statements();
  await inventory.ask(`{ ${field} }`);
  const plans = await inventory.plans();
  expect(plans.length).toBeGreaterThan(0);
  for (const plan of plans) expect(plan).not.toContain("Seq Scan");
});
