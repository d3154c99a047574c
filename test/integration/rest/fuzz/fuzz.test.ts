/** Whatever is sent: an answer in the contract's shape, soon, and nothing done for what is refused. */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { differences } from "../../../contract/witboost-shapes.ts";
import { provisioning } from "../bad-input/row.ts";
import { type FrontDoor, startFrontDoor, type Traces } from "../front-door.ts";
import type { Reply } from "../rest-face.ts";
import { anyDescriptor } from "./descriptors.ts";
import { anyAccessList, anyRequest, anyToken, type Sent } from "./requests.ts";

/** Bodies in all, of every kind together. */
const BODIES = process.env.TEST_ALL === "1" ? 20_000 : 1_000;
/** Sent at once: the service is busy with others while it reads one. */
const TOGETHER = 10;
const WITHIN_MS = 5_000;
const TIMEOUT_MS = 900_000;

let door: FrontDoor;
let before: Traces;
const told = new Map<string, number>();
let slowestMs = 0;

beforeAll(async () => {
  door = await startFrontDoor({ OPERATION_WAIT_MS: "4000" });
  before = await door.traces();
});
afterAll(async () => {
  await door?.stop();
  const counts = [...told].sort().map(([kind, times]) => `${kind} ${times}`);
  process.stdout.write(`fuzzed: ${counts.join(", ")}; slowest ${Math.round(slowestMs)} ms\n`);
});

function runs(share: number): { numRuns: number } {
  return { numRuns: Math.round((BODIES * share) / TOGETHER) };
}

function many<Value>(one: fc.Arbitrary<Value>): fc.Arbitrary<Value[]> {
  return fc.array(one, { minLength: TOGETHER, maxLength: TOGETHER });
}

async function send({ path, method, headers, body }: Sent): Promise<Reply> {
  const began = performance.now();
  const signal = AbortSignal.timeout(WITHIN_MS);
  const reply = await door.send(path, {
    method,
    headers,
    body: body as Buffer<ArrayBuffer> | null,
    signal,
  });
  slowestMs = Math.max(slowestMs, performance.now() - began);
  const verdict = reply.json?.valid === true ? " valid" : "";
  const kind = `${/v\d\/[\w-]+/.exec(path)?.[0]} ${reply.status}${verdict}`;
  told.set(kind, (told.get(kind) ?? 0) + 1);
  return reply;
}

function expectContract({ path }: Sent, { status, json, text }: Reply): void {
  expect(status, text).toBeLessThan(500);
  if (status === 202) {
    expect(text).toMatch(/^[0-9a-f-]{36}$/);
    return;
  }
  const shape =
    status !== 200
      ? "RequestValidationError"
      : path === "/v1/validate"
        ? "ValidationResult"
        : "ProvisioningStatus";
  expect(differences(shape, json), text).toEqual([]);
}

/** An unprovision that finds nothing is recorded as an operation; nothing else is. */
async function expectNothingDone(): Promise<void> {
  expect({ ...(await door.traces()), operations: 0 }).toEqual({ ...before, operations: 0 });
}

const post = (path: string, body: unknown): Sent => ({
  method: "POST",
  path,
  headers: { "content-type": "application/json" },
  body: Buffer.from(JSON.stringify(body)),
});

/** The other routes that read a descriptor, each now and then. */
const OTHERS = [
  (descriptor: string) => post("/v2/validate", { descriptor }),
  (descriptor: string) => post("/v1/unprovision", provisioning(descriptor)),
  (descriptor: string) =>
    post("/v1/updateacl", { refs: [], provisionInfo: { request: descriptor, result: "" } }),
];

async function checkDescriptor(descriptor: string, index: number): Promise<void> {
  const quick = post("/v1/validate", provisioning(descriptor));
  const verdict = await send(quick);
  expectContract(quick, verdict);
  const other = index % 4 === 0 ? OTHERS[(index / 4) % OTHERS.length]?.(descriptor) : undefined;
  if (other !== undefined) expectContract(other, await send(other));
  if (verdict.json?.valid !== false) return;
  const refused = await send(post("/v1/provision", provisioning(descriptor)));
  expect([400, 413], refused.text).toContain(refused.status);
  const { error } = verdict.json as { error: { errors: string[] } };
  expect(refused.json?.errors).toEqual(error.errors);
}

describe(`${BODIES} bodies that nobody sends`, () => {
  it(
    "any body on any route",
    async () => {
      const property = fc.asyncProperty(many(anyRequest), async (requests) => {
        await Promise.all(requests.map(async (each) => expectContract(each, await send(each))));
        await expectNothingDone();
      });
      await fc.assert(property, runs(0.45));
    },
    TIMEOUT_MS,
  );

  it(
    "any descriptor: what is invalid is refused for the same reasons",
    async () => {
      const property = fc.asyncProperty(many(anyDescriptor), async (descriptors) => {
        await Promise.all(descriptors.map(checkDescriptor));
        await expectNothingDone();
      });
      await fc.assert(property, runs(0.45));
    },
    TIMEOUT_MS,
  );

  it(
    "any access list, and any token",
    async () => {
      const property = fc.asyncProperty(
        many(fc.oneof(anyAccessList, anyToken)),
        async (requests) => {
          for (const each of requests) {
            const reply = await send(each);
            expectContract(each, reply);
            expect([400, 404, 413]).toContain(reply.status);
          }
          await expectNothingDone();
        },
      );
      await fc.assert(property, runs(0.1));
    },
    TIMEOUT_MS,
  );

  it("leave nothing behind that cannot be carried out", async () => {
    const running = () => door.db.operation.count({ where: { status: "RUNNING" } });
    await expect.poll(running, { timeout: 60_000 }).toBe(0);
    const failed = await door.db.operation.findMany({ where: { status: "FAILED" } });
    expect(failed.map(({ kind, code, result }) => `${kind} ${code} ${result}`)).toEqual([]);
  }, 90_000);
});
