/** Inherited roles. */
import { expect } from "vitest";
import { addSource, as, type Case, does, fails, metadata, query, sql, testCase } from "../case.ts";

const START = [
  sql(`CREATE TABLE a (id int PRIMARY KEY, name text); INSERT INTO a VALUES (1, 'one'), (2, 'two');
    CREATE TABLE b (id int PRIMARY KEY); INSERT INTO b VALUES (7);`),
  addSource(),
  does("pg_track_table", { table: "a" }),
  does("pg_track_table", { table: "b" }),
  select("a", "ra", { columns: ["id", "name"], filter: { id: { _eq: 1 } } }),
  select("b", "rb", { columns: "*", filter: {} }),
];

function select(table: string, role: string, permission: unknown): ReturnType<typeof does> {
  return does("pg_create_select_permission", { table, role, permission });
}

export const ROLES: readonly Case[] = [
  testCase("an inherited role sees what its parents see, and adding it again changes it", [
    ...START,
    does("add_inherited_role", { role_name: "both", role_set: ["ra", "rb"] }),
    query("{ a { id } b { id } }", { a: [{ id: 1 }], b: [{ id: 7 }] }, as("both")),
    does("add_inherited_role", { role_name: "both", role_set: ["rb"] }),
    query("{ b { id } }", { b: [{ id: 7 }] }, as("both")),
    metadata(
      { type: "export_metadata", args: {} },
      expect.objectContaining({ inherited_roles: [{ role_name: "both", role_set: ["rb"] }] }),
    ),
    does("drop_inherited_role", { role_name: "both" }),
    fails(
      "drop_inherited_role",
      { role_name: "both" },
      400,
      "not-exists",
      '"both" inherited role doesn\'t exist',
    ),
  ]),
  testCase("rows of both parents, and a column only in the rows of the parent that shows it", [
    ...START,
    select("a", "rows", { columns: ["id"], filter: {} }),
    does("add_inherited_role", { role_name: "mixed", role_set: ["ra", "rows"] }),
    query(
      "{ a(order_by: {id: asc}) { id name } }",
      {
        a: [
          { id: 1, name: "one" },
          { id: 2, name: null },
        ],
      },
      as("mixed"),
    ),
  ]),
  testCase("parents must exist, must not be the role itself, and must not run in a circle", [
    ...START,
    fails(
      "add_inherited_role",
      { role_name: "ab", role_set: ["ra", "x"] },
      400,
      "invalid-configuration",
      'Inconsistent object: the following parent role(s) are not found: x which are required to construct the inherited role: "ab"',
      {
        internal: [
          expect.objectContaining({
            name: "inherited_role inherited role ab",
            type: "inherited_role",
            definition: { role_name: "ab", role_set: ["ra", "x"] },
          }),
        ],
      },
    ),
    fails(
      "add_inherited_role",
      { role_name: "ab", role_set: ["ra", "ab"] },
      400,
      "invalid-params",
      "an inherited role name cannot be in the role combination",
    ),
    does("add_inherited_role", { role_name: "p", role_set: ["ra"] }),
    does("add_inherited_role", { role_name: "q", role_set: ["p"] }),
    fails(
      "add_inherited_role",
      { role_name: "p", role_set: ["q"] },
      400,
      "cyclic-dependency",
      expect.stringMatching(/^found cycle\(s\) in roles: /),
    ),
  ]),
  testCase("a parent's last permission cannot be dropped while a role inherits from it", [
    ...START,
    does("add_inherited_role", { role_name: "both", role_set: ["ra", "rb"] }),
    fails(
      "pg_drop_select_permission",
      { table: "b", role: "rb" },
      500,
      "unexpected",
      "cannot continue due to newly found inconsistent metadata",
      { internal: [expect.objectContaining({ type: "inherited_role" })] },
    ),
    fails(
      "pg_untrack_table",
      { table: "b" },
      500,
      "unexpected",
      "cannot continue due to newly found inconsistent metadata",
      { internal: [expect.objectContaining({ type: "inherited_role" })] },
    ),
    fails(
      "pg_drop_source",
      { name: "default" },
      400,
      "unexpected",
      "cannot continue due to new inconsistent metadata",
      { internal: [expect.objectContaining({ type: "inherited_role" })] },
    ),
    metadata(
      {
        type: "bulk",
        args: [
          { type: "drop_inherited_role", args: { role_name: "both" } },
          { type: "pg_drop_select_permission", args: { table: "b", role: "rb" } },
          select("b", "rb", { columns: ["id"], filter: {} }).body,
          { type: "add_inherited_role", args: { role_name: "both", role_set: ["ra", "rb"] } },
        ],
      },
      Array.from({ length: 4 }, () => ({ message: "success" })),
    ),
  ]),
];
