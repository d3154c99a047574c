/**
 * Who may see what, arranged for decisions. A replica keeps one of these and changes it in place, a whole change at a
 * time and without a pause, so that no decision ever sees half of one. Pure: no clock, no database.
 */

/** Never a role of ours: Hasura gives it everything, its metadata API included. */
const FORBIDDEN_ROLE = "admin";

/** Whether a request must never run under a role of that name, however it is spaced or written. */
export function isForbiddenRole(name: string): boolean {
  const bare = name.trim().toLowerCase();
  return bare === "" || bare === FORBIDDEN_ROLE;
}

export type GrantClass = "ACL" | "OWNER" | "MANUAL";

/**
 * What a role belongs to: a port; a role that belongs to no port of ours; or several ports, whose roles the combined
 * role inherits from.
 */
export type HolderKind = "PORT" | "EXTERNAL" | "COMBINED";

/** A holder's role and what was given of it, as the inventory has it. */
export interface HolderFacts {
  readonly id: string;
  readonly kind: HolderKind;
  /** The role in Hasura. */
  readonly role: string;
  /** Root fields that the role can see. Of a combined role: none, for its members' are its own. */
  readonly fields: readonly string[];
  /** Ids of the ports that a combined role inherits from. */
  readonly members: readonly string[];
  /** A combined role has none: it is held by whoever holds all its members. */
  readonly grants: readonly {
    readonly class: GrantClass;
    /** When they end by themselves, in ms since the epoch by the database's clock; `null`: they do not. */
    readonly until: number | null;
    /** Canonical refs, each once. */
    readonly subjects: readonly string[];
  }[];
}

/** No access, whatever is granted: for a subject, on a port, or for that subject on that port. */
export interface BlockFacts {
  readonly id: string;
  /** `null`: for everybody. */
  readonly subject: string | null;
  /** `null`: on everything. */
  readonly portId: string | null;
  /** As of grants. */
  readonly until: number | null;
}

/** What the inventory says about access, all of one moment. */
export interface AccessFacts {
  /** Counts the changes of who may read what. */
  readonly generation: bigint;
  readonly holders: readonly HolderFacts[];
  readonly blocks: readonly BlockFacts[];
}

/** What is otherwise than it was: a whole holder at a time, or all blocks together. */
export interface AccessChanges {
  readonly generation: bigint;
  /** By id; `null`: it is gone. */
  readonly holders: ReadonlyMap<string, HolderFacts | null>;
  /** `null`: they are as they were. */
  readonly blocks: readonly BlockFacts[] | null;
}

export interface Holder {
  readonly id: string;
  readonly kind: HolderKind;
  readonly role: string;
  readonly fields: ReadonlySet<string>;
  readonly members: readonly string[];
}

/** Grants of one holder that were given alike, so that a million of them are not a million objects. */
export interface Grants {
  readonly holder: Holder;
  readonly class: GrantClass;
  /** Ms since the epoch; `Infinity`: they do not end by themselves. */
  readonly until: number;
}

export interface Block {
  readonly id: string;
  readonly subject: string | null;
  readonly portId: string | null;
  readonly until: number;
}

export interface Access {
  readonly generation: bigint;
  readonly holders: ReadonlyMap<string, Holder>;
  readonly byRole: ReadonlyMap<string, Holder>;
  /** Root field → holders whose role can see it, the smaller roles first. */
  readonly byField: ReadonlyMap<string, readonly Holder[]>;
  readonly bySubject: ReadonlyMap<string, { readonly grants: readonly Grants[] }>;
  readonly blocksBySubject: ReadonlyMap<string, readonly Block[]>;
  /** Those on a port, for everybody or for one subject. */
  readonly blocksByPort: ReadonlyMap<string, readonly Block[]>;
}

// The same, as it is written here alone.

interface OwnHolder extends Holder {
  role: string;
  fields: ReadonlySet<string>;
  members: readonly string[];
  grants: OwnGrants[];
}

interface OwnSubject {
  readonly ref: string;
  grants: Grants[];
}

interface OwnGrants extends Grants {
  readonly holder: OwnHolder;
  subjects: readonly OwnSubject[];
}

interface OwnAccess extends Access {
  generation: bigint;
  readonly holders: Map<string, OwnHolder>;
  readonly byRole: Map<string, OwnHolder>;
  readonly byField: Map<string, OwnHolder[]>;
  readonly bySubject: Map<string, OwnSubject>;
  /** Apart from the others, for they are looked through at every change. */
  readonly combined: Map<string, OwnHolder>;
  blocksBySubject: ReadonlyMap<string, readonly Block[]>;
  blocksByPort: ReadonlyMap<string, readonly Block[]>;
}

const NO_FIELDS: ReadonlySet<string> = new Set();

/** Access of nobody to nothing, at generation 0. */
export function emptyAccess(): Access {
  const access: OwnAccess = {
    generation: 0n,
    holders: new Map(),
    byRole: new Map(),
    byField: new Map(),
    bySubject: new Map(),
    combined: new Map(),
    blocksBySubject: new Map(),
    blocksByPort: new Map(),
  };
  return access;
}

/** Arranges facts. */
export function arrangeAccess({ generation, holders, blocks }: AccessFacts): Access {
  const access = emptyAccess();
  const changed = new Map(holders.map((holder) => [holder.id, holder]));
  applyChanges(access, { generation, holders: changed, blocks });
  return access;
}

/**
 * Makes it what the changes say, all at once.
 * @param access made by `emptyAccess` or `arrangeAccess`
 */
export function applyChanges(access: Access, changes: AccessChanges): void {
  const own = access as OwnAccess;
  for (const [id, facts] of changes.holders) {
    // Gone first: its role's name may be another holder's now.
    if (facts === null || isForbiddenRole(facts.role)) dropHolder(own, id);
  }
  for (const facts of changes.holders.values())
    if (facts !== null && !isForbiddenRole(facts.role)) putHolder(own, facts);
  for (const holder of own.combined.values())
    if (holder.members.some((id) => changes.holders.has(id)) || changes.holders.has(holder.id))
      reindex(own, holder, () => {
        holder.fields = unitedFields(own, holder.members);
      });
  if (changes.blocks !== null) setBlocks(own, changes.blocks);
  own.generation = changes.generation;
}

function putHolder(access: OwnAccess, facts: HolderFacts): void {
  const { id, kind } = facts;
  let holder = access.holders.get(id);
  if (holder === undefined) {
    holder = { id, kind, role: facts.role, fields: NO_FIELDS, members: [], grants: [] };
    access.holders.set(id, holder);
    if (kind === "COMBINED") access.combined.set(id, holder);
  }
  const own = holder;
  reindex(access, own, () => {
    own.role = facts.role;
    own.members = facts.members;
    own.fields = kind === "COMBINED" ? NO_FIELDS : new Set(facts.fields);
  });
  setGrants(access, own, facts.grants);
}

function dropHolder(access: OwnAccess, id: string): void {
  const holder = access.holders.get(id);
  if (holder === undefined) return;
  setGrants(access, holder, []);
  reindex(access, holder, () => {
    holder.fields = NO_FIELDS;
  });
  if (access.byRole.get(holder.role) === holder) access.byRole.delete(holder.role);
  access.holders.delete(id);
  access.combined.delete(id);
}

/** Changes a holder's role and fields, and where it is found by them. */
function reindex(access: OwnAccess, holder: OwnHolder, change: () => void): void {
  if (access.byRole.get(holder.role) === holder) access.byRole.delete(holder.role);
  for (const field of holder.fields) {
    const sharing = access.byField.get(field)?.filter((other) => other !== holder) ?? [];
    if (sharing.length === 0) access.byField.delete(field);
    else access.byField.set(field, sharing);
  }
  change();
  access.byRole.set(holder.role, holder);
  for (const field of holder.fields) {
    const sharing = access.byField.get(field);
    if (sharing === undefined) access.byField.set(field, [holder]);
    else {
      sharing.push(holder);
      sharing.sort((a, b) => a.fields.size - b.fields.size);
    }
  }
}

/** Whether a member is there at all is asked when the role is weighed. */
function unitedFields(access: OwnAccess, members: readonly string[]): ReadonlySet<string> {
  return new Set(members.flatMap((id) => [...(access.holders.get(id)?.fields ?? [])]));
}

function setGrants(access: OwnAccess, holder: OwnHolder, facts: HolderFacts["grants"]): void {
  const before = new Map(holder.grants.map((grants) => [likeness(grants), grants]));
  const after = new Map<string, { grants: OwnGrants; refs: readonly string[] }>();
  for (const { class: grantClass, until, subjects } of facts) {
    const like = { class: grantClass, until: until ?? Number.POSITIVE_INFINITY };
    const key = likeness(like);
    const grants = before.get(key) ?? { holder, ...like, subjects: [] };
    const alike = after.get(key)?.refs;
    const refs = alike === undefined ? subjects : [...new Set([...alike, ...subjects])];
    after.set(key, { grants, refs });
  }
  for (const [key, { grants, refs }] of after) {
    before.delete(key);
    setSubjects(access, grants, refs);
  }
  for (const gone of before.values()) setSubjects(access, gone, []);
  holder.grants = [...after.values()].map(({ grants }) => grants);
}

function likeness({ class: grantClass, until }: Pick<Grants, "class" | "until">): string {
  return `${grantClass} ${until}`;
}

/** Touches only those who come or go: a port's list can be long, and most of it stays. */
function setSubjects(access: OwnAccess, grants: OwnGrants, refs: readonly string[]): void {
  const leaving = new Set(grants.subjects);
  const staying = refs.map((ref) => {
    const subject = subjectOf(access, ref);
    if (!leaving.delete(subject)) subject.grants = added(subject.grants, grants);
    return subject;
  });
  grants.subjects = staying;
  for (const subject of leaving) {
    subject.grants = subject.grants.filter((other) => other !== grants);
    if (subject.grants.length === 0) access.bySubject.delete(subject.ref);
  }
}

/** One object and one text a subject, however many grants name it. */
function subjectOf(access: OwnAccess, ref: string): OwnSubject {
  let subject = access.bySubject.get(ref);
  if (subject === undefined) {
    subject = { ref, grants: [] };
    access.bySubject.set(ref, subject);
  }
  return subject;
}

/** V8 reserves 17 places for what is pushed onto an empty list, and most subjects hold a few grants. */
function added(list: Grants[], grants: Grants): Grants[] {
  if (list.length < 16) return [...list, grants];
  list.push(grants);
  return list;
}

function setBlocks(access: OwnAccess, facts: readonly BlockFacts[]): void {
  const bySubject = new Map<string, Block[]>();
  const byPort = new Map<string, Block[]>();
  for (const { until, ...rest } of facts) {
    const block: Block = { ...rest, until: until ?? Number.POSITIVE_INFINITY };
    if (block.portId !== null) addTo(byPort, block.portId, block);
    else if (block.subject !== null) addTo(bySubject, block.subject, block);
  }
  access.blocksBySubject = bySubject;
  access.blocksByPort = byPort;
}

function addTo(map: Map<string, Block[]>, key: string, block: Block): void {
  const list = map.get(key);
  if (list) list.push(block);
  else map.set(key, [block]);
}
