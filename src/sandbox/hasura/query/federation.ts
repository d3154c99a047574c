/** The two root fields that Hasura adds for an Apollo federation, when its environment enables it. */
import {
  type GraphQLFieldConfig,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLScalarType,
  type GraphQLSchema,
  GraphQLString,
  GraphQLUnionType,
  isIntrospectionType,
  isObjectType,
  isSpecifiedScalarType,
  printType,
} from "graphql";
import { isArray, isObject, type Json, type JsonObject } from "../json.ts";
import type { Meaning, ReadableTable } from "./table-types.ts";
import { validationFailed } from "./values.ts";

type Field = GraphQLFieldConfig<unknown, unknown>;

/** A table whose rows other services may refer to by its key. */
export interface Entity {
  readonly table: ReadableTable;
  readonly object: GraphQLObjectType;
}

/** @param schema the role's schema without these fields: it is what `_service` tells */
export function federationMakers(
  entities: readonly Entity[],
  schema: () => GraphQLSchema,
): ReadonlyMap<string, () => Field> {
  const makers = new Map<string, () => Field>([["_service", () => serviceField(entities, schema)]]);
  if (entities.length > 0) makers.set("_entities", () => entitiesField(entities));
  return makers;
}

function serviceField(entities: readonly Entity[], schema: () => GraphQLSchema): Field {
  const sdl = {
    type: new GraphQLNonNull(GraphQLString),
    description: "SDL representation of schema",
  };
  const meaning: Meaning = { of: "service", sdl: () => sdlOf(entities, schema()) };
  return {
    type: new GraphQLNonNull(new GraphQLObjectType({ name: "_Service", fields: { sdl } })),
    extensions: { meaning },
  };
}

function entitiesField(entities: readonly Entity[]): Field {
  const any = new GraphQLScalarType({ name: "_Any", description: "Scalar _Any" });
  const tables = new Map(entities.map(({ table, object }) => [object.name, table]));
  return {
    type: new GraphQLUnionType({
      name: "_Entity",
      description: "A union of all types that use the @key directive",
      types: entities.map(({ object }) => object),
    }),
    description: "query _Entity union",
    args: {
      representations: {
        type: new GraphQLNonNull(new GraphQLList(new GraphQLNonNull(any))),
      },
    },
    extensions: { meaning: { of: "entities", tables } satisfies Meaning },
  };
}

/** The types in SDL; those that can be referred to carry their key. */
function sdlOf(entities: readonly Entity[], schema: GraphQLSchema): string {
  const keys = new Map(entities.map(({ table, object }) => [object.name, keyOf(table)]));
  const types = Object.values(schema.getTypeMap()).filter(
    (type) => !isIntrospectionType(type) && !isSpecifiedScalarType(type),
  );
  const roots = [schema.getQueryType(), schema.getSubscriptionType()].flatMap((type, i) =>
    type ? [`  ${i === 0 ? "query" : "subscription"}: ${type.name}`] : [],
  );
  const printed = types.map((type) => {
    const key = keys.get(type.name);
    const text = printType(type);
    return key === undefined || !isObjectType(type)
      ? text
      : text.replace(`type ${type.name} `, `type ${type.name} @key(fields: "${key}") `);
  });
  return [`schema {\n${roots.join("\n")}\n}`, ...printed].join("\n\n");
}

function keyOf({ table }: ReadableTable): string {
  return table.info.primaryKey
    .map((name) => table.columns.find(({ info }) => info.name === name)?.field ?? name)
    .join(" ");
}

const PATH = "$.selectionSet._entities";

export interface Representation {
  readonly typeName: string;
  /** The key's columns by their GraphQL names. */
  readonly key: JsonObject;
}

/**
 * What the `representations` argument refers to.
 * @throws HasuraError validation-failed
 */
export function readRepresentations(
  given: Json | undefined,
  tables: ReadonlyMap<string, ReadableTable>,
): Representation[] {
  return (isArray(given) ? given : []).map((item) => {
    if (!isObject(item))
      throw validationFailed(PATH, "representations is expecting a list of objects only");
    const { __typename: typeName, ...values } = item;
    if (typeName === undefined) throw validationFailed(PATH, "__typename key not found");
    if (typeof typeName !== "string")
      throw validationFailed(PATH, "__typename can only be a string value");
    const table = tables.get(typeName);
    if (!table)
      throw validationFailed(
        PATH,
        `${typeName} is not found in selection set or apollo federation is not enabled for the type`,
      );
    const names = keyOf(table).split(" ");
    const missing = names.find((name) => values[name] === undefined);
    if (missing !== undefined) throw validationFailed(PATH, `cannot find ${missing} in _Any type`);
    return { typeName, key: Object.fromEntries(names.map((name) => [name, values[name]])) };
  });
}
