/** Every case, by what it is about. */
import type { Case } from "../case.ts";
import { AGENTS } from "./agents.ts";
import { BULK } from "./bulk.ts";
import { CONFLICTS } from "./conflicts.ts";
import { FEDERATION } from "./federation.ts";
import { FUNCTIONS } from "./functions.ts";
import { HOOK } from "./hook.ts";
import { INCONSISTENCIES } from "./inconsistencies.ts";
import { METADATA } from "./metadata.ts";
import { PERMISSIONS } from "./permissions.ts";
import { PROTOCOL } from "./protocol.ts";
import { QUERIES } from "./queries.ts";
import { REPLICAS } from "./replicas.ts";
import { REST_ENDPOINTS } from "./rest-endpoints.ts";
import { ROLES } from "./roles.ts";
import { SNOWFLAKE } from "./snowflake.ts";
import { SNOWFLAKE_LOGIN } from "./snowflake-login.ts";
import { SOCKETS } from "./sockets.ts";
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
  { title: "Snowflake", cases: [...SNOWFLAKE, ...SNOWFLAKE_LOGIN] },
  { title: "data connector agents", cases: AGENTS },
  { title: "functions", cases: FUNCTIONS },
  { title: "authentication hook", cases: HOOK },
  { title: "websockets", cases: SOCKETS },
  { title: "REST endpoints", cases: REST_ENDPOINTS },
  { title: "two instances", cases: REPLICAS },
  { title: "Apollo federation", cases: FEDERATION },
];
