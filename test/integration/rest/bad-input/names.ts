/** Names that GraphQL, Hasura or Snowflake would not take, or would take for something else. */
import {
  all,
  at,
  atSource,
  type Change,
  changed,
  type DescriptorRow,
  drop,
  PREFIX,
  renamed,
  set,
} from "./row.ts";

const long = `${PREFIX}_${"x".repeat(128)}`;

/** GraphQL names, each put into `select`; what is suggested instead. */
const GRAPHQL: readonly [what: string, name: unknown, says: string][] = [
  ["with a hyphen", `${PREFIX}_by-age`, `Suggestion: ${PREFIX}_by_age`],
  ["with an accent", `${PREFIX}_é`, "may hold only letters"],
  ["with a leading digit", `0${PREFIX}_select`, "must not begin with a digit"],
  ["with a blank", `${PREFIX}_by age`, `Suggestion: ${PREFIX}_by_age`],
  ["with a quote", `${PREFIX}_a"b`, "may hold only letters"],
  ["with a line break", `${PREFIX}_a\nb`, "may hold only letters"],
  ["with NUL", `${PREFIX}_a\0b`, "may hold only letters"],
  ["with braces", `${PREFIX}_a } { b`, "may hold only letters"],
  ["that is only the prefix", PREFIX, "is only the prefix"],
  ["that is the prefix and _", `${PREFIX}_`, "is only the prefix"],
  ["with the prefix in upper case", `${PREFIX.toUpperCase()}_select`, "in lower case"],
  ["of another product", "mobility_citytrips_1_tripsapi_select", `must begin with \`${PREFIX}_\``],
  ["without a prefix", "select", `Suggestion: ${PREFIX}_select`],
  ["that GraphQL reserves", "__schema", "is a reserved name"],
  ["that Relay reserves", "node", "is a reserved name"],
  ["of 129 characters and more", long, "longer than 128 characters"],
  ["that is empty", "", "is missing"],
  ["that is null", null, "is missing"],
  ["that is a list", [`${PREFIX}_select`], "is not text"],
  ["that is an object", {}, "is not text"],
  ["that another field has", `${PREFIX}_aggregate`, "is the same as `selectAggregate`"],
];

const FIELDS = ["customTableName", "selectByPk", "selectAggregate", "selectStream"] as const;

/** Names of Snowflake's, each put into `database`, `schema` and `viewName`. */
const SNOWFLAKE: readonly [what: string, name: unknown][] = [
  ["with a JDBC parameter", "X&role=ACCOUNTADMIN"],
  ["with a query", "X?user=other"],
  ["with a double quote", 'X"Y'],
  ["with a quote and SQL", "X'; DROP VIEW Y; --"],
  ["with an encoded ampersand", "X%26role=ACCOUNTADMIN"],
  ["with a dot", "X.Y"],
  ["with a slash", "X/../Y"],
  ["with a semicolon", "X;Y"],
  ["with NUL", "X\0Y"],
  ["with a line break", "X\nY"],
  ["with a control character", "X\u001bY"],
  ["with an accent", "SANTÉ"],
  ["with a leading digit", "3PL"],
  ["with a blank at its end", "X "],
  ["of 256 characters", "X".repeat(256)],
  ["that is a list", ["X"]],
  ["that is an object", { name: "X" }],
];

type Line = [what: string, change: Change, field: string, says: string | RegExp];

/** Where template and adapter disagreed: refused, and what would be right is said. */
const DISAGREEMENTS: Line[] = [
  [
    "a hyphen in the domain, kept in the names",
    all(
      set("product", "domain", "public-health"),
      renamed("public-health_vaccinations_0_vaccinationsgraphql"),
    ),
    at("specific.customTableName"),
    "Suggestion: publichealth_vaccinations_0_vaccinationsgraphql",
  ],
  [
    "a hyphen in the port's name, kept in the names",
    all(set("target", "name", "My-Port"), renamed("healthcare_vaccinations_0_my-port")),
    at("specific.customTableName"),
    "healthcare_vaccinations_0_myport_",
  ],
  [
    "a dot in the port's name, kept in the names",
    all(set("target", "name", "v1.2 port"), renamed("healthcare_vaccinations_0_v1.2port")),
    at("specific.customTableName"),
    "healthcare_vaccinations_0_v12port_",
  ],
  [
    "a domain that begins with a digit, kept in the names",
    all(set("product", "domain", "3pl"), renamed("3pl_vaccinations_0_vaccinationsgraphql")),
    at("specific.customTableName"),
    "_3pl_vaccinations_0_vaccinationsgraphql",
  ],
];

const SHAPES: Line[] = [
  ["no names at all", drop("target", "specific"), at("specific.customTableName"), "is missing"],
  ["names null", set("target", "specific", null), at("specific.customTableName"), "is missing"],
  ["names a list", set("target", "specific", []), at("specific"), "expected an object"],
  ["names text", set("target", "specific", "default"), at("specific"), "expected an object"],
  [
    "a misspelt field",
    all(set("names", "selectbypk", "x"), drop("names", "selectByPk")),
    at("specific.selectByPk"),
    "rename",
  ],
  [
    "no place of the data",
    drop("source", "specific"),
    atSource("specific"),
    "no `specific` mapping",
  ],
  [
    "a place that is text",
    set("source", "specific", "HEALTHCARE"),
    atSource("specific"),
    "no `specific` mapping",
  ],
  ["no view", drop("view", "viewName"), atSource("specific.viewName"), "is missing"],
  [
    "a customView that is a list",
    set("view", "customView", ["CREATE VIEW"]),
    atSource("specific.customView"),
    "CREATE VIEW",
  ],
  [
    "a customView of a bad name",
    set("view", "customView", 'CREATE VIEW "A&role=B".S.V AS SELECT 1'),
    atSource("specific.customView"),
    "is not accepted",
  ],
  [
    "a default database that cannot be one",
    all(
      set("product", "domain", "3pl"),
      drop("view", "database"),
      renamed("_3pl_vaccinations_0_vaccinationsgraphql"),
    ),
    atSource("specific.database"),
    "its default",
  ],
];

const LINES: Line[] = [
  ...GRAPHQL.map(
    ([what, name, says]): Line => [
      `a select ${what}`,
      set("names", "select", name),
      at("specific.select"),
      says,
    ],
  ),
  ...FIELDS.map(
    (field): Line => [
      `a ${field} with a hyphen`,
      set("names", field, `${PREFIX}_a-b`),
      at(`specific.${field}`),
      `Suggestion: ${PREFIX}_a_b`,
    ],
  ),
  ...(["database", "schema", "viewName"] as const).flatMap((field) =>
    SNOWFLAKE.map(
      ([what, name]): Line => [
        `a ${field} ${what}`,
        set("view", field, name),
        atSource(`specific.${field}`),
        /is not (accepted as|text)/,
      ],
    ),
  ),
  ...DISAGREEMENTS,
  ...SHAPES,
  ["a name with a bell", set("names", "select", "a\u0007b"), at("specific.select"), '"a\\u0007b"'],
];

export const NAME_ROWS: readonly DescriptorRow[] = LINES.map(([what, change, field, says]) => ({
  what,
  descriptor: changed(change),
  field,
  says,
}));
