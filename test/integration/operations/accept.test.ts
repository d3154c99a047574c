import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { roleName } from "../../../src/domain/names.ts";
import { AppError } from "../../../src/errors.ts";
import { submitProvision } from "../../../src/operations/submit.ts";
import { example, type Plane, startPlane } from "../../support/plane.ts";

const PRODUCT = "urn:dmb:cmp:healthcare:vaccinations:0";
const PREFIX = "healthcare_vaccinations_0_vaccinationsgraphql";

let plane: Plane;
let vaccinations: string;
beforeAll(async () => {
  vaccinations = await example("vaccinations");
  plane = await startPlane({ worker: false });
});
afterAll(() => plane?.stop());

let tests = 0;
/** The end of a URN that nobody has asked for. */
let own: string;
beforeEach(() => {
  tests += 1;
  own = `port${tests}`;
});

/** The example's port under another URN; its GraphQL names too are others, unless they are to be the example's. */
function asPort(name: string, names: "own" | "the example's" = "own"): string {
  const renamed = vaccinations.replaceAll("0:vaccinations-graphql", `0:${name}`);
  return names === "own"
    ? renamed.replaceAll(PREFIX, `healthcare_vaccinations_0_${name}`)
    : renamed;
}

const submit = (descriptor: string): Promise<string> =>
  submitProvision(plane.ctx, { descriptor }, "test");

const portNamed = (name: string) =>
  plane.ctx.db.outputPort.findFirstOrThrow({
    where: { componentKey: `${PRODUCT}:${name}` },
    include: { revisions: true, operations: true, names: true },
  });

describe("a port that is asked for the first time", () => {
  it("is recorded with its first revision, its names and its operation, and a worker is woken", async () => {
    const token = await submit(asPort(own));
    const port = await portNamed(own);
    expect(port).toMatchObject({ phase: "PENDING", acceptedRevision: 1, appliedRevision: null });
    expect(port.revisions).toMatchObject([{ number: 1, operationToken: token }]);
    expect(port.revisions[0]?.descriptor).toBe(asPort(own));
    const [operation] = port.operations;
    expect(operation).toMatchObject({ token, kind: "PROVISION", status: "RUNNING", revision: 1 });
    expect(operation?.deadlineAt.getTime()).toBeGreaterThan(Date.now());
    const names = port.names.map(({ namespace, name }) => `${namespace} ${name}`);
    expect(names).toContain(`ROLE ${port.role}`);
    expect(names).toContain(`ROOT_FIELD healthcare_vaccinations_0_${own}_select`);
    expect(names.length).toBeGreaterThan(30);
    const jobs = await plane.ctx.db.$queryRaw`
      SELECT task_identifier AS task FROM graphile_worker.jobs WHERE key = 'commit:default'`;
    expect(jobs).toEqual([{ task: "commit" }]);
  });

  it("is one operation, however many ask at once", async () => {
    const tokens = await Promise.all(Array.from({ length: 8 }, () => submit(asPort(own))));
    expect(new Set(tokens).size).toBe(1);
    const port = await portNamed(own);
    expect(port.operations).toHaveLength(1);
    expect(port.revisions).toHaveLength(1);
  });

  it("leaves nothing behind when another is quicker to claim its names, and is told who", async () => {
    const rivals = ["a", "b", "c", "d"].map((letter) => `${own}-${letter}`);
    const outcomes = await Promise.allSettled(
      rivals.map((rival) => submit(asPort(rival, "the example's"))),
    );
    const winners = rivals.filter((_, position) => outcomes[position]?.status === "fulfilled");
    expect(winners).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      const error: unknown = outcome.reason;
      expect(error).toBeInstanceOf(AppError);
      if (error instanceof AppError)
        expect(JSON.stringify(error.problems)).toContain(`${PRODUCT}:${winners[0]} `);
    }
    const keys = rivals.map((rival) => `${PRODUCT}:${rival}`);
    const left = await plane.ctx.db.outputPort.findMany({ where: { componentKey: { in: keys } } });
    expect(left.map(({ componentKey }) => componentKey)).toEqual([`${PRODUCT}:${winners[0]}`]);
  });

  it("gets another role when its own is somebody else's", async () => {
    await submit(asPort(own));
    const { id: portId, environment, hasuraId } = await portNamed(own);
    const other = {
      environment,
      componentId: `${PRODUCT}:other`,
      name: "Vaccinations GraphQL",
      dataProduct: {
        id: "urn:dmb:dp:healthcare:vaccinations:0",
        name: "Vaccinations",
        domain: "healthcare",
        major: "0",
      },
    };
    await plane.ctx.db.ownedName.create({
      data: {
        ...{ hasuraId, environment, portId, purpose: "role" },
        namespace: "ROLE",
        name: roleName(other),
      },
    });
    await submit(asPort("other"));
    const { role, names } = await portNamed("other");
    expect(role).toBe(roleName(other, 1));
    expect(names.filter(({ namespace }) => namespace === "ROLE")).toMatchObject([{ name: role }]);
  });
});
