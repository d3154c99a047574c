/** Create and drop relationships. The GraphQL side does not follow them yet. */
import { type At, nonEmptyTextAt, objectAt, required } from "../decode.ts";
import { HasuraError } from "../errors.ts";
import { ids, refuseInconsistent, refuseNewlyInconsistent } from "../inconsistency.ts";
import type { Json } from "../json.ts";
import { RELATIONSHIPS, type RelationshipKind, withRelationships, withTable } from "../metadata.ts";
import { type Kind, tableNameAt } from "../names.ts";
import { readRelationship } from "../read-table.ts";
import { liveTable } from "../schema-cache.ts";
import {
  askSource,
  askTableMetadata,
  type Command,
  type CommandContext,
  modifying,
  noTable,
  sourceNameAt,
} from "./command.ts";

function atomic(run: (context: CommandContext) => Promise<Json | undefined>): Command {
  return { ...modifying(run), atomic: true };
}

export const readCreateRelationship =
  (relationshipKind: RelationshipKind) =>
  (args: At, kind: Kind): Command => {
    const object = objectAt(args, "CreateRelationship");
    const name = tableNameAt(kind, required(object, args.path, "table"));
    const source = sourceNameAt(object, args.path);
    const relationship = readRelationship(args);
    return atomic(async ({ session, change }) => {
      askSource(session, source, kind);
      const live = liveTable(session.cache, source, name);
      if (!live) throw noTable(source, name);
      const found = askTableMetadata(session, source, name);
      const taken =
        live.columns.some(({ field }) => field === relationship.name) ||
        RELATIONSHIPS.some((each) =>
          found.table.relationships[each].some((other) => other.name === relationship.name),
        );
      if (taken)
        throw new HasuraError(
          "already-exists",
          `field with name ${JSON.stringify(relationship.name)} already exists in table ${JSON.stringify(name.text)}`,
        );
      const table = withRelationships(found.table, relationshipKind, [
        ...found.table.relationships[relationshipKind],
        relationship,
      ]);
      await change(withTable(session.metadata, found.source, table), (before, after) =>
        refuseInconsistent([ids.relationship(source, name, relationship.name)], before, after),
      );
      return undefined;
    });
  };

export function readDropRelationship(args: At, kind: Kind): Command {
  const object = objectAt(args, "DropRel");
  const name = tableNameAt(kind, required(object, args.path, "table"));
  const source = sourceNameAt(object, args.path);
  const relationship = nonEmptyTextAt(required(object, args.path, "relationship"));
  return atomic(async ({ session, change }) => {
    const found = askTableMetadata(session, source, name);
    const kindOfIt = RELATIONSHIPS.find((each) =>
      found.table.relationships[each].some((other) => other.name === relationship),
    );
    if (!kindOfIt)
      throw new HasuraError(
        "not-exists",
        `relationship ${JSON.stringify(relationship)} does not exist`,
      );
    const kept = found.table.relationships[kindOfIt].filter((other) => other.name !== relationship);
    const table = withRelationships(found.table, kindOfIt, kept);
    await change(withTable(session.metadata, found.source, table), (before, after) =>
      refuseNewlyInconsistent(before, after, 500),
    );
    return undefined;
  });
}
