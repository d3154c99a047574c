/** The differences that a reconcile has to tell of, found by looking at one thing after the other. */
import { canonical } from "../../../src/hasura/metadata.ts";
import { expectedTable, tableOf } from "../descriptors.ts";
import { entries, type Metadata } from "../metadata.ts";
import {
  appliedTable,
  type Entry,
  isAsAsked,
  type Model,
  type ModelPort,
  markOf,
  sourceIn,
  strangePartsOf,
} from "./model.ts";

/** A finding by what tells it from others: `MISSING table source: A.B.C`. */
export interface Told {
  readonly text: string;
  /** The port it is told of; null when it is of none, or of a source. */
  readonly port: ModelPort | null;
  /** Whether a repair mends it. */
  readonly mended: boolean;
}

export function expectedFindings(metadata: Metadata, model: Model, connection: string): Told[] {
  const applied = model.ports.filter(({ applied }) => applied !== null);
  return [
    ...onSources(metadata, applied, connection),
    ...applied.flatMap((port) => [
      ...onTable(metadata, port),
      ...byRoles(entries(metadata.inherited_roles), port),
    ]),
    ...elsewhere(metadata, applied),
    ...orphans(metadata, model),
  ];
}

function onSources(metadata: Metadata, ports: readonly ModelPort[], connection: string): Told[] {
  return [...new Set(ports.map(({ source }) => source))].flatMap((name): Told[] => {
    const source = sourceIn(metadata, name);
    const told = (kind: string): Told => ({
      text: `${kind} source ${name}`,
      port: null,
      mended: true,
    });
    if (source === undefined) return [told("MISSING")];
    return canonical(source.configuration) === connection ? [] : [told("CHANGED")];
  });
}

function placeText(source: string, path: unknown): string {
  return `${source}: ${(path as string[]).join(".")}`;
}

function onTable(metadata: Metadata, port: ModelPort): Told[] {
  const { role, source, applied } = port;
  if (applied === null || sourceIn(metadata, source) === undefined) return [];
  const as = { ...port.port, variant: applied };
  const wanted = expectedTable(as);
  const place = placeText(source, tableOf(as));
  const told = (text: string, mended = true): Told => ({ text, port, mended });
  const table = appliedTable(metadata, port);
  if (table === undefined) return [told(`MISSING table ${place}`)];
  const found: Told[] = [];

  const own = entries(table.select_permissions).find((each) => each.role === role);
  const ownOnly = own === undefined ? [] : [own];
  const bare = { configuration: wanted.names, select_permissions: ownOnly };
  if (own === undefined) found.push(told(`MISSING select permission ${place} for role ${role}`));
  else if (!isAsAsked(bare, role, as))
    found.push(told(`CHANGED select permission ${place} for role ${role}`));

  const permission = { role, comment: wanted.comment };
  const good = { ...permission, permission: { columns: wanted.columns, filter: {} } };
  if (!isAsAsked({ ...table, select_permissions: [good] }, role, as)) {
    const { custom_name, custom_root_fields } = (table.configuration ?? {}) as Entry;
    const keeps = canonical({ custom_name, custom_root_fields }) === canonical(wanted.names);
    found.push(told(`${keeps ? "FOREIGN_EDIT" : "CHANGED"} table ${place}`));
  }

  for (const [part, value] of Object.entries(strangePartsOf(table, role)))
    if (part.endsWith("_permissions"))
      for (const _ of entries(value)) found.push(told(`EXPOSURE table ${place}`, false));
    else found.push(told(`FOREIGN_EDIT table ${place}`, false));
  return found;
}

/** Each inherited role that has the port's role, directly or through others. */
function byRoles(roles: readonly Entry[], port: ModelPort): Told[] {
  const reached = new Set([port.role]);
  for (let before = 0; before !== reached.size; ) {
    before = reached.size;
    for (const { role_name, role_set } of roles)
      if ((role_set as string[]).some((parent) => reached.has(parent)))
        reached.add(String(role_name));
  }
  return [...reached]
    .filter((role) => role !== port.role)
    .map((role) => ({ text: `EXPOSURE inherited role ${role}`, port, mended: false }));
}

/** The relations of our ports, tracked at another place. */
function elsewhere(metadata: Metadata, ports: readonly ModelPort[]): Told[] {
  const places = ports.map((port) => ({
    port,
    path: canonical(tableOf({ ...port.port, variant: port.applied ?? 0 })),
  }));
  return metadata.sources.flatMap((source) =>
    entries(source.tables).flatMap((table): Told[] => {
      const path = canonical(table.table);
      const here = places.find((place) => place.path === path);
      const isOurs = places.some(
        (place) => place.path === path && place.port.source === source.name,
      );
      if (here === undefined || isOurs) return [];
      const text = `EXPOSURE table ${placeText(String(source.name), table.table)}`;
      return [{ text, port: here.port, mended: false }];
    }),
  );
}

/** What carries the mark of a port that is not applied there, and sources of ours that hold nothing. */
function orphans(metadata: Metadata, model: Model): Told[] {
  return metadata.sources.flatMap((source) => {
    const tables = entries(source.tables);
    const name = String(source.name);
    const isNeeded = model.ports.some(({ source, applied }) => applied !== null && source === name);
    const empty: Told[] =
      tables.length === 0 && model.sources.has(name) && !isNeeded
        ? [{ text: `ORPHAN source ${name}`, port: null, mended: true }]
        : [];
    const marked = tables.flatMap((table) =>
      entries(table.select_permissions).flatMap(({ role, comment }): Told[] => {
        const port = model.ports.find((each) => markOf(each.port) === comment);
        if (port === undefined || port.phase === "FAILED") return [];
        const isApplied = appliedTable(metadata, port) === table && role === port.role;
        if (isApplied) return [];
        const place = placeText(name, table.table);
        const text = `ORPHAN select permission ${place} for role ${role}`;
        return [{ text, port: null, mended: true }];
      }),
    );
    return [...empty, ...marked];
  });
}
