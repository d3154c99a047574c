/** The public schema. Each import adds its types with their queries and mutations. */
import "./scalars.ts";
import "./actor.ts";
import "./validation.ts";
import "./plan.ts";
import "./source.ts";
import "./condition.ts";
import "./revision.ts";
import "./grant.ts";
import "./external-role.ts";
import "./external-role-changes.ts";
import "./subject.ts";
import "./group-binding.ts";
import "./operation.ts";
import "./block.ts";
import "./output-ports.ts";
import "./changes.ts";
import "./finding.ts";
import "./interventions.ts";
import "./access-changes.ts";
import "./explain-access.ts";
import "./usage.ts";
import "./access.ts";
import "./combined-role.ts";
import "./hasura.ts";
import { builder } from "./builder.ts";

export const schema = builder.toSchema();
