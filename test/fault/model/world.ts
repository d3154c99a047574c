/** What the commands of the model-based test act on: a whole plane, and a Hasura that others use too. */
import { canonical } from "../../../src/hasura/metadata.ts";
import { type Plane, startPlane } from "../../support/plane.ts";
import { DATABASE, describePort, viewsSql } from "../descriptors.ts";
import {
  command,
  entries,
  exportMetadata,
  holdingOf,
  type Metadata,
  moveInStrangers,
  NOTHING,
} from "../metadata.ts";

/** Two ports that share a source, and one with a source of its own. */
export const PORTS = [
  { product: "model", port: 0 },
  { product: "model", port: 1 },
  { product: "other", port: 0 },
] as const;
/** A view that no port of ours reads. */
export const STRANGER_VIEW = { product: "stranger", port: 0, variant: 0 };

export interface World {
  readonly plane: Plane;
  /** The connection that our sources are to have, as Hasura tells it. */
  readonly connection: string;
  /** What the inventory calls each port's role and source. */
  readonly names: readonly { readonly role: string; readonly source: string }[];
  /** How often something came of a command, for whoever reads the run's output. */
  readonly tally: Map<string, number>;
  /** Metadata as it was after each command, the newest last. */
  readonly history: Metadata[];
  export(): Promise<Metadata>;
  /** Does something in Hasura as somebody else. @returns whether Hasura took it */
  edit(type: string, args: unknown): Promise<boolean>;
  /** Has Hasura and the inventory be as they were before the first command. */
  reset(options: { inconsistent: boolean }): Promise<void>;
  stop(): Promise<void>;
}

const FORGOTTEN = [
  "operation_log",
  "operation",
  "finding",
  '"grant"',
  "condition",
  "managed_object",
  "owned_name",
  "revision",
  "output_port",
  "source",
  "hasura_write",
];

export async function openWorld(): Promise<World> {
  const plane = await startPlane({ settings: { RECONCILE_CRON: "off" } });
  const { sandbox, ctx } = plane;
  await sandbox.addSnowflakeDatabase(DATABASE, viewsSql([...PORTS, STRANGER_VIEW]));
  const names: { role: string; source: string }[] = [];
  let connection = "";
  for (const port of PORTS) {
    await plane.provision(describePort({ ...port, variant: 0 }));
    const { sources } = await exportMetadata(sandbox);
    const source = sources.find(
      (each) => holdingOf({ version: 3, sources: [each] }, port) !== NOTHING,
    );
    const [table] = entries(source?.tables);
    const [permission] = entries(table?.select_permissions);
    names.push({ role: String(permission?.role), source: String(source?.name) });
    connection = canonical(source?.configuration);
    await plane.unprovision(describePort({ ...port, variant: 0 }));
  }
  const world: World = {
    ...{ plane, connection, names, tally: new Map(), history: [] },
    export: () => exportMetadata(sandbox),
    edit: (type, args) =>
      command(sandbox, JSON.stringify({ type, args })).then(
        () => true,
        () => false,
      ),
    async reset({ inconsistent }) {
      world.history.length = 0;
      await ctx.db.$executeRawUnsafe(`TRUNCATE ${FORGOTTEN.join(", ")} CASCADE`);
      await ctx.db.hasura.updateMany({
        data: { reconciledVersion: null, reconciledAt: null, pendingVersion: null },
      });
      await moveInStrangers(sandbox, { inconsistent });
    },
    stop: () => plane.stop(),
  };
  return world;
}

export function count({ tally }: Pick<World, "tally">, what: string): void {
  tally.set(what, (tally.get(what) ?? 0) + 1);
}
