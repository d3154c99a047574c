/** What settings mean beside one another: what follows from several of them, which do not go together, what is unwise. */
import { BlockList, isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import { canonicalSubjectName, parseSubject, type Subject } from "./domain/subject.ts";
import type { Problem } from "./errors.ts";
import type { Face, GroupMatch, Settings } from "./settings.ts";

export interface Address {
  readonly host: string;
  readonly port: number;
}

const LOOPBACK_HOSTS = new Set(["127.0.0.1", "localhost", "::1"]);

export function isLoopback(host: string): boolean {
  return LOOPBACK_HOSTS.has(host);
}

/** Where each face listens. */
export function addresses(settings: Settings): Readonly<Record<Exclude<Face, "worker">, Address>> {
  const { HOST: host, PORT: port, WEBHOOK_PORT, ADMIN_PORT, ADMIN_OIDC_ISSUER } = settings;
  const adminStays = ADMIN_OIDC_ISSUER === undefined && !isLoopback(host);
  return {
    rest: { host, port },
    webhook: { host, port: WEBHOOK_PORT ?? port },
    // Without an identity provider for admins, their face never leaves this machine.
    admin: { host: adminStays ? "127.0.0.1" : host, port: ADMIN_PORT ?? port },
  };
}

/** The issuers of consumers' tokens: of a tenant of Entra's public cloud, both names that it goes by. */
export function consumerIssuers(settings: Settings): readonly string[] {
  const { JWT_ISSUER, AZURE_TENANT_ID: tenant } = settings;
  return (
    JWT_ISSUER ?? [
      `https://sts.windows.net/${tenant}/`,
      `https://login.microsoftonline.com/${tenant}/v2.0`,
    ]
  );
}

export function groupMatch({ GROUP_MATCH, AZURE_CLIENT_ID }: Settings): GroupMatch {
  return GROUP_MATCH ?? (AZURE_CLIENT_ID === undefined ? "claim" : "bound");
}

/** An older role mapper, and how long an answer of its may take. */
export interface MirrorTarget {
  readonly url: string;
  readonly timeoutMs: number;
}

/** Where ports' roles are mirrored to; null: nowhere. */
export function mirrorTarget(settings: Settings): MirrorTarget | null {
  const { ROLE_MAPPER_MIRROR, ROLE_MAPPER_URL: url, ROLE_MAPPER_TIMEOUT } = settings;
  if (ROLE_MAPPER_MIRROR === "false" || url === undefined) return null;
  return { url, timeoutMs: ROLE_MAPPER_TIMEOUT * 1000 };
}

/** `IDENTITY_MAP` with names and subjects in canonical form, and what is wrong in it. */
export function userMap({ IDENTITY_MAP }: Settings): {
  readonly users: ReadonlyMap<string, Subject>;
  readonly problems: readonly Problem[];
} {
  const users = new Map<string, Subject>();
  const problems: Problem[] = [];
  for (const [name, ref] of Object.entries(IDENTITY_MAP)) {
    const known = canonicalSubjectName(name);
    const parsed = parseSubject(ref);
    if (!parsed.ok) problems.push({ ...parsed.problem, path: "IDENTITY_MAP" });
    else if (!parsed.subject.startsWith("user:"))
      problems.push({ path: "IDENTITY_MAP", message: "maps a name to a group" });
    else if (name === "" || users.has(known))
      problems.push({ path: "IDENTITY_MAP", message: "has an empty name, or one name twice" });
    else users.set(known, parsed.subject);
  }
  return { users, problems };
}

/** Everything that is missing or does not go together. */
export function crossChecks(settings: Settings): Problem[] {
  return [
    ...sourceChecks(settings),
    ...tokenChecks(settings),
    ...userMap(settings).problems,
    ...directoryChecks(settings),
    ...adminChecks(settings),
    ...secretChecks(settings),
    ...zoneChecks(settings),
    ...mirrorChecks(settings),
  ];
}

function sourceChecks(settings: Settings): Problem[] {
  const problems: Problem[] = [];
  if ((settings.COMMIT_MAX_SECONDS ?? 0) > settings.HASURA_WRITE_TIMEOUT)
    problems.push({
      path: "COMMIT_MAX_SECONDS",
      message: "is more than HASURA_WRITE_TIMEOUT: writes would be given up that are on their way",
      suggestion: "half of HASURA_WRITE_TIMEOUT at most",
    });
  if (!settings.SNOWFLAKE_PASSWORD && !settings.SNOWFLAKE_PRIVATE_KEY)
    problems.push({
      path: "SNOWFLAKE_PASSWORD",
      message: "is missing",
      suggestion: "set it, or SNOWFLAKE_PRIVATE_KEY",
    });
  if (settings.SOURCE_CREDENTIALS === "file")
    for (const name of [
      "HASURA_SNOWFLAKE_USER",
      settings.SNOWFLAKE_PRIVATE_KEY ? "HASURA_SNOWFLAKE_PRIVATE_KEY" : "HASURA_SNOWFLAKE_PASSWORD",
    ] as const)
      if (!settings[name].startsWith("/"))
        problems.push({
          path: name,
          message:
            "is no absolute path, and SOURCE_CREDENTIALS=file takes paths as Hasura sees them",
          suggestion: "/secrets/snowflake-user",
        });
  return problems;
}

const PUBLIC_AUTHORITY = "https://login.microsoftonline.com";
const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function tokenChecks(settings: Settings): Problem[] {
  const { JWT_ISSUER, AZURE_TENANT_ID, AZURE_AUTHORITY_HOST } = settings;
  const missing = (message: string, suggestion: string): Problem[] => [
    { path: "JWT_ISSUER", message, suggestion },
  ];
  if (JWT_ISSUER !== undefined) return [];
  if (AZURE_TENANT_ID === undefined)
    return missing(
      "is missing: a token of any issuer would pass",
      "set it, or AZURE_TENANT_ID, from which both of Entra's issuers follow",
    );
  if (AZURE_AUTHORITY_HOST !== PUBLIC_AUTHORITY)
    return missing(
      "is missing: AZURE_AUTHORITY_HOST names another cloud, whose issuers have names of their own",
      "set it to the issuers of that cloud's tokens",
    );
  if (!UUID.test(AZURE_TENANT_ID))
    return missing(
      "is missing, and AZURE_TENANT_ID is no id from which it would follow",
      "set AZURE_TENANT_ID to the tenant's id, not its domain",
    );
  return [];
}

function directoryChecks(settings: Settings): Problem[] {
  const match = groupMatch(settings);
  if (match === "claim") return [];
  const needed = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET"] as const;
  return needed
    .filter((name) => settings[name] === undefined)
    .map((name) => ({
      path: name,
      message: `is missing: GROUP_MATCH=${match} asks the directory about groups`,
      suggestion: "set it, or GROUP_MATCH=claim where tokens hold the names of groups",
    }));
}

function adminChecks(settings: Settings): Problem[] {
  const { ADMIN_OIDC_ISSUER: issuer, ADMIN_AUDIENCE: audience, JWT_AUDIENCE } = settings;
  const missing = (path: string, beside: string): Problem[] => [
    { path, message: `is missing beside ${beside}`, suggestion: "set both, or neither" },
  ];
  if (issuer === undefined)
    return audience === undefined ? [] : missing("ADMIN_OIDC_ISSUER", "ADMIN_AUDIENCE");
  if (audience === undefined) return missing("ADMIN_AUDIENCE", "ADMIN_OIDC_ISSUER");
  const plain = (text: string): string => text.replace(/\/+$/, "");
  const sameIssuer = consumerIssuers(settings).some((known) => plain(known) === plain(issuer));
  if (!sameIssuer || !JWT_AUDIENCE.includes(audience)) return [];
  return [
    {
      path: "ADMIN_AUDIENCE",
      message: "is an audience of consumers' tokens, of the same issuer: consumers would be admins",
      suggestion: "register an application of its own for admins, and set its audience",
    },
  ];
}

/** Each of them opens another door. */
function secretChecks(settings: Settings): Problem[] {
  const names = ["HASURA_ADMIN_SECRET", "WITBOOST_TOKEN", "ROLE_MAPPER_TOKEN"] as const;
  return names.flatMap((name, index) => {
    const same = names.slice(0, index).find((other) => settings[other] === settings[name]);
    if (settings[name] === undefined || same === undefined) return [];
    return [
      {
        path: name,
        message: `is the same as ${same}: whoever has one has both`,
        suggestion: "make a random text for each",
      },
    ];
  });
}

function zoneChecks(settings: Settings): Problem[] {
  if (isLoopback(settings.HOST)) return [];
  const problems: Problem[] = [];
  const at = addresses(settings);
  const listening = (["rest", "webhook", "admin"] as const).filter((face) =>
    settings.FACES.includes(face),
  );
  if (new Set(listening.map((face) => at[face].port)).size < listening.length)
    problems.push({
      path: "WEBHOOK_PORT",
      message: `${listening.join(", ")} share a port, which is allowed on loopback only`,
      suggestion: "give PORT, WEBHOOK_PORT and ADMIN_PORT ports of their own, or run fewer FACES",
    });
  if (settings.FACES.includes("rest") && !settings.WITBOOST_TOKEN && settings.REST_OPEN !== "true")
    problems.push({
      path: "WITBOOST_TOKEN",
      message: `is missing, and HOST ${settings.HOST} is reachable by others`,
      suggestion: "set it, or say REST_OPEN=true where the network alone protects the routes",
    });
  return problems;
}

function mirrorChecks(settings: Settings): Problem[] {
  const { ROLE_MAPPER_MIRROR, ROLE_MAPPER_URL } = settings;
  if (ROLE_MAPPER_MIRROR === "false") return [];
  const wrong = (message: string, suggestion: string): Problem[] => [
    { path: "ROLE_MAPPER_URL", message, suggestion },
  ];
  if (ROLE_MAPPER_URL === undefined)
    return wrong("is missing beside ROLE_MAPPER_MIRROR=true", "set both, or neither");
  const url = new URL(ROLE_MAPPER_URL);
  if (url.username !== "" || url.password !== "")
    return wrong("holds a name or a password, which would not be sent", "leave them out");
  if (!Object.values(addresses(settings)).some((own) => leadsTo(url, own))) return [];
  return wrong(
    "is an address of this service itself",
    "the address of the older role mapper, or ROLE_MAPPER_MIRROR=false",
  );
}

const LOOPBACK_ADDRESSES = new BlockList();
LOOPBACK_ADDRESSES.addSubnet("127.0.0.0", 8, "ipv4");
LOOPBACK_ADDRESSES.addAddress("::1", "ipv6");
/** As an address to listen on: all of this machine's. As one to call: this machine. */
const UNSPECIFIED = new Set(["0.0.0.0", "::"]);

/** Whether a URL is one of those by which a listener of this machine can be reached. */
function leadsTo(url: URL, { host, port }: Address): boolean {
  const urlPort = url.port === "" ? (url.protocol === "https:" ? 443 : 80) : Number(url.port);
  // A port that is picked at the start is not known yet.
  if (port === 0 || port !== urlPort) return false;
  const called = url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
  const atHome = callsLoopback(called);
  if (UNSPECIFIED.has(host)) return atHome || callsThisMachine(called);
  return called === host.toLowerCase() || (callsLoopback(host) ? atHome : isThisMachine(called));
}

function callsLoopback(name: string): boolean {
  const family = isIP(name);
  if (family === 0) return /(^|\.)localhost$/i.test(name);
  return UNSPECIFIED.has(name) || LOOPBACK_ADDRESSES.check(name, family === 6 ? "ipv6" : "ipv4");
}

function callsThisMachine(name: string): boolean {
  const own = Object.values(networkInterfaces()).flatMap((addresses = []) => addresses);
  return isThisMachine(name) || own.some(({ address }) => address === name);
}

function isThisMachine(name: string): boolean {
  return name.toLowerCase() === hostname().toLowerCase();
}

/** Audiences of Microsoft's own services: tokens for these are handed to many others, who could use them here. */
const COMMON_AUDIENCES =
  /^(https:\/\/(management\.(core\.windows\.net|azure\.com)|graph\.(microsoft\.com|windows\.net))\/?|00000003-0000-0000-c000-000000000000)$/i;

/** What can be set and had better not be, or what was set for the older services and has no effect. */
export function warnings(settings: Settings): Problem[] {
  const problems: Problem[] = [];
  const weakened = Object.entries(settings.JWT_OPTIONS ?? {}).filter(
    ([name, value]) => name.startsWith("verify_") && value === false,
  );
  if (weakened.length > 0)
    problems.push({
      path: "JWT_OPTIONS",
      message: `would switch off ${weakened.map(([name]) => name).join(", ")}; signature, issuer, audience and times are always verified`,
      suggestion: "remove it",
    });
  for (const audience of settings.JWT_AUDIENCE.filter((each) => COMMON_AUDIENCES.test(each)))
    problems.push({
      path: "JWT_AUDIENCE",
      message: `has ${audience}, a service that many applications get tokens for: each of them could read data with a user's token`,
      suggestion: "register an application of its own for data consumers, and set its audience",
    });
  if (settings.JWKS_URL.startsWith("http://") && !isLoopback(new URL(settings.JWKS_URL).hostname))
    problems.push({
      path: "JWKS_URL",
      message: "is fetched in the clear: whoever is in between can put keys of his own",
      suggestion: "use https://",
    });
  if (groupMatch(settings) === "displayName")
    problems.push({
      path: "GROUP_MATCH",
      message:
        "compares names, which are not unique: whoever makes a group of a granted one's name gets its access",
      suggestion: "GROUP_MATCH=bound",
    });
  if (settings.SOURCE_CREDENTIALS === "inline")
    problems.push({
      path: "SOURCE_CREDENTIALS",
      message: "writes credentials into Hasura's metadata in clear",
      suggestion: "SOURCE_CREDENTIALS=env",
    });
  if (settings.REST_OPEN === "true" && !settings.WITBOOST_TOKEN && !isLoopback(settings.HOST))
    problems.push({
      path: "REST_OPEN",
      message: "leaves the REST routes to whoever reaches them",
      suggestion: "set WITBOOST_TOKEN",
    });
  return problems;
}
