import { afterAll, beforeAll } from "vitest";
import { runConformance } from "../../conformance/run.ts";
import { FEATURES, type SandboxTarget, startTarget } from "./hasura-target.ts";

let target: SandboxTarget;

beforeAll(async () => {
  target = await startTarget();
});

afterAll(async () => {
  await target.stop();
});

runConformance(() => target, FEATURES);
