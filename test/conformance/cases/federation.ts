/** Apollo federation, which is enabled on the second instance only. */
import { expect } from "vitest";
import {
  addSource,
  as,
  atReplica,
  type Case,
  does,
  query,
  queryFails,
  REPLICA_POLLS,
  type Step,
  sql,
  testCase,
} from "../case.ts";

const START: readonly Step[] = [
  sql(`CREATE TABLE "user" (id serial PRIMARY KEY, name text NOT NULL, email text NOT NULL, is_admin boolean NOT NULL DEFAULT false);
    INSERT INTO "user" (id, name, email) VALUES (1, 'foo', 'foo@email.com'), (2, 'bar', 'bar@email.com')`),
  addSource(),
  does("pg_track_table", { table: "user", apollo_federation_config: { enable: "v1" } }),
  REPLICA_POLLS,
];

const FIELDS = `{ __schema { queryType { fields { name type { name kind ofType { name kind ofType { name kind } } } } } } }`;
const ENTITIES = `query EntitiesTest($representations: [_Any!]!) {
  _entities(representations: $representations) { __typename ... on user { id email name is_admin } }
}`;

function fields(...names: unknown[]): Record<string, unknown> {
  return { __schema: { queryType: { fields: names } } };
}

function nonNull(ofType: unknown): unknown {
  return { name: null, kind: "NON_NULL", ofType };
}

const SERVICE = {
  name: "_service",
  type: nonNull({ name: "_Service", kind: "OBJECT", ofType: null }),
};
const ENTITIES_FIELD = {
  name: "_entities",
  type: { name: "_Entity", kind: "UNION", ofType: null },
};
const USER = [
  {
    name: "user",
    type: nonNull({ name: null, kind: "LIST", ofType: { name: null, kind: "NON_NULL" } }),
  },
  {
    name: "user_aggregate",
    type: nonNull({ name: "user_aggregate", kind: "OBJECT", ofType: null }),
  },
  { name: "user_by_pk", type: { name: "user", kind: "OBJECT", ofType: null } },
];

const ALL: readonly ["replica"] = ["replica"];

export const FEDERATION: readonly Case[] = [
  testCase(
    "Y apollo_federation/root_fields.yaml: _entities and _service, and _entities no more without a table",
    [
      ...START,
      query(FIELDS, fields(...USER)),
      atReplica(query(FIELDS, fields(ENTITIES_FIELD, SERVICE, ...USER))),
      does("pg_set_apollo_federation_config", { table: "user", apollo_federation_config: null }),
      REPLICA_POLLS,
      atReplica(query(FIELDS, fields(SERVICE, ...USER))),
    ],
    ALL,
  ),
  testCase(
    "Y apollo_federation/entities.yaml: rows by their key",
    [
      ...START,
      atReplica(
        query(
          ENTITIES,
          {
            _entities: [
              { __typename: "user", id: 2, email: "bar@email.com", name: "bar", is_admin: false },
              { __typename: "user", id: 1, email: "foo@email.com", name: "foo", is_admin: false },
            ],
          },
          {
            variables: {
              representations: [
                { __typename: "user", id: 2 },
                { __typename: "user", id: 1 },
              ],
            },
          },
        ),
      ),
      atReplica(
        queryFails(
          '{ _entities(representations: [{__typename: "author", id: 1}]) { ... on user { id } } }',
          "validation-failed",
          expect.any(String) as unknown as string,
          "author is not found in selection set or apollo federation is not enabled for the type",
        ),
      ),
    ],
    ALL,
  ),
  testCase(
    "_service tells the role's own types, with their keys",
    [
      ...START,
      does("pg_create_select_permission", {
        table: "user",
        role: "r",
        permission: { columns: ["id", "name"], filter: {} },
      }),
      REPLICA_POLLS,
      atReplica(
        query("{ _service { sdl } }", {
          _service: {
            sdl: expect.stringMatching(/type user @key\(fields: "id"\) \{[^}]*is_admin/),
          },
        }),
      ),
      atReplica(
        query(
          "{ _service { sdl } }",
          { _service: { sdl: expect.not.stringContaining("is_admin") } },
          as("r"),
        ),
      ),
    ],
    ALL,
  ),
];
