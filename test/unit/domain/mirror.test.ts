import { describe, expect, it } from "vitest";
import type { BlockFacts, HolderFacts } from "../../../src/domain/access-index.ts";
import { mirroredAccess } from "../../../src/domain/mirror.ts";

const NOW = 1_000;
const PORT = "a-port";

const grants = (
  subjects: string[],
  until: number | null = null,
): HolderFacts["grants"][number] => ({
  class: "ACL",
  until,
  subjects,
});
const block = (
  subject: string | null,
  portId: string | null,
  until: number | null = null,
): BlockFacts => ({ id: "b", subject, portId, until });

const ALL = [grants(["user:b", "group:g", "user:a"])];
const mirrored = (blocks: BlockFacts[], given = ALL) => mirroredAccess(PORT, given, blocks, NOW);

describe("who is to have a port's role elsewhere", () => {
  it("is who was granted it, each once, users apart from groups", () => {
    const twice = [...ALL, { ...grants(["user:a", "user:c"]), class: "MANUAL" as const }];
    expect(mirrored([], twice)).toEqual({
      users: ["user:a", "user:b", "user:c"],
      groups: ["group:g"],
      changesAt: null,
    });
    expect(mirrored([], [])).toEqual({ users: [], groups: [], changesAt: null });
  });

  it("is nobody who is blocked: everywhere, on that port, or because the port is closed", () => {
    expect(mirrored([block("user:a", null)]).users).toEqual(["user:b"]);
    expect(mirrored([block("user:a", PORT), block("group:g", PORT)])).toMatchObject({
      users: ["user:b"],
      groups: [],
    });
    expect(mirrored([block(null, PORT)])).toMatchObject({ users: [], groups: [] });
    const elsewhere = [block("user:a", "another"), block(null, "another"), block("user:z", null)];
    expect(mirrored(elsewhere)).toMatchObject({ users: ["user:a", "user:b"], groups: ["group:g"] });
  });

  it("changes when a grant or a block ends, and says when that is next", () => {
    const guest = [...ALL, grants(["user:guest"], NOW + 50), grants(["user:gone"], NOW)];
    expect(mirrored([], guest)).toMatchObject({
      users: ["user:a", "user:b", "user:guest"],
      changesAt: NOW + 50,
    });
    const blocks = [
      block("user:a", null, NOW + 20),
      block("user:b", PORT, NOW),
      block("user:x", "another", NOW + 5),
    ];
    expect(mirrored(blocks, guest)).toMatchObject({
      users: ["user:b", "user:guest"],
      changesAt: NOW + 20,
    });
  });
});
