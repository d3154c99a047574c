/** The service as it ships, as processes of its own beside a test's plane, on the plane's sandbox. */
import { sandboxEnvironment } from "../../src/sandbox/environment.ts";
import type { Sandbox } from "../../src/sandbox/sandbox.ts";
import { type Program, runProgram } from "../support/program.ts";

export interface Service {
  readonly program: Program;
  readonly url: string;
  /** As Witboost asks how an operation stands. */
  status(token: string): Promise<string>;
}

/** The connection it asks PostgreSQL over may be one that was just cut: then it is asked again. */
const ANSWERS_WITHIN_MS = 5_000;

/** Starts it and waits until it serves. */
export async function startService(
  sandbox: Sandbox,
  settings: Readonly<Record<string, string>>,
): Promise<Service> {
  const program = runProgram(["start"], {
    ...sandboxEnvironment(sandbox),
    PORT: "0",
    OPERATION_WAIT_MS: "0",
    RECONCILE_CRON: "off",
    // A replica that was killed holds its lease as long.
    ACCESS_MAX_STALENESS_MS: "500",
    ...settings,
  });
  const { urls } = (await program.logged("serving")) as { urls: { rest: string } };
  return {
    program,
    url: urls.rest,
    async status(token) {
      const signal = AbortSignal.timeout(ANSWERS_WITHIN_MS);
      const answer = await fetch(`${urls.rest}/v1/provision/${token}/status`, { signal });
      const text = await answer.text();
      if (answer.status !== 200) throw new Error(`${answer.status}: ${text}`);
      return (JSON.parse(text) as { status: string }).status;
    },
  };
}
