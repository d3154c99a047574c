/** What is told of a moment, beside a replay of everything that happened until then. */
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { OutputPort } from "../../../src/inventory/generated/client.ts";
import { addPort, type Inventory, startInventory } from "./inventory.ts";

const SCRIPTS = process.env.TEST_ALL === "1" ? 150 : 8;
const PORTS = ["alpha", "beta"];
const SUBJECTS = ["user:ann", "user:bob", "group:all"];
/** What happens, happens at one of these minutes; it is looked at all of them and after. */
const MINUTES = 6;
const START = Date.UTC(2026, 0, 1);

let inventory: Inventory;
let ports: Record<string, OutputPort>;
const counts = { moments: 0, readers: 0, blocked: 0 };

beforeAll(async () => {
  inventory = await startInventory();
  const rows = await Promise.all(PORTS.map((name) => addPort(inventory.db, name)));
  ports = Object.fromEntries(rows.map((port) => [port.name, port]));
});
afterAll(async () => {
  process.stdout.write(`told as it was: ${JSON.stringify(counts)}\n`);
  await inventory?.stop();
});

interface Happening {
  readonly minute: number;
  readonly what: "grant" | "revoke" | "block" | "unblock";
  readonly subject: string | null;
  readonly port: string | null;
  /** After how many minutes it is over by itself. */
  readonly lasts: number | null;
}

const happening: fc.Arbitrary<Happening> = fc
  .record({
    minute: fc.integer({ min: 1, max: MINUTES }),
    what: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom("grant" as const, "block" as const) },
      { weight: 1, arbitrary: fc.constantFrom("revoke" as const, "unblock" as const) },
    ),
    subject: fc.constantFrom(...SUBJECTS, null),
    port: fc.constantFrom(...PORTS, null),
    lasts: fc.option(fc.integer({ min: 0, max: 5 }), { freq: 2, nil: null }),
  })
  .filter(({ what, subject, port }) =>
    what === "grant" || what === "revoke"
      ? subject !== null && port !== null
      : subject !== null || port !== null,
  );

const script = fc
  .array(happening, { minLength: 8, maxLength: 20 })
  .map((all) => all.sort((a, b) => a.minute - b.minute));

const timeOf = (minute: number): Date => new Date(START + minute * 60_000);
const keyOf = ({ subject, port }: Pick<Happening, "subject" | "port">): string =>
  `${subject} ${port}`;

/** Grants in force and blocks in force at a minute, by nothing but what happened until then. */
function replay(happenings: readonly Happening[], minute: number) {
  const held = new Map<string, number>();
  let blocks: { key: string; subject: string | null; port: string | null; over: number }[] = [];
  for (const { what, lasts, ...target } of happenings) {
    if (target.minute > minute) break;
    const key = keyOf(target);
    const over = lasts === null ? Number.POSITIVE_INFINITY : target.minute + lasts;
    // One is held until it is revoked, also past its time: another is not given beside it.
    if (what === "grant" && !held.has(key)) held.set(key, over);
    if (what === "revoke") held.delete(key);
    if (what === "block") blocks.push({ key, subject: target.subject, port: target.port, over });
    if (what === "unblock") blocks = blocks.filter((block) => block.key !== key);
  }
  const granted = [...held].filter(([, over]) => over > minute).map(([key]) => key);
  const standing = blocks.filter(({ over }) => over > minute);
  return {
    granted: granted.sort(),
    mayRead: (subject: string, port: string, asWell: readonly string[] = []): boolean =>
      granted.includes(`${subject} ${port}`) &&
      !standing.some(
        (block) =>
          (block.port === null || block.port === port) &&
          (block.subject === null || [subject, ...asWell].includes(block.subject)),
      ),
    blocks: standing.map(({ key }) => key).sort(),
  };
}

/** Writes the rows as the inventory would have come to hold them. */
async function record(happenings: readonly Happening[]): Promise<void> {
  const { db } = inventory;
  await db.$executeRaw`TRUNCATE "grant", access_block`;
  for (const { minute, what, subject, port, lasts } of happenings) {
    const since = timeOf(minute);
    const portId = port === null ? null : (ports[port]?.id ?? null);
    const until = lasts === null ? null : timeOf(minute + lasts);
    const where = { subject, portId, endedAt: null };
    const base = { hasuraId: "default", portId, since, until, actor: "test" };
    if (what === "block") await db.accessBlock.create({ data: { ...base, subject, reason: "r" } });
    else if (what === "unblock")
      await db.accessBlock.updateMany({ where, data: { endedAt: since } });
    else if (subject !== null && what === "revoke")
      await db.grant.updateMany({ where: { ...where, subject }, data: { endedAt: since } });
    else if (subject !== null && (await db.grant.count({ where: { ...where, subject } })) === 0)
      await db.grant.create({
        data: { ...base, subject, environment: "development", class: "MANUAL" },
      });
  }
}

const GRANTS = "{ totalCount edges { node { subject outputPort { name } } } }";

const QUERY = `query ($at: DateTime!) {
  grants(at: $at, first: 100) ${GRANTS}
  ended: grants(at: $at, filter: { state: ENDED }, first: 100) { totalCount }
  blocks(at: $at, first: 100) { edges { node { subject outputPort { name } } } }
  ${PORTS.map(
    (name) => `${name}: outputPorts(filter: { search: "${name}" }) { edges { node {
      grants(at: $at, first: 100) ${GRANTS} access(at: $at, first: 100) ${GRANTS} blocks(at: $at) { totalCount } } } }`,
  ).join("\n")}
}`;

const OF_SUBJECT = `query ($at: DateTime!, $ref: ID!, $groups: [ID!]) { subject(ref: $ref) {
  grants(at: $at, first: 100) ${GRANTS} access(at: $at, first: 100) ${GRANTS}
  among: access(at: $at, groups: $groups, first: 100) ${GRANTS} blocks(at: $at) { totalCount } } }`;

interface Grants {
  readonly totalCount: number;
  readonly edges: { node: { subject: string | null; outputPort: { name: string } | null } }[];
}

/** What it lists, as the replay names it; the count must be the list's. */
function keys({ totalCount, edges }: Grants): string[] {
  const all = edges.map(({ node }) =>
    keyOf({ subject: node.subject, port: node.outputPort?.name ?? null }),
  );
  if (totalCount !== undefined) expect(totalCount).toBe(all.length);
  return all.sort();
}

async function compare(happenings: readonly Happening[], minute: number): Promise<void> {
  const then = replay(happenings, minute);
  const at = timeOf(minute).toISOString();
  const pairs = SUBJECTS.flatMap((subject) => PORTS.map((port) => ({ subject, port })));
  const answer = (await inventory.ask(QUERY, { at })) as Record<string, Grants> & {
    ended: { totalCount: number };
  };
  expect(keys(answer.grants as Grants)).toEqual(then.granted);
  expect(keys(answer.blocks as Grants)).toEqual(then.blocks);
  for (const name of PORTS) {
    const { node } =
      (answer[name] as unknown as { edges: { node: Record<string, Grants> }[] }).edges[0] ?? {};
    const own = pairs.filter(({ port }) => port === name);
    expect(keys(node?.grants as Grants)).toEqual(then.granted.filter((key) => key.endsWith(name)));
    expect(keys(node?.access as Grants)).toEqual(
      own
        .filter(({ subject, port }) => then.mayRead(subject, port))
        .map(keyOf)
        .sort(),
    );
    expect(node?.blocks?.totalCount).toBe(then.blocks.filter((key) => key.endsWith(name)).length);
  }
  for (const ref of SUBJECTS) {
    const { subject } = await inventory.ask(OF_SUBJECT, { at, ref, groups: ["group:ALL"] });
    if (subject === null) continue;
    const told = subject as Record<string, Grants>;
    const own = pairs.filter((pair) => pair.subject === ref);
    expect(keys(told.grants as Grants)).toEqual(then.granted.filter((key) => key.startsWith(ref)));
    const readable = own
      .filter((pair) => then.mayRead(ref, pair.port))
      .map(keyOf)
      .sort();
    expect(keys(told.access as Grants)).toEqual(readable);
    const among = pairs.filter(
      (pair) =>
        [ref, "group:all"].includes(pair.subject) &&
        then.mayRead(pair.subject, pair.port, [ref, "group:all"]),
    );
    expect(keys(told.among as Grants)).toEqual(among.map(keyOf).sort());
    counts.readers += readable.length;
    counts.blocked += then.granted.filter((key) => key.startsWith(ref)).length - readable.length;
  }
  counts.moments += 1;
}

it("who could read what at a moment is what a replay until then gives", {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(script, async (happenings) => {
      await record(happenings);
      for (let minute = 0; minute <= MINUTES + 4; minute += 1) await compare(happenings, minute);
    }),
    { numRuns: SCRIPTS, endOnFailure: true },
  );
  expect(Math.min(...Object.values(counts))).toBeGreaterThan(3);
});
