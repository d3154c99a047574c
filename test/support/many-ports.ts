/** Many ports of one product, each on a view of its own. */
import { componentIdOf, describePort, prefixOf, viewsSql } from "./described-port.ts";
import { example } from "./plane.ts";

export interface ManyPorts {
  /** A valid descriptor for the port of that number. */
  descriptor(port: number): string;
  componentId(port: number): string;
  select(port: number): string;
  /** The role it gets begins so. */
  rolePrefix(port: number): string;
  view(port: number): string;
  /** SQL that makes the views of so many ports. */
  sql(count: number): string;
}

/**
 * @param where.product ports of one product and database share a source
 * @param where.database a Snowflake database that `sql` was put into
 */
export async function manyPorts(where: { product: string; database: string }): Promise<ManyPorts> {
  const { product, database } = where;
  const text = await example("vaccinations");
  const view = (port: number) => `VIEW_${port}`;
  return {
    descriptor: (port) => describePort(text, { product, port, database, view: view(port) }),
    componentId: (port) => componentIdOf({ product, port }),
    select: (port) => `${prefixOf({ product, port })}_select`,
    rolePrefix: (port) => `${prefixOf({ product, port })}_role_`,
    view,
    sql: (count) => viewsSql(Array.from({ length: count }, (_, port) => view(port))),
  };
}
