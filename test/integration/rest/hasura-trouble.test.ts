/** Trouble with Hasura as Witboost sees it: tried again within bounds, then told with its cause. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from "vitest";
import { differences } from "../../contract/witboost-shapes.ts";
import { provisioning, VACCINATIONS } from "./bad-input/row.ts";
import { type FrontDoor, startFrontDoor } from "./front-door.ts";

let door: FrontDoor;

/** @param deadline seconds that an operation may be tried: many where it is to succeed, few where it is to fail */
function doorWithDeadline(deadline: string): void {
  beforeAll(async () => {
    door = await startFrontDoor({
      OPERATION_WAIT_MS: "15000",
      OPERATION_DEADLINE: deadline,
      HASURA_TIMEOUT: "0.4",
      HASURA_WRITE_TIMEOUT: "0.4",
    });
  });
  afterAll(() => door?.stop());
}

const faults = (method: string, body?: object) =>
  fetch(`${door.sandbox.url}/sandbox/faults`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
const calls = async () => {
  const stats = await fetch(`${door.sandbox.url}/sandbox/stats`);
  return ((await stats.json()) as { calls: number }).calls;
};

afterEach(async () => {
  await faults("DELETE");
  const removed = await door.post("/v1/unprovision", provisioning(VACCINATIONS));
  expect(removed.json?.status, removed.text).toBe("COMPLETED");
});

async function provisioned() {
  const before = await calls();
  const { status, json, text } = await door.post("/v1/provision", provisioning(VACCINATIONS));
  expect([status, differences("ProvisioningStatus", json)], text).toEqual([200, []]);
  const logs = (json?.logs ?? []) as { level: string; message: string }[];
  return {
    status: json?.status,
    result: String(json?.result),
    log: logs.map(({ level, message }) => `${level} ${message}`).join("\n"),
    calls: (await calls()) - before,
  };
}

const HTML = "<!doctype html><title>502 Bad Gateway</title>";
const CONFLICT = {
  path: "$",
  error: "metadata resource version referenced (1) did not match current version",
  code: "conflict",
};
const REFUSAL = { path: "$.args", error: "Inconsistent object: no", code: "invalid-configuration" };

type Line = [what: string, fault: object, says: RegExp];

const PASSING: Line[] = [
  ["down", { match: "/v1/metadata", action: "reset" }, /could not be reached/],
  [
    "slow to read",
    { match: "export_metadata", action: "delay", ms: 600 },
    /did not answer in time/,
  ],
  ["slow to write", { match: "bulk", action: "delay", ms: 600 }, /did not answer in time/],
  ["failing", { match: "/v1/metadata", action: "status", status: 500, body: "" }, /answered 500/],
  [
    "behind a proxy that fails",
    { match: "/v1/metadata", action: "status", status: 502, body: HTML },
    /answered 502/,
  ],
  [
    "hidden by a page",
    { match: "bulk", action: "status", status: 200, body: HTML, when: "after" },
    /answered 200 with something that is not its own/,
  ],
  [
    "changed by somebody else",
    { match: "bulk", action: "status", status: 409, body: CONFLICT },
    /somebody else.*Planning again/,
  ],
  [
    "lost before it committed",
    { match: "bulk", action: "reset" },
    /Looking whether the change was made/,
  ],
  [
    "lost after it committed",
    { match: "bulk", action: "reset", when: "after" },
    /Looking whether the change was made/,
  ],
];

const LASTING: Line[] = [
  ["down", { match: "/v1/metadata", action: "reset" }, /could not be reached/],
  ["slow", { match: "export_metadata", action: "delay", ms: 600 }, /did not answer in time/],
  ["failing", { match: "/v1/metadata", action: "status", status: 503, body: "" }, /answered 503/],
  ["a page", { match: "/v1/metadata", action: "status", status: 200, body: HTML }, /not its own/],
  [
    "always changed by somebody else",
    { match: "bulk", action: "status", status: 409, body: CONFLICT },
    /somebody else/,
  ],
  ["never answering writes", { match: "bulk", action: "reset" }, /could not be reached/],
];

describe("a Hasura that for a moment is", () => {
  doorWithDeadline("14");

  it.each(PASSING)(
    "%s: the operation is COMPLETED all the same, and its log tells of it",
    async (_what, fault, says) => {
      await faults("POST", { times: 1, ...fault });
      const { status, log, result } = await provisioned();
      expect(status, result).toBe("COMPLETED");
      expect(log).toMatch(says);
      const plan = { descriptor: VACCINATIONS };
      const { json } = await door.post("/graphql", {
        query:
          "query ($plan: DescriptorInput!) { plan(input: { provision: $plan }) { steps { name } } }",
        variables: { plan },
      });
      expect(json).toEqual({ data: { plan: { steps: [] } } });
    },
  );
});

describe("a Hasura that stays", () => {
  doorWithDeadline("2.5");

  it.each(LASTING)(
    "%s: the operation is FAILED by its deadline, after few tries, with the cause in its log",
    async (_what, fault, says) => {
      await faults("POST", { times: 10_000, ...fault });
      const began = performance.now();
      const { status, log, calls: asked } = await provisioned();
      expect(status).toBe("FAILED");
      expect(performance.now() - began).toBeLessThan(6_000);
      expect(log).toMatch(says);
      expect(log).toMatch(/^ERROR /m);
      expect(asked).toBeLessThan(80);
    },
  );

  it("of another opinion: FAILED at once, with what it said", async () => {
    await faults("POST", { match: "bulk", times: 1, action: "status", status: 400, body: REFUSAL });
    const { status, log, result } = await provisioned();
    expect([status, result]).toEqual([
      "FAILED",
      expect.stringContaining("Inconsistent object: no"),
    ]);
    expect(log).toContain("ERROR Hasura refused the change: Inconsistent object: no");
    expect(log).not.toContain("Trying again");
  });
});
