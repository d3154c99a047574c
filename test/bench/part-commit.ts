/**
 * What a committer leaves in PostgreSQL when it has made ports: each port's row, its grants anew, and the access
 * generation that says so. In a process of its own, so that its work is measured with nobody else's.
 */
import { Client } from "pg";
import { bumpGeneration } from "../../src/inventory/access.ts";
import { openDb } from "../../src/inventory/db.ts";
import { replaceAclGrants } from "../../src/inventory/grants.ts";
import { portId, userRef } from "./access-inventory.ts";
import { servePart } from "./part.ts";

const [databaseUrl = "", how = "", portsBefore = "0", many = "0"] = process.argv.slice(2);
const SUBJECTS = 50;
/** The operation that the grants are said to be of. */
const TOKEN = "00000000-0000-4000-8000-00000000c0de";
const db = openDb(databaseUrl, { poolSize: 2 });
// The ports that are made are the last ones, which nobody asks for.
const first = Number(portsBefore) - Number(many);
let round = 0;

/** @param ports as one transaction */
async function commit(ports: readonly number[]): Promise<void> {
  await db.$transaction(
    async (tx) => {
      for (const port of ports) {
        const id = portId(port);
        await tx.outputPort.update({ where: { id }, data: { phase: "ACTIVE" } });
        const subjects = Array.from({ length: SUBJECTS }, (_, n) =>
          userRef(100_000 + port * SUBJECTS + n + round),
        );
        const change = {
          portId: id,
          hasuraId: "default",
          environment: "production",
          actor: "bench",
        };
        await replaceAclGrants(tx, { ...change, operationToken: TOKEN }, subjects);
      }
      await bumpGeneration(tx, { holders: ports.map(portId) });
    },
    { timeout: 60_000 },
  );
}

const client = new Client({ connectionString: databaseUrl });
await client.connect();
await client.query(
  `INSERT INTO operation (token, hasura_id, environment, kind, status, fingerprint, request, actor, deadline_at)
   VALUES ($1, 'default', 'production', 'UPDATE_ACL', 'COMPLETED', '', '{}', 'bench', now()) ON CONFLICT DO NOTHING`,
  [TOKEN],
);
await client.end();

servePart("", async () => {
  round += 1;
  const ports = Array.from({ length: Number(many) }, (_, n) => first + n);
  if (how === "together") await commit(ports);
  else for (const port of ports) await commit([port]);
});
