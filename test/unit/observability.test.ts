import { describe, expect, it } from "vitest";
import { AppError, toAppError } from "../../src/errors.ts";
import { createLogger, redactText } from "../../src/observability/logger.ts";

const CANARY = "canary-8f3a9c";
const TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJjYW5hcnkifQ.c2lnbmF0dXJl";

function logged(write: (log: ReturnType<typeof createLogger>) => void): string {
  const lines: string[] = [];
  const log = createLogger(
    { level: "debug", secrets: [CANARY] },
    { write: (line) => void lines.push(line) },
  );
  write(log);
  return lines.join("");
}

describe("the logger", () => {
  it.each([
    ["a configured secret in a text", (log) => log.info(`the password is ${CANARY}`)],
    ["a configured secret in a member", (log) => log.info({ config: { url: CANARY } }, "x")],
    ["a member by its name", (log) => log.info({ password: "other-canary" }, "x")],
    ["a nested member by its name", (log) => log.info({ a: { adminSecret: "other-canary" } }, "x")],
    ["a bearer token", (log) => log.info({ headers: { x: `bearer ${TOKEN}` } }, "x")],
    ["a token by itself", (log) => log.info(`got ${TOKEN}`)],
    ["a password in a URL", (log) => log.info("postgresql://user:other-canary@host/db")],
    [
      "a JDBC parameter",
      (log) => log.info("jdbc:snowflake://h/?user=u&password=other-canary&db=X"),
    ],
    ["an error's text and stack", (log) => log.error({ err: new Error(`failed: ${CANARY}`) }, "x")],
  ] as [string, (log: ReturnType<typeof createLogger>) => void][])(
    "never writes %s",
    (_what, write) => {
      const text = logged(write);
      expect(text).not.toBe("");
      expect(text).not.toContain(CANARY);
      expect(text).not.toContain("other-canary");
      expect(text).not.toContain("c2lnbmF0dXJl");
    },
  );

  it("leaves ordinary text as it is", () => {
    expect(redactText("view HEALTHCARE.V was matched to v")).toBe(
      "view HEALTHCARE.V was matched to v",
    );
  });
});

describe("an error that nobody foresaw", () => {
  it("becomes INTERNAL, and its own text is no answer", () => {
    const error = toAppError(new Error(`SELECT * FROM grant -- ${CANARY}`));
    expect(error.code).toBe("INTERNAL");
    expect(error.message).not.toContain(CANARY);
  });

  it("stays what it is when it is one of ours", () => {
    const error = new AppError("NAME_TAKEN", "taken");
    expect(toAppError(error)).toBe(error);
  });
});
