/** Every line of bad input, through the front door: the answer's shape, and that nothing was done. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { differences } from "../../../contract/witboost-shapes.ts";
import { type FrontDoor, startFrontDoor, type Traces } from "../front-door.ts";
import type { Reply } from "../rest-face.ts";
import { ACCEPTED } from "./accepted.ts";
import { NAMELESS_ROWS, REF_ROWS } from "./access-lists.ts";
import { BODIES } from "./bodies.ts";
import { DESCRIPTOR_ROWS } from "./descriptors.ts";
import { NAME_ROWS } from "./names.ts";
import { type DescriptorRow, provisioning, type Row, VACCINATIONS } from "./row.ts";
import { TEXT_ROWS } from "./texts.ts";

const WITHIN_MS = 1_000;

let door: FrontDoor;
/** Nothing here changes them. */
let before: Traces;
beforeAll(async () => {
  door = await startFrontDoor();
  before = await door.traces();
});
afterAll(() => door?.stop());

const descriptorRows: readonly DescriptorRow[] = [...TEXT_ROWS, ...DESCRIPTOR_ROWS, ...NAME_ROWS];

const rows: readonly Row[] = [
  ...BODIES,
  ...REF_ROWS,
  ...NAMELESS_ROWS,
  ...descriptorRows.flatMap(({ descriptor, ...row }): Row[] => [
    { ...row, path: "/v1/provision", body: provisioning(descriptor), status: 400 },
    {
      ...row,
      path: "/v1/validate",
      body: provisioning(descriptor),
      status: 200,
      field: undefined,
    },
  ]),
  ...["DATAPRODUCT_DESCRIPTOR", "DATAPRODUCT_DESCRIPTOR_WITH_RESULTS"].map((descriptorKind) => ({
    what: `a ${descriptorKind}`,
    path: "/v1/provision",
    body: provisioning(VACCINATIONS, { descriptorKind }),
    status: 400,
    field: "descriptorKind",
    says: "Suggestion: COMPONENT_DESCRIPTOR",
  })),
];

async function answered({
  path,
  body,
  headers,
}: Pick<Row, "path" | "body" | "headers">): Promise<Reply> {
  const raw = typeof body === "string" || Buffer.isBuffer(body);
  return door.send(path, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: raw ? (body as string | Buffer<ArrayBuffer>) : JSON.stringify(body),
  });
}

function textsIn(value: unknown): string[] {
  if (typeof value === "string") return [value];
  return typeof value === "object" && value !== null ? Object.values(value).flatMap(textsIn) : [];
}

function expectAnswer(reply: Reply, { status, field, says }: Row): void {
  expect([reply.status, reply.type], reply.text).toEqual([
    status,
    "application/json; charset=utf-8",
  ]);
  const verdict = status === 200;
  const shape = verdict ? "ValidationResult" : "RequestValidationError";
  expect(differences(shape, reply.json)).toEqual([]);
  if (verdict) expect(reply.json?.valid).toBe(false);
  else expect(reply.json?.inputErrorField).toBe(field);
  const said = textsIn(reply.json).join("\n");
  if (typeof says === "string") expect(said).toContain(says);
  else expect(said).toMatch(says);
  expect(said).not.toMatch(/node_modules|prisma|\bSELECT\b.*\bFROM\b|SyntaxError|\.ts:\d/i);
}

describe("bad input", () => {
  it.each(rows.map((row) => [row.path, row.status, row.what, row] as const))(
    "%s answers %i to %s, and does nothing",
    async (_path, _status, _what, row) => {
      const began = performance.now();
      const reply = await answered(row);
      expect(performance.now() - began).toBeLessThan(WITHIN_MS);
      expectAnswer(reply, row);
      expect(await door.traces()).toEqual(before);
    },
  );

  it("is what a thorough validation says of each descriptor, too", async () => {
    const verdicts = await Promise.all(
      descriptorRows.map(async ({ what, descriptor }) => {
        const quick = await door.post("/v1/validate", provisioning(descriptor));
        const accepted = await door.post("/v2/validate", { descriptor });
        expect([what, accepted.status]).toEqual([what, 202]);
        return { what, token: accepted.text, publicInfo: quick.json };
      }),
    );
    const running = () => door.db.operation.count({ where: { status: "RUNNING" } });
    await expect.poll(running, { timeout: 60_000 }).toBe(0);
    for (const { what, token, publicInfo } of verdicts) {
      const { json } = await door.get(`/v2/validate/${token}/status`);
      expect([what, json]).toEqual([what, { status: "COMPLETED", info: { publicInfo } }]);
    }
    expect(await door.traces()).toEqual(before);
  }, 120_000);
});

describe("hostile input", () => {
  /** In MiB; the highest this process, which is client and service at once, ever had. */
  const highest = () => process.resourceUsage().maxRSS / 1024;
  const bombs = rows.filter(({ path, body }) => path === "/v1/provision" && sizeOf(body) > 100_000);

  it("leaves memory as it was, however often it comes", async () => {
    const round = async () => {
      for (const bomb of bombs) expect((await answered(bomb)).status).toBe(bomb.status);
    };
    expect(bombs.length).toBeGreaterThan(10);
    await round();
    await round();
    const known = highest();
    for (let again = 0; again < 3; again += 1) await round();
    expect(highest() - known).toBeLessThan(128);
  }, 60_000);
});

function sizeOf(body: unknown): number {
  return Buffer.isBuffer(body) ? 50_000_000 : JSON.stringify(body).length;
}

describe("unusual input", () => {
  it.each(ACCEPTED.map(({ what, descriptor }) => [what, descriptor] as const))(
    "is valid: %s",
    async (_what, descriptor) => {
      const reply = await door.post("/v1/validate", provisioning(descriptor));
      expect(reply.json).toEqual({ valid: true });
    },
  );
});
