/** Queries over real rows. */
import { addSource, as, type Case, does, query, request, sql, testCase } from "../case.ts";

const START = [
  sql(`CREATE TABLE author (id int PRIMARY KEY, name text, born date, score numeric, big bigint, doc jsonb);
    INSERT INTO author VALUES
      (1, 'Ada', '1815-12-10', 9.50, 9007199254740993, '{"a": [1]}'),
      (2, 'Bob', NULL, 7, NULL, NULL),
      (3, 'Cyd', '1990-01-01', NULL, 3, '[]');`),
  addSource(),
  does("pg_track_table", { table: "author" }),
];

export const QUERIES: readonly Case[] = [
  testCase("rows come as values: numbers, dates, JSON, null", [
    ...START,
    query("{ author(order_by: {id: asc}, limit: 2) { id name born score doc } }", {
      author: [
        { id: 1, name: "Ada", born: "1815-12-10", score: 9.5, doc: { a: [1] } },
        { id: 2, name: "Bob", born: null, score: 7, doc: null },
      ],
    }),
  ]),
  testCase("conditions", [
    ...START,
    ids("id: {_in: [1, 3]}", 1, 3),
    ids("id: {_nin: [1]}", 2, 3),
    ids("id: {_gt: 1, _lte: 2}", 2),
    ids("id: {_neq: 2}", 1, 3),
    ids('name: {_like: "A%"}', 1),
    ids('name: {_ilike: "%D%"}', 1, 3),
    ids("born: {_is_null: true}", 2),
    ids('born: {_gte: "1900-01-01"}', 3),
    ids('_or: [{id: {_eq: 1}}, {name: {_eq: "Bob"}}]', 1, 2),
    ids("_not: {id: {_eq: 1}}", 2, 3),
    ids("_and: [{id: {_gt: 1}}, {id: {_lt: 3}}]", 2),
    ids("id: {_in: []}"),
    ids("", 1, 2, 3),
    ids('big: {_eq: "9007199254740993"}', 1),
  ]),
  testCase("order, nulls, limit and offset", [
    ...START,
    query("{ author(order_by: [{born: desc_nulls_last}], limit: 2, offset: 1) { id } }", {
      author: [{ id: 1 }, { id: 2 }],
    }),
    query("{ author(order_by: {born: asc_nulls_first}) { id } }", {
      author: [{ id: 2 }, { id: 1 }, { id: 3 }],
    }),
  ]),
  testCase("by primary key: the row or null", [
    ...START,
    query(
      "query q($id: Int!) { author_by_pk(id: $id) { name } }",
      { author_by_pk: { name: "Cyd" } },
      {
        variables: { id: 3 },
        operationName: "q",
      },
    ),
    query("{ author_by_pk(id: 4) { name } }", { author_by_pk: null }),
  ]),
  testCase("a view has no primary key", [
    ...START,
    sql("CREATE VIEW authors AS SELECT id, name FROM author"),
    does("pg_track_table", { table: "authors" }),
    query('{ __type(name: "query_root") { fields { name } } }', {
      __type: {
        fields: ["author", "author_aggregate", "author_by_pk", "authors", "authors_aggregate"].map(
          (name) => ({ name }),
        ),
      },
    }),
  ]),
  testCase("aggregates", [
    ...START,
    query(
      `{ author_aggregate(where: {id: {_lt: 3}}) {
          aggregate { count some: count(columns: born) sum { score } avg { id } max { name } min { born } }
          nodes { id } __typename } }`,
      {
        author_aggregate: {
          aggregate: {
            count: 2,
            some: 1,
            sum: { score: 16.5 },
            avg: { id: 1.5 },
            max: { name: "Bob" },
            min: { born: "1815-12-10" },
          },
          nodes: [{ id: 1 }, { id: 2 }],
          __typename: "author_aggregate",
        },
      },
    ),
  ]),
  testCase("aliases, fragments, directives and __typename", [
    ...START,
    query(
      `query q($no: Boolean = false, $yes: Boolean!) {
        first: author(where: {id: {_eq: 1}}) { ...who skipped: name @include(if: $no) }
        ... on query_root { author(where: {id: {_eq: 2}}) { n: name @skip(if: $no) t: __typename } }
        author_by_pk(id: 1) @include(if: $yes) { id }
        __typename
      }
      fragment who on author { id ... { name } }`,
      {
        first: [{ id: 1, name: "Ada" }],
        author: [{ n: "Bob", t: "author" }],
        author_by_pk: { id: 1 },
        __typename: "query_root",
      },
      { variables: { yes: true }, operationName: "q" },
    ),
  ]),
  testCase("a batch is answered one by one, errors among the answers", [
    ...START,
    request(
      "POST",
      "/v1/graphql",
      [{ query: "{ author_by_pk(id: 1) { name } }" }, { query: "{ nothing }" }],
      [
        { data: { author_by_pk: { name: "Ada" } } },
        {
          errors: [
            {
              message: "field 'nothing' not found in type: 'query_root'",
              extensions: { path: "$.selectionSet.nothing", code: "validation-failed" },
            },
          ],
        },
      ],
    ),
  ]),
  testCase("columns and root fields by their custom names, with comments", [
    ...START,
    does("pg_set_table_customization", {
      table: "author",
      configuration: {
        custom_name: "Writer",
        custom_root_fields: { select: "writers", select_by_pk: "writer" },
        column_config: { id: { custom_name: "ID", comment: "who it is" } },
        comment: "who writes",
      },
    }),
    query("{ writers(where: {ID: {_eq: 2}}) { ID __typename } writer(ID: 1) { ID } }", {
      writers: [{ ID: 2, __typename: "Writer" }],
      writer: { ID: 1 },
    }),
    query('{ __type(name: "Writer") { description fields { name description } } }', {
      __type: {
        description: "who writes",
        fields: [
          { name: "ID", description: "who it is" },
          ...["big", "born", "doc", "name", "score"].map((name) => ({ name, description: null })),
        ],
      },
    }),
    query("{ Writer_aggregate { aggregate { count } } }", {
      Writer_aggregate: { aggregate: { count: 3 } },
    }),
  ]),
  testCase("a source's prefix, suffix and namespace", [
    sql("CREATE TABLE t (id int); INSERT INTO t VALUES (1)"),
    does("pg_add_source", {
      name: "default",
      configuration: { connection_info: { database_url: "$PG_ONE" } },
      customization: {
        root_fields: { namespace: "ns", prefix: "p_", suffix: "_s" },
        type_names: { prefix: "P_", suffix: "_S" },
      },
    }),
    does("pg_track_table", { table: "t" }),
    query("{ ns { p_t_s { id __typename } } }", {
      ns: { p_t_s: [{ id: 1, __typename: "P_t_S" }] },
    }),
  ]),
  testCase("a role without permissions sees that there is nothing for it", [
    ...START,
    query(
      "{ __schema { queryType { name fields { name } } } }",
      {
        __schema: { queryType: { name: "query_root", fields: [{ name: "no_queries_available" }] } },
      },
      as("stranger"),
    ),
  ]),
];

function ids(where: string, ...expected: number[]): ReturnType<typeof query> {
  return query(`{ author(where: {${where}}, order_by: {id: asc}) { id } }`, {
    author: expected.map((id) => ({ id })),
  });
}
