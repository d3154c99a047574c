/** Which commands there are, how a request's `type` finds one, and bulks of them. */
import {
  type At,
  at,
  integerAt,
  listAt,
  member,
  objectAt,
  optional,
  parseFailed,
  required,
  textAt,
} from "../decode.ts";
import { below, envelope, HasuraError, toHasuraError } from "../errors.ts";
import { refuseAtOnce } from "../inconsistency.ts";
import type { Json } from "../json.ts";
import { type Kind, kindOf } from "../names.ts";
import { readAddAgent, readDeleteAgent } from "./agents.ts";
import {
  type Command,
  type CommandContext,
  type KindReader,
  type PlainReader,
  SUCCESS,
} from "./command.ts";
import {
  readGetSourceKindCapabilities,
  readGetSourceTables,
  readGetTableInfo,
  readGetTableInfoOfAgent,
  readListSourceKinds,
} from "./discovery.ts";
import {
  readAddQuery,
  readCreateEndpoint,
  readCreateQueryCollection,
  readDropEndpoint,
  readDropQuery,
  readDropQueryCollection,
} from "./endpoints.ts";
import { readTrackFunction, readUntrackFunction } from "./functions.ts";
import {
  readClearMetadata,
  readDropInconsistentMetadata,
  readExportMetadata,
  readGetInconsistentMetadata,
  readReloadMetadata,
  readReplaceMetadata,
} from "./metadata.ts";
import {
  readCreatePermission,
  readDropPermission,
  readSetPermissionComment,
} from "./permissions.ts";
import { readCreateRelationship, readDropRelationship } from "./relationships.ts";
import { readAddInheritedRole, readDropInheritedRole } from "./roles.ts";
import { readAddSource, readDropSource, readRenameSource, readUpdateSource } from "./sources.ts";
import {
  readSetApolloFederationConfig,
  readSetTableCustomization,
  readTrackTable,
  readUntrackTable,
} from "./tables.ts";
import { readTrackTables, readUntrackTables } from "./track-many.ts";

const OF_KINDS: ReadonlyMap<string, KindReader> = new Map<string, KindReader>([
  ["add_source", readAddSource],
  ["drop_source", readDropSource],
  ["update_source", readUpdateSource],
  ["track_table", readTrackTable],
  ["untrack_table", readUntrackTable],
  ["track_tables", readTrackTables],
  ["untrack_tables", readUntrackTables],
  ["set_table_customization", readSetTableCustomization],
  ["set_apollo_federation_config", readSetApolloFederationConfig],
  ["create_select_permission", readCreatePermission("select")],
  ["create_insert_permission", readCreatePermission("insert")],
  ["create_update_permission", readCreatePermission("update")],
  ["create_delete_permission", readCreatePermission("delete")],
  ["drop_select_permission", readDropPermission("select")],
  ["drop_insert_permission", readDropPermission("insert")],
  ["drop_update_permission", readDropPermission("update")],
  ["drop_delete_permission", readDropPermission("delete")],
  ["set_permission_comment", readSetPermissionComment],
  ["create_object_relationship", readCreateRelationship("object")],
  ["create_array_relationship", readCreateRelationship("array")],
  ["drop_relationship", readDropRelationship],
  ["track_function", readTrackFunction],
  ["untrack_function", readUntrackFunction],
  ["get_source_tables", readGetSourceTables],
  ["get_table_info", readGetTableInfo],
]);

const PLAIN: ReadonlyMap<string, PlainReader> = new Map<string, PlainReader>([
  ["rename_source", readRenameSource],
  ["export_metadata", readExportMetadata],
  ["replace_metadata", readReplaceMetadata],
  ["clear_metadata", readClearMetadata],
  ["reload_metadata", readReloadMetadata],
  ["get_inconsistent_metadata", readGetInconsistentMetadata],
  ["drop_inconsistent_metadata", readDropInconsistentMetadata],
  ["add_inherited_role", readAddInheritedRole],
  ["drop_inherited_role", readDropInheritedRole],
  ["create_query_collection", readCreateQueryCollection],
  ["drop_query_collection", readDropQueryCollection],
  ["add_query_to_collection", readAddQuery],
  ["drop_query_from_collection", readDropQuery],
  ["create_rest_endpoint", readCreateEndpoint],
  ["drop_rest_endpoint", readDropEndpoint],
  ["list_source_kinds", readListSourceKinds],
  ["get_source_kind_capabilities", readGetSourceKindCapabilities],
  ["get_table_info", readGetTableInfoOfAgent],
  ["dc_add_agent", readAddAgent],
  ["dc_delete_agent", readDeleteAgent],
  ["bulk", readBulk],
  ["bulk_keep_going", readBulkKeepGoing],
  ["bulk_atomic", readBulkAtomic],
]);

/** Commands that Hasura has and this stand-in does not. */
const ABSENT: ReadonlySet<string> = new Set(
  `add_remote_schema update_remote_schema remove_remote_schema reload_remote_schema
  introspect_remote_schema add_remote_schema_permissions drop_remote_schema_permissions
  create_cron_trigger delete_cron_trigger get_cron_triggers create_scheduled_event create_action
  drop_action update_action create_action_permission drop_action_permission add_collection_to_allowlist
  drop_collection_from_allowlist set_custom_types set_api_limits
  remove_api_limits set_metrics_config remove_metrics_config add_host_to_tls_allowlist
  drop_host_from_tls_allowlist dump_internal_state get_catalog_state set_catalog_state
  set_graphql_schema_introspection_options test_webhook_transform set_query_tags
  set_opentelemetry_config set_opentelemetry_status`.split(/\s+/),
);

const ABSENT_OF_KINDS: ReadonlySet<string> = new Set(
  `set_table_is_enum set_function_customization
  create_function_permission drop_function_permission add_computed_field drop_computed_field
  rename_relationship set_relationship_comment suggest_relationships create_remote_relationship
  update_remote_relationship delete_remote_relationship create_event_trigger delete_event_trigger
  redeliver_event invoke_event_trigger track_native_query untrack_native_query get_native_query
  track_logical_model untrack_logical_model get_logical_model get_source_trackables
  track_stored_procedure untrack_stored_procedure`.split(/\s+/),
);

/**
 * Reads one command of version 1 from a request or from an item of a bulk.
 * @throws HasuraError parse-failed
 */
export function readCommand(body: At): Command {
  const object = objectAt(body, "RQLMetadataV1");
  const type = textAt(required(object, body.path, "type"));
  const plain = PLAIN.get(type);
  if (plain) return plain(required(object, body.path, "args"));
  if (ABSENT.has(type)) return absent(type);
  const { kind, command } = splitType(type, body.path);
  const args = required(object, body.path, "args");
  const reader = OF_KINDS.get(command);
  if (reader) return readOfKind(reader, command, kind, args);
  if (ABSENT_OF_KINDS.has(command)) return absent(type);
  throw parseFailed(
    body.path,
    `unknown metadata command ${JSON.stringify(command)} for backend ${kind.name}`,
  );
}

/** The kind is what stands before the first underscore. */
function splitType(type: string, path: string): { kind: Kind; command: string } {
  const [prefix = "", ...rest] = type.split("_");
  const kind = kindOf(prefix);
  if (!kind)
    throw parseFailed(
      path,
      `unknown metadata command ${JSON.stringify(type)}; ${JSON.stringify(prefix)} was not recognized as a valid backend name`,
    );
  return { kind, command: rest.join("_") };
}

const DOCUMENTATION =
  "https://hasura.io/docs/latest/graphql/core/api-reference/metadata-api/index.html#metadata-apis";

function readOfKind(reader: KindReader, command: string, kind: Kind, args: At): Command {
  try {
    return reader(args, kind);
  } catch (error) {
    if (!(error instanceof HasuraError) || error.code !== "parse-failed") throw error;
    throw parseFailed(
      error.path,
      `Error when parsing command ${command}.\nSee our documentation at ${DOCUMENTATION}.\nInternal error message: ${error.message}`,
    );
  }
}

function absent(type: string): Command {
  return {
    modifies: false,
    run: () =>
      Promise.reject(
        new HasuraError("not-supported", `${type} is not available in this stand-in for Hasura`),
      ),
  };
}

function readItems(args: At): Command[] {
  return listAt(args, (item) => {
    const object = objectAt(item, "RQLMetadataRequest");
    const version = optional(member(object, item.path, "version"), 1, integerAt);
    if (version !== 1)
      throw parseFailed(`${item.path}.version`, `expected 1, encountered ${version}`);
    return readCommand(at(item.value, item.path));
  });
}

/** All or nothing: the first failure ends it. */
function readBulk(args: At): Command {
  const commands = readItems(args);
  return {
    modifies: commands.some(({ modifies }) => modifies),
    run: async (context) => {
      const results: Json[] = [];
      for (const [index, command] of commands.entries())
        results.push(await runItem(command, context, index));
      return results;
    },
  };
}

async function runItem(command: Command, context: CommandContext, index: number): Promise<Json> {
  try {
    return await command.run(context);
  } catch (error) {
    if (error instanceof HasuraError) throw below(`$.args[${index}]`, error);
    throw error;
  }
}

/** Each command for itself: a failure takes back what that command changed, and becomes its result. */
function readBulkKeepGoing(args: At): Command {
  const commands = readItems(args);
  return {
    modifies: commands.some(({ modifies }) => modifies),
    run: async (context) => {
      const results: Json[] = [];
      for (const command of commands) {
        const { metadata, cache } = context.session;
        try {
          results.push(await command.run(context));
        } catch (error) {
          if (!(error instanceof HasuraError)) throw error;
          Object.assign(context.session, { metadata, cache });
          results.push(envelope(toHasuraError(error), true));
        }
      }
      return results;
    },
  };
}

/** One rebuild for all: of the commands that there are here it takes those about relationships. */
function readBulkAtomic(args: At): Command {
  const commands = readItems(args);
  return {
    modifies: commands.length > 0,
    run: async (context) => {
      if (!commands.every(({ atomic }) => atomic === true))
        throw new HasuraError("unexpected", "Bulk atomic does not support this command", {
          status: 500,
        });
      const { metadata, cache } = context.session;
      const session = { metadata, cache };
      const noted: CommandContext = {
        ...context,
        session,
        change: (next) => {
          session.metadata = next;
          return Promise.resolve();
        },
      };
      for (const command of commands) await command.run(noted);
      await context.change(session.metadata, refuseAtOnce);
      return SUCCESS;
    },
  };
}
