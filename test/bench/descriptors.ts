/** Descriptors as Witboost sends them, made from the example's. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type DescribedPort, describePort } from "../support/described-port.ts";
import { PROJECT } from "./processes.ts";

/** The example has 8.2 kB; with one more component, such as data products have, it is of a usual size. */
const QUALITY_CHECKS = `
    - kind: workload
      id: urn:dmb:cmp:healthcare:vaccinations:0:quality-checks
      name: Quality Checks
      fullyQualifiedName: Quality Checks
      description: Compares each day's figures with those that the regions publish, and tells the owners of gaps
      version: 0.0.0
      useCaseTemplateId: urn:dmb:utm:quality-checks-template:0.0.0
      infrastructureTemplateId: urn:dmb:itm:quality-checks-provisioner:0
      dependsOn:
        - urn:dmb:cmp:healthcare:vaccinations:0:vaccinations-view
      platform: Snowflake
      technology: soda
      workloadType: batch
      connectionType: DataPipeline
      readsFrom: []
      tags: []
      specific:
        schedule: { cronExpression: "30 6 * * *", timeZone: Europe/Rome }
        notify: [health-data-owners@example.com]
        gitUrl: https://git.example.com/health/vaccinations-checks.git
`;

export type Describe = (port: DescribedPort) => string;

/** Reads the example once. @returns what makes a valid descriptor of about 9 kB for any port */
export async function readExample(): Promise<Describe> {
  const example = await readFile(join(PROJECT, "examples", "vaccinations.yaml"), "utf8");
  const target = "\ncomponentIdToProvision:";
  const whole = example.replace(target, `${QUALITY_CHECKS}${target}`);
  return (port) => describePort(whole, port);
}

/** What Witboost posts. */
export function provisioningBody(descriptor: string): string {
  return JSON.stringify({
    descriptorKind: "COMPONENT_DESCRIPTOR",
    descriptor,
    removeData: false,
  });
}
