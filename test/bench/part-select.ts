/** One indexed SELECT through the inventory's own client: the port of a URN. */
import { openDb } from "../../src/inventory/db.ts";
import { findPort } from "../../src/inventory/ports.ts";
import { servePart } from "./part.ts";

const [databaseUrl = "", hasuraId = "", componentId = "", environment, atOnce] =
  process.argv.slice(2);
const db = openDb(databaseUrl);

/** As many at once as requests are under way in the service: answers that come together are cheaper. */
servePart("", async (times) => {
  let left = times;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await findPort(db, { hasuraId, componentId, environment });
  };
  await Promise.all(Array.from({ length: Number(atOnce) }, lane));
});
