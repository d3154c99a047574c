import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { createMemberships, type MembershipsOptions } from "../../../src/access/memberships.ts";
import type { DirectoryGroup } from "../../../src/directory/directory.ts";
import { createLogger } from "../../../src/observability/logger.ts";

const log = createLogger({ level: "silent" });
const NURSES: DirectoryGroup = { id: "1", name: "Nurses" };

/** A directory whose answers are given by hand, and the memory in front of it. */
function startMemory(more: Partial<MembershipsOptions> = {}) {
  const asked: { userId: string; answer(groups: DirectoryGroup[]): void; fail(): void }[] = [];
  const directory = {
    groupsOf: (userId: string) =>
      new Promise<DirectoryGroup[]>((answer, reject) => {
        asked.push({ userId, answer, fail: () => reject(new Error("away")) });
      }),
  };
  return { asked, memberships: createMemberships({ directory, log, ...more }) };
}

describe("the memory of users' groups", () => {
  it("asks once for many requests of one user at once, and then answers at once", async () => {
    const { asked, memberships } = startMemory();
    const waiting = Array.from({ length: 50 }, () => memberships.of("ann"));
    const other = memberships.of("bob");
    expect(asked.map(({ userId }) => userId)).toEqual(["ann", "bob"]);
    asked[0]?.answer([NURSES]);
    asked[1]?.answer([]);
    for (const answer of waiting) expect(await answer).toEqual([NURSES]);
    expect(await other).toEqual([]);
    expect(memberships.of("ann")).toEqual([NURSES]);
    expect(asked).toHaveLength(2);
  });

  it("asks again after a while: whoever left a group does not stay in it", async () => {
    const { asked, memberships } = startMemory({ keptMs: 30 });
    const first = memberships.of("ann");
    asked[0]?.answer([NURSES]);
    expect(await first).toEqual([NURSES]);
    await sleep(60);
    const second = memberships.of("ann");
    expect(asked).toHaveLength(2);
    asked[1]?.answer([]);
    expect(await second).toEqual([]);
  });

  it("knows nothing when the directory fails, also not what it knew, and asks no more for a moment", async () => {
    const { asked, memberships } = startMemory({ keptMs: 30 });
    const first = memberships.of("ann");
    asked[0]?.answer([NURSES]);
    await first;
    await sleep(60);
    const second = memberships.of("ann");
    asked[1]?.fail();
    expect(await second).toBeNull();
    expect(memberships.of("ann")).toBeNull();
    expect(asked).toHaveLength(2);
  });

  it("does not keep a request waiting for a slow directory, whose answer is for the next one", async () => {
    const { asked, memberships } = startMemory({ waitMs: 20 });
    expect(await memberships.of("ann")).toBeNull();
    expect(await memberships.of("ann")).toBeNull();
    expect(asked).toHaveLength(1);
    asked[0]?.answer([NURSES]);
    await expect.poll(() => memberships.of("ann")).toEqual([NURSES]);
  });

  it("forgets the oldest when it would hold too much", async () => {
    const { asked, memberships } = startMemory();
    const many = Array.from({ length: 300_000 }, () => NURSES);
    for (const [index, user] of ["ann", "bob"].entries()) {
      const answer = memberships.of(user);
      asked[index]?.answer(many);
      await answer;
    }
    expect(memberships.of("bob")).toHaveLength(300_000);
    expect(memberships.of("ann")).toBeInstanceOf(Promise);
  });
});
