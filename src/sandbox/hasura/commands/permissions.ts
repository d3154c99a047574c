/** Create and drop permissions, and comment on them. */
import {
  type At,
  isAbsent,
  member,
  nonEmptyTextAt,
  objectAt,
  parseFailed,
  required,
  textAt,
} from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { ids, refuseInconsistent, refuseNewlyInconsistent } from "../inconsistency.ts";
import {
  OPERATIONS,
  type Operation,
  type Permission,
  withPermissions,
  withTable,
} from "../metadata.ts";
import { type Kind, type TableName, tableNameAt } from "../names.ts";
import { readComment, readOwnSelectPermission, readPermission } from "../read-table.ts";
import { askTableMetadata, type Command, modifying, sourceNameAt } from "./command.ts";

const ADMIN = "admin";

export const readCreatePermission =
  (operation: Operation) =>
  (args: At, kind: Kind): Command => {
    const object = objectAt(args, "CreatePermission");
    const name = tableNameAt(kind, required(object, args.path, "table"));
    const source = sourceNameAt(object, args.path);
    const role = nonEmptyTextAt(required(object, args.path, "role"));
    const given = required(object, args.path, "permission");
    const definition =
      operation === "select" ? readOwnSelectPermission(given) : readPermission(operation, given);
    const permission: Permission = { role, definition, comment: readComment(object, args.path) };
    return modifying(async ({ session, change }) => {
      const found = askTableMetadata(session, source, name);
      const existing = found.table.permissions[operation];
      if (role === ADMIN || existing.some((other) => other.role === role))
        throw new HasuraError(
          "already-exists",
          `${operation} permission already defined on table ${JSON.stringify(name.text)} with role ${JSON.stringify(role)}`,
        );
      const table = withPermissions(found.table, operation, [...existing, permission]);
      await change(withTable(session.metadata, found.source, table), (before, after) =>
        refuseInconsistent([ids.permission(source, name, operation, role)], before, after),
      );
      return undefined;
    });
  };

export const readDropPermission =
  (operation: Operation) =>
  (args: At, kind: Kind): Command => {
    const object = objectAt(args, "DropPerm");
    const name = tableNameAt(kind, required(object, args.path, "table"));
    const source = sourceNameAt(object, args.path);
    const role = nonEmptyTextAt(required(object, args.path, "role"));
    return modifying(async ({ session, change }) => {
      const found = askTableMetadata(session, source, name);
      const existing = found.table.permissions[operation];
      const kept = existing.filter((other) => other.role !== role);
      if (kept.length === existing.length) throw noPermission(operation, name, role);
      const table = withPermissions(found.table, operation, kept);
      await change(withTable(session.metadata, found.source, table), (before, after) =>
        refuseNewlyInconsistent(before, after, 500),
      );
      return undefined;
    });
  };

export function readSetPermissionComment(args: At, kind: Kind): Command {
  const object = objectAt(args, "SetPermComment");
  const name = tableNameAt(kind, required(object, args.path, "table"));
  const source = sourceNameAt(object, args.path);
  const role = nonEmptyTextAt(required(object, args.path, "role"));
  const operation = operationAt(required(object, args.path, "type"));
  const commentAt = member(object, args.path, "comment");
  const comment = isAbsent(commentAt) ? undefined : textAt(commentAt);
  return modifying(async ({ session, change }) => {
    const found = askTableMetadata(session, source, name);
    const existing = found.table.permissions[operation];
    const index = existing.findIndex((other) => other.role === role);
    const permission = existing[index];
    if (!permission) throw noPermission(operation, name, role);
    const table = withPermissions(
      found.table,
      operation,
      existing.with(index, { ...permission, comment }),
    );
    await change(withTable(session.metadata, found.source, table), (before, after) =>
      refuseInconsistent([ids.permission(source, name, operation, role)], before, after),
    );
    return undefined;
  });
}

function operationAt(where: At): Operation {
  const text = textAt(where);
  const operation = OPERATIONS.find((known) => known === text);
  if (operation) return operation;
  throw parseFailed(
    where.path,
    "perm_type should be one of 'insert', 'select', 'update', 'delete'",
  );
}

function noPermission(operation: Operation, name: TableName, role: string): HasuraError {
  return new HasuraError(
    "permission-denied",
    `${operation} permission on ${JSON.stringify(name.text)} for role ${JSON.stringify(role)} does not exist`,
  );
}
