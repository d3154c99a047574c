/** Inherited roles. */
import { type At, listAt, nonEmptyTextAt, objectAt, required } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { ids, refuseInconsistent, refuseNewlyInconsistent } from "../inconsistency.ts";
import { upsert } from "../metadata.ts";
import { type Command, modifying } from "./command.ts";

/** Adds the role, or gives an existing one other parents. */
export function readAddInheritedRole(args: At): Command {
  const object = objectAt(args, "AddInheritedRole");
  const name = nonEmptyTextAt(required(object, args.path, "role_name"));
  const parents = listAt(required(object, args.path, "role_set"), (item) => nonEmptyTextAt(item));
  return modifying(async ({ session, change }) => {
    if (parents.includes(name))
      throw new HasuraError(
        "invalid-params",
        "an inherited role name cannot be in the role combination",
      );
    const { metadata } = session;
    const role = { name, parents: [...new Set(parents)] };
    const inheritedRoles = upsert(metadata.inheritedRoles, role, (other) => other.name);
    await change({ ...metadata, inheritedRoles }, (before, after) =>
      refuseInconsistent([ids.inheritedRole(name)], before, after),
    );
    return undefined;
  });
}

export function readDropInheritedRole(args: At): Command {
  const object = objectAt(args, "DropInheritedRole");
  const name = nonEmptyTextAt(required(object, args.path, "role_name"));
  return modifying(async ({ session, change }) => {
    const { metadata } = session;
    const inheritedRoles = metadata.inheritedRoles.filter((role) => role.name !== name);
    if (inheritedRoles.length === metadata.inheritedRoles.length)
      throw new HasuraError("not-exists", `${JSON.stringify(name)} inherited role doesn't exist`);
    await change({ ...metadata, inheritedRoles }, (before, after) =>
      refuseNewlyInconsistent(before, after, 500),
    );
    return undefined;
  });
}
