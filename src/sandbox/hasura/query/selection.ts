/**
 * Checks a query against the role's schema the way Hasura does: field by field in document order, and the
 * first fault ends it. Paths are made of field names, not aliases.
 */
import {
  type DirectiveNode,
  type FieldNode,
  GraphQLBoolean,
  type GraphQLField,
  GraphQLNonNull,
  type GraphQLObjectType,
  type GraphQLUnionType,
  getNamedType,
  isObjectType,
  isUnionType,
  Kind,
  print,
  SchemaMetaFieldDef,
  type SelectionSetNode,
  TypeMetaFieldDef,
} from "graphql";
import { keyPath } from "../decode.ts";
import type { Json } from "../json.ts";
import type { Operation } from "./request.ts";
import { ROOTS, type RoleSchema, type Root } from "./role-schema.ts";
import { readInput, validationFailed } from "./values.ts";

export interface Selected {
  /** The alias, or the field's name. */
  readonly key: string;
  readonly name: string;
  /** Absent for `__typename`. */
  readonly field: GraphQLField<unknown, unknown> | undefined;
  /** The type that the field was selected on. */
  readonly parent: string;
  readonly args: Readonly<Record<string, Json>>;
  readonly selections: readonly Selected[];
  /** Of a union: what is selected of each of its types, by name. */
  readonly members?: ReadonlyMap<string, readonly Selected[]>;
  readonly nodes: readonly FieldNode[];
}

/** @throws HasuraError validation-failed */
export function selectFields(schema: RoleSchema, root: Root, operation: Operation): Selected[] {
  const meta = root === "query" ? META : undefined;
  const parent: Parent = {
    name: ROOTS[root],
    field: (name) => meta?.get(name) ?? schema.field(root, name),
  };
  return select(parent, [operation.definition.selectionSet], operation, "$");
}

/** An object type, as far as a selection on it needs to know. */
interface Parent {
  readonly name: string;
  /** The union through which the type is met: fragments on it apply too. */
  readonly union?: string;
  field(name: string): GraphQLField<unknown, unknown> | undefined;
}

const META: ReadonlyMap<string, GraphQLField<unknown, unknown>> = new Map([
  [SchemaMetaFieldDef.name, SchemaMetaFieldDef],
  [TypeMetaFieldDef.name, TypeMetaFieldDef],
]);

function parentOf(type: GraphQLObjectType): Parent {
  const fields = type.getFields();
  return {
    name: type.name,
    field: (name) => (Object.hasOwn(fields, name) ? fields[name] : undefined),
  };
}

function select(
  type: Parent,
  sets: readonly SelectionSetNode[],
  operation: Operation,
  path: string,
): Selected[] {
  const place = `${path}.selectionSet`;
  const groups = new Map<string, FieldNode[]>();
  for (const set of sets) collect(type, set, operation, place, groups, []);
  return [...groups].map(([key, nodes]) => selectOne(type, key, nodes, operation, place));
}

/** Fields by response key; fragments on other types are left out. */
function collect(
  type: Parent,
  set: SelectionSetNode,
  operation: Operation,
  place: string,
  groups: Map<string, FieldNode[]>,
  trail: readonly string[],
): void {
  for (const node of set.selections) {
    if (!isIncluded(node.directives ?? [], operation, place)) continue;
    if (node.kind === Kind.FIELD) {
      const key = node.alias?.value ?? node.name.value;
      const group = groups.get(key);
      if (group) group.push(node);
      else groups.set(key, [node]);
      continue;
    }
    if (node.kind === Kind.INLINE_FRAGMENT) {
      const condition = node.typeCondition?.name.value;
      if (condition === undefined || applies(condition, type))
        collect(type, node.selectionSet, operation, place, groups, trail);
      continue;
    }
    const name = node.name.value;
    const fragment = operation.fragments.get(name);
    if (!fragment)
      throw validationFailed(place, `reference to undefined fragment ${JSON.stringify(name)}`);
    if (trail.includes(name))
      throw validationFailed(
        place,
        `the fragment definition(s) ${[...trail, name].map((each) => JSON.stringify(each)).join(" and ")} form a cycle`,
      );
    if (applies(fragment.typeCondition.name.value, type))
      collect(type, fragment.selectionSet, operation, place, groups, [...trail, name]);
  }
}

function applies(condition: string, type: Parent): boolean {
  return condition === type.name || condition === type.union;
}

const CONDITION = new GraphQLNonNull(GraphQLBoolean);

function isIncluded(
  directives: readonly DirectiveNode[],
  operation: Operation,
  place: string,
): boolean {
  return directives.every((directive) => {
    const name = directive.name.value;
    if (name === "cached" || name === "_multiple_top_level_fields") return true;
    if (name !== "include" && name !== "skip")
      throw validationFailed(place, `directive '${name}' is not defined in the schema`);
    const argument = directive.arguments?.find((each) => each.name.value === "if");
    const input = argument && { ast: argument.value };
    const value = readInput(CONDITION, input, "if", place, operation.variables);
    return (value === true) === (name === "include");
  });
}

function selectOne(
  type: Parent,
  key: string,
  nodes: readonly FieldNode[],
  operation: Operation,
  place: string,
): Selected {
  const [node] = nodes;
  const name = node?.name.value ?? "";
  if (!node) throw validationFailed(place, "empty selection");
  for (const other of nodes) refuseDifferent(node, other, key, place);
  if (name === "__typename")
    return { key, name, field: undefined, parent: type.name, args: {}, selections: [], nodes };
  const path = keyPath(place, name);
  const field = type.field(name);
  if (!field) throw validationFailed(path, `field '${name}' not found in type: '${type.name}'`);
  const args = readArguments(field, node, operation, path);
  const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? []);
  const result = getNamedType(field.type);
  const selected = { key, name, field, parent: type.name, args, nodes };
  if (!isObjectType(result) && !isUnionType(result)) {
    if (sets.length > 0)
      throw validationFailed(path, "unexpected subselection set for non-object field");
    return { ...selected, selections: [] };
  }
  if (sets.length === 0)
    throw validationFailed(`${path}.selectionSet`, `missing selection set for '${result.name}'`);
  if (isUnionType(result)) {
    const members = selectMembers(result, sets, operation, path);
    return { ...selected, selections: [], members };
  }
  return { ...selected, selections: select(parentOf(result), sets, operation, path) };
}

/** A union has no fields of its own but `__typename`: the rest is selected by type. */
function selectMembers(
  union: GraphQLUnionType,
  sets: readonly SelectionSetNode[],
  operation: Operation,
  path: string,
): Map<string, readonly Selected[]> {
  select({ name: union.name, field: () => undefined }, sets, operation, path);
  return new Map(
    union
      .getTypes()
      .map((type) => [
        type.name,
        select({ ...parentOf(type), union: union.name }, sets, operation, path),
      ]),
  );
}

function refuseDifferent(first: FieldNode, other: FieldNode, key: string, place: string): void {
  const [name, otherName] = [first.name.value, other.name.value];
  if (name !== otherName)
    throw validationFailed(
      place,
      `selection of both '${name}' and '${otherName}' specify the same response name, '${key}'`,
    );
  if (argumentsText(first) !== argumentsText(other))
    throw validationFailed(
      keyPath(place, name),
      `inconsistent arguments between multiple selections of field '${name}'`,
    );
}

function argumentsText(node: FieldNode): string {
  return (node.arguments ?? [])
    .map((argument) => print(argument))
    .toSorted()
    .join();
}

function readArguments(
  field: GraphQLField<unknown, unknown>,
  node: FieldNode,
  operation: Operation,
  path: string,
): Record<string, Json> {
  const given = new Map((node.arguments ?? []).map(({ name, value }) => [name.value, value]));
  for (const name of given.keys())
    if (!field.args.some((argument) => argument.name === name))
      throw validationFailed(path, `'${field.name}' has no argument named '${name}'`);
  const args: Record<string, Json> = {};
  for (const { name, type } of field.args) {
    const ast = given.get(name);
    const value = readInput(type, ast && { ast }, name, `${path}.args`, operation.variables);
    if (value !== undefined) args[name] = value;
  }
  return args;
}
