/** What admins change of access, from the mutation to the webhook: the service as it runs. */
import { randomUUID } from "node:crypto";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { example } from "../../support/plane.ts";
import { type Service, startService } from "../../support/service.ts";

const PORT = "urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-graphql";
const QUERY = "{ healthcare_vaccinations_0_vaccinationsgraphql_select { DATE } }";
const ANN = "user:ann_example.com";
const ann = { unique_name: "Ann@example.com" };
const bob = { unique_name: "bob@example.com" };
const reason = "agreed in ticket 7";

let service: Service;
let descriptor: string;

beforeAll(async () => {
  descriptor = await example("vaccinations");
  service = await startService();
  const provisioned = await service.rest("/v1/provision", {
    descriptorKind: "COMPONENT_DESCRIPTOR",
    descriptor,
  });
  expect(provisioned).toMatchObject({ status: "COMPLETED" });
});
afterAll(() => service?.stop());

/** Nobody has access and nobody is blocked. */
const anew = async (): Promise<void> => {
  await service.db.accessBlock.deleteMany();
  await service.db.grant.deleteMany();
  await updateAcl();
};

const updateAcl = async (...refs: string[]) =>
  expect(
    await service.rest("/v1/updateacl", {
      refs,
      provisionInfo: { request: descriptor, result: "" },
    }),
  ).toMatchObject({ status: "COMPLETED" });
const reads = (claims: object) => service.reads({ ...claims }, QUERY);

const grant = (input: object = {}) =>
  service.change("grantAccess", "GrantAccessInput", {
    componentId: PORT,
    subject: ANN,
    reason,
    ...input,
  });
const revoke = (input: object = {}) =>
  service.change("revokeAccess", "RevokeAccessInput", {
    componentId: PORT,
    subject: ANN,
    reason,
    ...input,
  });
const block = (input: object) => service.change("block", "BlockInput", { reason, ...input });
const unblock = (input: object) => service.change("unblock", "UnblockInput", { reason, ...input });

describe("an admin's grant", () => {
  beforeEach(anew);

  it("lets in once it is done, stays over access lists, and ends when it is revoked", async () => {
    expect(await reads(ann)).toBe("NO_GRANT");
    expect(
      await grant({
        componentId: PORT.toUpperCase().replace("URN:DMB", "urn:dmb"),
        subject: "User:default/ANN_example.com",
      }),
    ).toMatchObject({
      kind: "GRANT",
      status: "COMPLETED",
      actor: "admin:local",
      result: `${ANN} may read ${PORT}.`,
    });
    expect(await reads(ann)).toBe("allowed");
    await updateAcl("user:bob_example.com");
    await updateAcl();
    expect(await reads(ann)).toBe("allowed");
    const { data } = await service.ask(
      "query ($s: String) { grants(filter: {subject: $s}) { edges { node { class reason actor until operation { kind subject } } } } }",
      { s: ANN.toUpperCase() },
    );
    const node = { class: "MANUAL", reason, actor: "admin:local", until: null };
    expect(data?.grants?.edges).toEqual([
      { node: { ...node, operation: { kind: "GRANT", subject: ANN } } },
    ]);
    expect(await revoke()).toMatchObject({
      kind: "REVOKE",
      status: "COMPLETED",
      result: `The grant of ${ANN} on ${PORT} by an admin has ended.`,
    });
    expect(await reads(ann)).toBe("NO_GRANT");
    const [row] = await service.db.grant.findMany({ where: { subject: ANN } });
    expect(row?.endReason).toBe(`revoked by admin:local: ${reason}`);
  });

  it("is beside what an access list gives: revoking it says what is left, and to whom to turn", async () => {
    await updateAcl(ANN);
    await grant();
    const { result } = await revoke();
    expect(result).toContain("still read by a grant of class ACL");
    expect(result).toContain("only a block keeps it out");
    expect(await reads(ann)).toBe("allowed");
    const { errors } = await service.ask(
      "mutation ($input: RevokeAccessInput!) { revokeAccess(input: $input) { token } }",
      { input: { componentId: PORT, subject: ANN, reason } },
    );
    expect(errors?.[0]?.extensions).toMatchObject({
      code: "NOT_FOUND",
      problems: [
        {
          path: "subject",
          message: expect.stringContaining("ACL"),
          suggestion: expect.stringContaining("block"),
        },
      ],
    });
  });

  it("ends by itself, and is replaced by one that ends at another time", async () => {
    const soon = new Date(Date.now() + 1_500).toISOString();
    expect((await grant({ until: soon })).result).toBe(`${ANN} may read ${PORT} until ${soon}.`);
    expect(await reads(ann)).toBe("allowed");
    await grant({ until: soon, reason: "once more" });
    expect(await service.db.grant.count({ where: { subject: ANN } })).toBe(1);
    await expect.poll(() => reads(ann)).toBe("NO_GRANT");
    const { errors } = await service.ask(
      "mutation ($input: RevokeAccessInput!) { revokeAccess(input: $input) { token } }",
      { input: { componentId: PORT, subject: ANN, reason } },
    );
    expect(errors?.[0]?.extensions.code).toBe("NOT_FOUND");
    await grant();
    expect(await reads(ann)).toBe("allowed");
    const rows = await service.db.grant.findMany({ orderBy: { since: "asc" } });
    expect(rows.map(({ endReason }) => endReason)).toEqual(["given anew by admin:local", null]);
    expect(rows[0]?.endedAt).toEqual(rows[1]?.since);
  });

  it("of a group lets its members in", async () => {
    await grant({ subject: "group:Nurses" });
    expect(await reads({ ...bob, groups: ["nurses"] })).toBe("allowed");
    expect(await reads(bob)).toBe("NO_GRANT");
  });
});

describe("a block", () => {
  beforeEach(anew);

  it("of a subject holds from the moment it is done, over every list and grant, until it is ended", async () => {
    await updateAcl(ANN, "user:bob_example.com", "group:nurses");
    expect(await reads(ann)).toBe("allowed");
    expect(await block({ subject: ANN })).toMatchObject({
      kind: "BLOCK",
      status: "COMPLETED",
      result: `Access to everything is blocked for ${ANN}.`,
    });
    const refused = async (): Promise<void> => {
      expect(await reads(ann)).toBe("BLOCKED");
      expect(await reads({ ...ann, groups: ["nurses"] })).toBe("BLOCKED");
    };
    await refused();
    for (const refs of [[ANN], [], [ANN, "group:nurses"]]) {
      await updateAcl(...refs);
      await refused();
    }
    const granted = await grant();
    expect(granted.result).toContain("1 block(s) stand in the way");
    await refused();
    expect(await reads(bob)).toBe("NO_GRANT");
    expect(await unblock({ subject: ANN })).toMatchObject({
      status: "COMPLETED",
      result: `The block of ${ANN} on everything has ended.`,
    });
    expect(await reads(ann)).toBe("allowed");
    const [row] = await service.db.accessBlock.findMany();
    expect(row?.endReason).toBe(`ended by admin:local: ${reason}`);
  });

  it("of a group keeps out every member, also by a grant of the member's own", async () => {
    await updateAcl(ANN, "user:bob_example.com");
    await block({ subject: "group:leavers" });
    expect(await reads({ ...ann, groups: ["leavers"] })).toBe("BLOCKED");
    expect(await reads(ann)).toBe("allowed");
  });

  it("of a port keeps everybody off, one of the pair only that subject; a teardown does not end it", async () => {
    await updateAcl(ANN, "user:bob_example.com");
    await block({ subject: ANN, componentId: PORT });
    expect([await reads(ann), await reads(bob)]).toEqual(["BLOCKED", "allowed"]);
    const { result, token } = await block({ componentId: PORT, environment: "Development" });
    expect(result).toBe(`Access to ${PORT} is blocked for everybody.`);
    const asked = await service.ask("query ($t: ID!) { operation(token: $t) { subject } }", {
      t: token,
    });
    expect(asked.data?.operation).toEqual({ subject: null });
    expect([await reads(ann), await reads(bob)]).toEqual(["BLOCKED", "BLOCKED"]);
    expect((await unblock({ componentId: PORT })).result).toBe(
      `The block of everybody on ${PORT} has ended.`,
    );
    expect([await reads(ann), await reads(bob)]).toEqual(["BLOCKED", "allowed"]);
    const body = { descriptorKind: "COMPONENT_DESCRIPTOR", descriptor, removeData: false };
    expect((await service.rest("/v1/unprovision", body)).status).toBe("COMPLETED");
    expect((await service.rest("/v1/provision", body)).status).toBe("COMPLETED");
    await updateAcl(ANN, "user:bob_example.com");
    expect([await reads(ann), await reads(bob)]).toEqual(["BLOCKED", "allowed"]);
  });

  it("ends by itself; those beside it stay, and one of several is ended by its id", async () => {
    await updateAcl(ANN);
    const soon = new Date(Date.now() + 1_500).toISOString();
    await block({ subject: ANN, until: soon });
    expect(await reads(ann)).toBe("BLOCKED");
    await expect.poll(() => reads(ann)).toBe("allowed");
    await block({ subject: ANN, reason: "first" });
    await block({ subject: ANN, reason: "second" });
    const { data } = await service.ask(
      "query ($s: String) { blocks(filter: {subject: $s, state: LIVE}) { totalCount edges { node { id reason } } } }",
      { s: ANN },
    );
    const edges = data?.blocks?.edges as { node: { id: string; reason: string } }[];
    expect(edges.map(({ node }) => node.reason)).toEqual(["second", "first"]);
    const { result } = await unblock({ id: edges[1]?.node.id });
    expect(result).toContain("1 other block(s) still stand");
    expect(await reads(ann)).toBe("BLOCKED");
    await unblock({ subject: ANN });
    expect(await reads(ann)).toBe("allowed");
  });
});

describe("a change of access", () => {
  it("is in force at once and completed only when every live replica follows; asked again meanwhile it is one", async () => {
    await anew();
    await updateAcl(ANN);
    const leaseUntil = new Date(Date.now() + 60_000);
    const laggard = await service.db.replica.create({ data: { id: randomUUID(), leaseUntil } });
    const input = { subject: ANN, reason };
    const first = await service.change("block", "BlockInput", input, 300);
    expect(first.status).toBe("RUNNING");
    await expect.poll(() => reads(ann)).toBe("BLOCKED");
    const again = await service.change("block", "BlockInput", input, 0);
    expect(again.token).toBe(first.token);
    const { errors } = await service.ask(
      "mutation ($t: ID!) { cancelOperation(token: $t) { token } }",
      { t: first.token },
    );
    expect(errors?.[0]?.extensions.problems[0]?.message).toContain("the webhooks are following");
    await service.db.replica.delete({ where: { id: laggard.id } });
    const status = async () => {
      const row = await service.db.operation.findUnique({ where: { token: first.token } });
      return row?.status;
    };
    await expect.poll(status).toBe("COMPLETED");
    expect(await service.db.accessBlock.count()).toBe(1);
    await anew();
  });

  const none = { componentId: "urn:dmb:cmp:none" };
  const past = new Date(Date.now() - 1_000).toISOString();
  const NOBODY = "00000000-0000-4000-8000-000000000000";
  it.each([
    ["grantAccess", { ...none, subject: ANN }, "NOT_PROVISIONED componentId"],
    [
      "grantAccess",
      { componentId: PORT, environment: "production", subject: ANN },
      "NOT_PROVISIONED componentId",
    ],
    ["grantAccess", { componentId: PORT, subject: "ann" }, "INVALID_REFS subject"],
    ["grantAccess", { componentId: PORT, subject: "group:" }, "INVALID_REFS subject"],
    ["grantAccess", { componentId: PORT, subject: "user:аnn" }, "INVALID_REFS subject"],
    ["grantAccess", { componentId: PORT, subject: ANN, until: past }, "BAD_REQUEST until"],
    ["grantAccess", { componentId: PORT, subject: ANN, reason: " " }, "BAD_REQUEST reason"],
    ["grantAccess", { componentId: PORT, subject: ANN, reason: "a\0b" }, "BAD_REQUEST reason"],
    ["revokeAccess", { ...none, subject: ANN }, "NOT_FOUND componentId"],
    ["revokeAccess", { componentId: PORT, subject: ANN }, "NOT_FOUND subject"],
    ["revokeAccess", { componentId: PORT, subject: "users:ann" }, "INVALID_REFS subject"],
    ["block", {}, "BAD_REQUEST subject"],
    ["block", { environment: "development" }, "BAD_REQUEST subject"],
    ["block", { subject: ANN, environment: "development" }, "BAD_REQUEST environment"],
    ["block", none, "NOT_FOUND componentId"],
    ["block", { subject: "everybody" }, "INVALID_REFS subject"],
    ["block", { subject: ANN, until: past }, "BAD_REQUEST until"],
    ["unblock", {}, "BAD_REQUEST subject"],
    ["unblock", { subject: ANN }, "NOT_FOUND "],
    ["unblock", { componentId: PORT }, "NOT_FOUND "],
    ["unblock", { id: btoa(`AccessBlock:${NOBODY}`) }, "NOT_FOUND id"],
    ["unblock", { id: btoa("AccessBlock:x") }, "NOT_FOUND id"],
    ["unblock", { id: btoa(`AccessBlock:${NOBODY}`), subject: ANN }, "BAD_REQUEST id"],
  ])("%s of %j is refused: %s", async (field, input, refusal) => {
    const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
    const before = await service.db.operation.count();
    expect(await service.refusal(field, type, { reason, ...input })).toBe(refusal);
    expect(await service.db.operation.count()).toBe(before);
    expect(await service.db.accessBlock.count()).toBe(0);
  });
});
