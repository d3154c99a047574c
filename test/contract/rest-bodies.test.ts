import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { AppError, ERROR_CODES, isSendersFault } from "../../src/errors.ts";
import type { OperationOutcomeFragment } from "../../src/rest/generated/operations.ts";
import {
  acceptedAnswer,
  invalidAnswer,
  statusAnswer,
  validationStatusAnswer,
} from "../../src/rest/outcome.ts";
import { type Answer, problemAnswer, readingFailure } from "../../src/rest/problem.ts";
import { differences, marketplaceDifferences } from "./witboost-shapes.ts";

function jsonOf(answer: Answer): Record<string, unknown> {
  if ("text" in answer) throw new Error("expected JSON");
  return JSON.parse(JSON.stringify(answer.json));
}

const problem = fc.record(
  { path: fc.string(), message: fc.string(), suggestion: fc.string() },
  { requiredKeys: ["path", "message"] },
);

const operation: fc.Arbitrary<OperationOutcomeFragment> = fc.record({
  token: fc.uuid(),
  kind: fc.constantFrom("PROVISION", "UNPROVISION", "UPDATE_ACL"),
  status: fc.constantFrom("RUNNING", "COMPLETED", "FAILED"),
  result: fc.string(),
  url: fc.option(fc.webUrl()),
  info: fc.option(
    fc.record({
      publicInfo: fc.array(
        fc.record({
          key: fc.stringMatching(/^[a-z]\w*$/),
          type: fc.constantFrom("STRING", "LINK", "DATE"),
          label: fc.string(),
          value: fc.string(),
          href: fc.option(fc.webUrl()),
        }),
      ),
      privateInfo: fc.dictionary(fc.string(), fc.jsonValue()),
    }),
  ),
  logs: fc.array(
    fc.record({
      at: fc.date({
        min: new Date("2020-01-01"),
        max: new Date("2099-01-01"),
        noInvalidDate: true,
      }),
      level: fc.constantFrom("DEBUG", "INFO", "WARNING", "ERROR"),
      phase: fc.option(fc.string()),
      message: fc.string(),
    }),
    { maxLength: 30 },
  ),
});

describe("an error in the contract's shape", () => {
  it("is a RequestValidationError for what the sender can mend, a SystemError for the rest", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...ERROR_CODES),
        fc.string(),
        fc.array(problem, { maxLength: 4 }),
        (code, message, problems) => {
          const answer = problemAnswer(new AppError(code, message, { problems }));
          const refusals = ["UNAUTHENTICATED", "FORBIDDEN"];
          const shape =
            isSendersFault(code) || refusals.includes(code)
              ? "RequestValidationError"
              : "SystemError";
          expect(differences(shape, jsonOf(answer))).toEqual([]);
          expect(answer.status >= 500).toBe(shape === "SystemError");
        },
      ),
    );
  });

  it("names the first faulty field, every problem, and what would be right", () => {
    const problems = [
      { path: "", message: "something is off" },
      { path: "descriptorKind", message: "is unknown", suggestion: "COMPONENT_DESCRIPTOR" },
    ];
    const answer = problemAnswer(new AppError("BAD_REQUEST", "The body is wrong.", { problems }));
    expect(answer.status).toBe(400);
    expect(jsonOf(answer)).toEqual({
      errors: ["something is off.", "descriptorKind: is unknown. Suggestion: COMPONENT_DESCRIPTOR"],
      userMessage: "The body is wrong.",
      inputErrorField: "descriptorKind",
      moreInfo: {
        problems: [
          "something is off.",
          "descriptorKind: is unknown. Suggestion: COMPONENT_DESCRIPTOR",
        ],
        solutions: ["descriptorKind: COMPONENT_DESCRIPTOR"],
      },
    });
  });

  it("says 413 when too much was sent and 401 when nobody said who sends", () => {
    expect(problemAnswer(new AppError("PAYLOAD_TOO_LARGE", "Too large.")).status).toBe(413);
    expect(problemAnswer(new AppError("UNAUTHENTICATED", "Who?")).status).toBe(401);
  });

  it("holds nothing of what was caught, and no secret", () => {
    const caught = new Error("SELECT * FROM port; password=hunter2");
    const unexpected = jsonOf(problemAnswer(readingFailure(caught)));
    expect(JSON.stringify(unexpected)).not.toMatch(/SELECT|hunter2|at .*\.ts/);
    const told = new AppError("SOURCE_UNAVAILABLE", "jdbc:snowflake://h/?password=hunter2&x=1", {
      problems: [{ path: "", message: "Authorization: Bearer abcdef.ghijkl" }],
    });
    expect(JSON.stringify(jsonOf(problemAnswer(told)))).not.toMatch(/hunter2|abcdef/);
  });
});

describe("an operation in the contract's shape", () => {
  it("is a ProvisioningStatus, whatever it holds", () => {
    fc.assert(
      fc.property(operation, (known) => {
        const body = jsonOf(statusAnswer(known));
        expect(differences("ProvisioningStatus", body)).toEqual([]);
        expect(body.status).toBe(known.status);
        expect(String(body.result).startsWith(known.result)).toBe(true);
        const { publicInfo = {} } = (body.info ?? {}) as { publicInfo?: object };
        for (const entry of Object.values(publicInfo))
          expect(marketplaceDifferences(entry)).toEqual([]);
        if (known.status !== "COMPLETED") expect(body.info).toBeUndefined();
      }),
    );
  });

  it("is a bare token while it runs, for a 200 that says RUNNING could not be polled", () => {
    fc.assert(
      fc.property(operation, (known) => {
        const answer = acceptedAnswer(known);
        if (known.status === "RUNNING") expect(answer).toEqual({ status: 202, text: known.token });
        else expect(answer).toEqual(statusAnswer(known));
      }),
    );
  });

  it("points at its page when it failed", () => {
    const failed = { ...fc.sample(operation, 1)[0], status: "FAILED", result: "No." } as const;
    const url = "https://plane.example.com/ui/operations/1";
    const answer = statusAnswer({ ...failed, url } as OperationOutcomeFragment);
    expect(jsonOf(answer).result).toBe(`No.\nDetails: ${url}`);
  });
});

describe("a thorough validation in the contract's shape", () => {
  const validation = fc.record({
    kind: fc.constant("VALIDATE" as const),
    status: fc.constantFrom("RUNNING" as const, "COMPLETED" as const, "FAILED" as const),
    result: fc.string(),
    problems: fc.array(
      fc.record({ path: fc.string(), message: fc.string(), suggestion: fc.option(fc.string()) }),
      { maxLength: 5 },
    ),
  });

  it("is a ValidationStatus, whatever it holds", () => {
    fc.assert(
      fc.property(validation, (known) => {
        const body = jsonOf(validationStatusAnswer(known));
        expect(differences("ValidationStatus", body)).toEqual([]);
        expect(body.status).toBe(known.status);
        const { publicInfo } = (body.info ?? {}) as { publicInfo?: { valid: boolean } };
        const valid = known.status === "COMPLETED" && known.problems.length === 0;
        expect(publicInfo?.valid).toBe(known.status === "RUNNING" ? undefined : valid);
      }),
    );
  });

  it("says why the check itself did not succeed", () => {
    const failed = { kind: "VALIDATE" as const, status: "FAILED" as const, problems: [] };
    const answer = validationStatusAnswer({ ...failed, result: "Snowflake does not answer." });
    expect(jsonOf(answer)).toEqual({
      status: "FAILED",
      info: { publicInfo: { valid: false, error: { errors: ["Snowflake does not answer."] } } },
    });
  });
});

describe("a verdict on a descriptor", () => {
  it("is a ValidationResult also for what could not be read at all", () => {
    const answer = invalidAnswer(new AppError("BAD_REQUEST", "The body is not JSON."));
    expect(answer.status).toBe(200);
    expect(jsonOf(answer)).toEqual({ valid: false, error: { errors: ["The body is not JSON."] } });
    expect(differences("ValidationResult", jsonOf(answer))).toEqual([]);
  });
});
