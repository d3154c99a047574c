/** What is wrong because of how things stand: a port that is not there, a name that is taken, a list with a bad ref. */
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { differences } from "../../../contract/witboost-shapes.ts";
import { type FrontDoor, startFrontDoor } from "../front-door.ts";
import type { Reply } from "../rest-face.ts";
import { ACCEPTED } from "./accepted.ts";
import { REF_ROWS } from "./access-lists.ts";
import {
  accessList,
  all,
  at,
  type Change,
  changed,
  drop,
  PREFIX,
  provisioning,
  set,
  TARGET,
  VACCINATIONS,
} from "./row.ts";

let door: FrontDoor;
beforeAll(async () => {
  door = await startFrontDoor({ OPERATION_WAIT_MS: "10000" });
});
afterAll(() => door?.stop());

const GRANTED = ["group:analysts", "user:alice_example.com"];

const grants = async () =>
  (await door.db.grant.findMany({ where: { endedAt: null }, orderBy: { subject: "asc" } })).map(
    ({ subject }) => subject,
  );

async function completed(reply: Promise<Reply>): Promise<void> {
  const { status, json, text } = await reply;
  expect([status, json?.status], text).toEqual([200, "COMPLETED"]);
}

async function refused(
  reply: Promise<Reply>,
  field: string,
  says: string | RegExp,
): Promise<Reply> {
  const before = await door.traces();
  const answer = await reply;
  expect([answer.status, differences("RequestValidationError", answer.json)], answer.text).toEqual([
    400,
    [],
  ]);
  expect(answer.json?.inputErrorField).toBe(field);
  expect(answer.text).toMatch(says);
  expect(await door.traces()).toEqual(before);
  return answer;
}

describe("an access list", () => {
  it("is refused before its port is provisioned, and after it is gone", async () => {
    const list = () => door.post("/v1/updateacl", accessList(GRANTED));
    await refused(list(), "provisionInfo.request", "provision it first");
    await completed(door.post("/v1/provision", provisioning(VACCINATIONS)));
    await completed(list());
    expect(await grants()).toEqual(GRANTED);
    await completed(door.post("/v1/unprovision", provisioning(VACCINATIONS)));
    expect(await grants()).toEqual([]);
    await refused(list(), "provisionInfo.request", "provision it first");
    await completed(door.post("/v1/provision", provisioning(VACCINATIONS)));
    expect(await grants()).toEqual([]);
    await completed(list());
  });

  it("is refused for another environment, where the port does not live", async () => {
    const elsewhere = changed(set("product", "environment", "production"));
    const list = door.post("/v1/updateacl", accessList(GRANTED, elsewhere));
    await refused(list, "provisionInfo.request", "environment production");
  });

  it("is all or nothing: each bad ref is named, and everybody keeps what they have", async () => {
    for (const { body } of REF_ROWS) {
      const { refs } = body as { refs: string[] };
      const bad = refs[1] ?? "";
      const list = ["user:bob_example.com", bad, "group:analysts", "", bad];
      const answer = await refused(door.post("/v1/updateacl", accessList(list)), "refs.1", /./);
      const { errors } = answer.json as { errors: string[] };
      expect(errors.map((error) => /^refs\.\d/.exec(error)?.[0])).toEqual([
        "refs.1",
        "refs.3",
        "refs.4",
      ]);
      expect(await grants()).toEqual(GRANTED);
    }
  });

  it("is answered in a second when it holds 10,000 bad refs", async () => {
    const began = performance.now();
    const list = Array.from({ length: 10_000 }, (_, index) => `nobody ${index}`);
    const answer = await refused(door.post("/v1/updateacl", accessList(list)), "refs.0", /./);
    expect(performance.now() - began).toBeLessThan(1_000);
    const { errors } = answer.json as { errors: string[] };
    expect([errors.length, errors.at(-1)]).toEqual([1_001, "There are 9000 more."]);
  });
});

describe("a name that another port has", () => {
  const OTHER = `${TARGET}-2`;
  const other = (...changes: Change[]) =>
    changed(
      all(set("root", "componentIdToProvision", OTHER), set("target", "id", OTHER), ...changes),
    );

  it("is refused, with its owner and another way, one problem a field", async () => {
    const answer = await refused(
      door.post("/v1/provision", provisioning(other())),
      at("specific.customTableName").replace(TARGET, OTHER),
      `belongs to ${TARGET} (environment development)`,
    );
    const { errors, moreInfo } = answer.json as { errors: string[]; moreInfo: { solutions: [] } };
    expect([errors.length, moreInfo.solutions.length]).toEqual([5, 5]);
    const verdict = await door.post("/v1/validate", provisioning(other()));
    expect(verdict.json).toEqual({ valid: false, error: { errors } });
  });

  it("is refused in another environment of the same Hasura, too", async () => {
    const production = changed(set("product", "environment", "production"));
    await refused(
      door.post("/v1/provision", provisioning(production)),
      at("specific.customTableName"),
      "environment development",
    );
  });

  it("may be one that Hasura makes of the other's type", async () => {
    const names = ["selectByPk", "selectAggregate", "selectStream", "customTableName", "select"];
    const derived = other(
      ...names.map((name) => set("names", name, `${PREFIX}_own_${name.toLowerCase()}`)),
      set("names", "select", `${PREFIX}_vaccinations_aggregate`),
    );
    await refused(
      door.post("/v1/provision", provisioning(derived)),
      at("specific.select").replace(TARGET, OTHER),
      `belongs to ${TARGET}`,
    );
  });
});

describe("a change that is refused", () => {
  it("leaves the live port, its access and its names as they are", async () => {
    const before = await door.traces();
    for (const descriptor of [
      changed(set("names", "select", "nonsense")),
      changed(set("view", "database", "X&role=ACCOUNTADMIN")),
      changed(drop("target", "dependsOn")),
    ])
      expect((await door.post("/v1/provision", provisioning(descriptor))).status).toBe(400);
    expect(await grants()).toEqual(GRANTED);
    expect(await door.traces()).toEqual(before);
    await completed(door.post("/v1/provision", provisioning(VACCINATIONS)));
    expect((await door.traces()).writes).toBe(before.writes);
  });

  it("is none for the odd but right descriptors of a live port", async () => {
    for (const { descriptor } of ACCEPTED.slice(0, 3))
      expect((await door.post("/v1/validate", provisioning(descriptor))).json).toEqual({
        valid: true,
      });
  });
});
