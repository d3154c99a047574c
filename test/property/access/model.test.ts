/** The decision, from the request's text to the role, beside the rule read word for word. */
import fc from "fast-check";
import { afterAll, describe, expect, it } from "vitest";
import { createDocumentReader } from "../../../src/access/documents.ts";
import { decide, explain } from "../../../src/domain/access.ts";
import {
  type Access,
  type AccessFacts,
  applyChanges,
  arrangeAccess,
  emptyAccess,
} from "../../../src/domain/access-index.ts";
import { askedRootFields } from "../../../src/domain/graphql-request.ts";
import { history, question, sentRequest } from "./arbitrary.ts";
import { type NaiveAnswer, type NaiveQuestion, naiveDecision } from "./naive.ts";

/** Inventories, each of one to three states; questions about each state. */
const INVENTORIES = process.env.TEST_ALL === "1" ? 8_000 : 800;
const QUESTIONS = 8;
const TIMEOUT_MS = 600_000;

const counts = { cases: 0, allowed: 0, combined: 0, wanted: 0, refused: 0 };
afterAll(() => process.stdout.write(`decided as the model: ${JSON.stringify(counts)}\n`));

/** Small, so that documents are also pushed out of it. */
const readDocument = createDocumentReader(200_000);

function answer(access: Access, asks: NaiveQuestion): NaiveAnswer {
  const { requests, subjects, wishedRole, now } = asks;
  const [first] = requests;
  const sent =
    requests.length > 1
      ? requests.map(sentRequest)
      : first === undefined
        ? null
        : sentRequest(first);
  const read = askedRootFields(sent, readDocument);
  if (!read.ok) return { role: null, wanted: null };
  const asked = { subjects, wishedRole, now, asked: read.asked };
  const decision = decide(access, asked);
  const explained = explain(access, asked);
  expect(explained.decision).toEqual(decision);
  if (decision.allow) {
    expect(explained.candidates).toContainEqual(
      expect.objectContaining({ role: decision.role, verdict: "GRANTED" }),
    );
    expect(decision.until).toBeGreaterThan(now);
    if (decision.holder.kind === "COMBINED") counts.combined += 1;
  }
  return decision.allow
    ? { role: decision.role, wanted: null }
    : { role: null, wanted: decision.ports ?? null };
}

/** Brings the arrangement from one state to the next, by no more than what differs. */
function follow(access: Access, before: AccessFacts, after: AccessFacts): void {
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  const ids = new Set([...before.holders, ...after.holders].map(({ id }) => id));
  const find = ({ holders }: AccessFacts, id: string) =>
    holders.find((holder) => holder.id === id) ?? null;
  const changed = [...ids].filter((id) => !same(find(before, id), find(after, id)));
  applyChanges(access, {
    generation: after.generation,
    holders: new Map(changed.map((id) => [id, find(after, id)])),
    blocks: same(before.blocks, after.blocks) ? null : after.blocks,
  });
}

const NONE: AccessFacts = { generation: 0n, holders: [], blocks: [] };

describe("the decision", () => {
  it(
    "is what the rule says, for every request, before and after every change",
    () => {
      fc.assert(
        fc.property(
          history,
          fc.array(question, { minLength: QUESTIONS, maxLength: QUESTIONS }),
          (states, questions) => {
            const access = emptyAccess();
            let before = NONE;
            for (const state of states) {
              follow(access, before, state);
              before = state;
              for (const asks of questions) {
                const expected = naiveDecision(state, asks);
                expect(answer(access, asks)).toEqual(expected);
                counts.cases += 1;
                if (expected.role !== null) counts.allowed += 1;
                else if (expected.wanted !== null) counts.wanted += 1;
                else counts.refused += 1;
              }
            }
          },
        ),
        { numRuns: INVENTORIES },
      );
      expect(Math.min(...Object.values(counts))).toBeGreaterThan(20);
    },
    TIMEOUT_MS,
  );

  it("is the same whether the inventory was followed or read as a whole", () => {
    fc.assert(
      fc.property(history, (states) => {
        const access = emptyAccess();
        let before = NONE;
        for (const state of states) {
          follow(access, before, state);
          before = state;
        }
        expect(shape(access)).toEqual(shape(arrangeAccess(before)));
      }),
      { numRuns: 300 },
    );
  });
});

/** Everything that is found in it, in an order of its own. */
function shape(access: Access): unknown {
  const sorted = <Value>(values: Iterable<Value>) =>
    [...values].map((value) => JSON.stringify(value)).sort();
  return {
    generation: access.generation,
    holders: sorted(
      [...access.holders.values()].map(({ id, role, fields }) => [id, role, [...fields].sort()]),
    ),
    roles: sorted([...access.byRole].map(([role, { id }]) => [role, id])),
    fields: sorted(
      [...access.byField].map(([field, holders]) => [field, holders.map(({ id }) => id).sort()]),
    ),
    subjects: sorted(
      [...access.bySubject].map(([subject, { grants }]) => [
        subject,
        sorted(
          grants.map(({ holder, class: grantClass, until }) => [holder.id, grantClass, `${until}`]),
        ),
      ]),
    ),
    blocks: [sorted(access.blocksBySubject), sorted(access.blocksByPort)],
  };
}
