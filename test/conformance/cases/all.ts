/** Every case, by what it is about. */
import type { Case } from "../case.ts";
import { BULK } from "./bulk.ts";
import { CONFLICTS } from "./conflicts.ts";
import { HOOK } from "./hook.ts";
import { INCONSISTENCIES } from "./inconsistencies.ts";
import { METADATA } from "./metadata.ts";
import { PERMISSIONS } from "./permissions.ts";
import { PROTOCOL } from "./protocol.ts";
import { QUERIES } from "./queries.ts";
import { ROLES } from "./roles.ts";
import { SNOWFLAKE } from "./snowflake.ts";
import { SOURCES } from "./sources.ts";
import { TABLES } from "./tables.ts";
import { TRACK_TABLES } from "./track-tables.ts";
import { VALIDATION } from "./validation.ts";

export const ALL_CASES: readonly { readonly title: string; readonly cases: readonly Case[] }[] = [
  { title: "protocol", cases: PROTOCOL },
  { title: "sources", cases: SOURCES },
  { title: "tables", cases: TABLES },
  { title: "track_tables", cases: TRACK_TABLES },
  { title: "permissions", cases: PERMISSIONS },
  { title: "metadata", cases: METADATA },
  { title: "inconsistencies", cases: INCONSISTENCIES },
  { title: "names in conflict", cases: CONFLICTS },
  { title: "inherited roles", cases: ROLES },
  { title: "bulk", cases: BULK },
  { title: "GraphQL queries", cases: QUERIES },
  { title: "GraphQL validation", cases: VALIDATION },
  { title: "Snowflake", cases: SNOWFLAKE },
  { title: "authentication hook", cases: HOOK },
];
