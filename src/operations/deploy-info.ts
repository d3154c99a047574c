/** What Witboost's Marketplace shows of a provisioned port, and what dependants are handed (contract 2.2.0: Info). */
import type { PortSpec } from "../domain/output-port.ts";
import type { OutputPort } from "../inventory/generated/client.ts";
import type { ResolvedRevision } from "../inventory/revisions.ts";

export type InfoEntry = {
  readonly type: "string" | "link" | "date";
  readonly label: string;
  readonly value: string;
  readonly href?: string;
};

/** Keys are camelCase; the Marketplace shows each entry of `publicInfo` by its label. Neither part holds a secret. */
export function deployInfo(port: {
  port: OutputPort;
  spec: PortSpec;
  resolved: ResolvedRevision;
  hasuraUrl: string;
  publicUrl: string | null;
}): { publicInfo: Record<string, InfoEntry>; privateInfo: Record<string, unknown> } {
  const { spec, resolved } = port;
  const { environment, componentId, role } = port.port;
  const endpoint = `${port.hasuraUrl}/v1/graphql`;
  const entry = (label: string, value: string): InfoEntry => ({ type: "string", label, value });
  const page: Record<string, InfoEntry> =
    port.publicUrl === null
      ? {}
      : {
          outputPort: {
            type: "link",
            label: "Output port",
            value: "Open in Portcullis",
            href: `${port.publicUrl}/ui/ports/${encodeURIComponent(environment)}/${encodeURIComponent(componentId)}`,
          },
        };
  return {
    publicInfo: {
      graphqlEndpoint: { ...entry("GraphQL endpoint", endpoint), href: endpoint },
      selectField: entry("Query field", spec.names.select),
      typeName: entry("Type", spec.names.customTableName),
      table: entry("Table", resolved.path.join(".")),
      columns: entry("Columns", resolved.columns === "*" ? "all" : resolved.columns.join(", ")),
      role: entry("Role", role),
      ...page,
    },
    privateInfo: {
      schemaVersion: 1,
      componentId,
      environment,
      hasuraSource: resolved.source,
      table: resolved.path,
      role,
      rootFields: spec.names,
    },
  };
}
