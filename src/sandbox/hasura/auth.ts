/** Who asks: the admin secret, else the authentication hook. */
import { type AuthHook, askHook } from "./auth-hook.ts";
import { HasuraError } from "./errors.ts";
import { type Headers, headerNamed } from "./headers.ts";
import type { Json } from "./json.ts";

export interface UserInfo {
  readonly role: string;
  /** Session variables by name in lower case, `x-hasura-role` among them. */
  readonly session: Readonly<Record<string, string>>;
  /** To be handed on to the client. */
  readonly cookies: readonly string[];
  /** When the hook's word ends, in milliseconds since the epoch; only a websocket lives to see it. */
  readonly expiresAt: number | undefined;
}

export interface AuthOptions {
  readonly adminSecret: string;
  readonly hook: AuthHook | undefined;
}

const SECRET_HEADERS = ["x-hasura-admin-secret", "x-hasura-access-key"];

/**
 * @param headers the client's, whose first of a name counts
 * @param request the GraphQL request as the hook may see it, `null` when there is none to show
 * @throws HasuraError access-denied, or what the hook's answer amounts to
 */
export async function authenticate(
  headers: Headers,
  request: Json,
  { adminSecret, hook }: AuthOptions,
): Promise<UserInfo> {
  const secret = SECRET_HEADERS.map((name) => headerNamed(headers, name)).find(
    (value) => value !== undefined,
  );
  if (secret !== undefined) {
    if (secret !== adminSecret)
      throw denied('invalid "x-hasura-admin-secret"/"x-hasura-access-key"');
    const session = sessionVariables(headers);
    return userInfo({ "x-hasura-role": "admin", ...session }, [], undefined);
  }
  if (!hook) throw denied('"x-hasura-admin-secret"/"x-hasura-access-key" required, but not found');
  const { variables, cookies, expiresAt } = await askHook(hook, headers, request);
  return userInfo(sessionVariables(Object.entries(variables)), cookies, expiresAt);
}

function denied(message: string): HasuraError {
  return new HasuraError("access-denied", message, { status: 401, path: "$" });
}

/** Everything that begins with x-hasura-, but for the secret; of a repeated name the first counts. */
function sessionVariables(entries: Headers): Record<string, string> {
  const session: Record<string, string> = {};
  for (const [name, value] of entries) {
    const key = name.toLowerCase();
    if (key.startsWith("x-hasura-") && !SECRET_HEADERS.includes(key)) session[key] ??= value;
  }
  return session;
}

function userInfo(
  session: Record<string, string>,
  cookies: readonly string[],
  expiresAt: number | undefined,
): UserInfo {
  const role = session["x-hasura-role"];
  if (role === undefined)
    throw new HasuraError("invalid-params", '"x-hasura-role" not found in session variables', {
      path: "$",
    });
  return { role, session, cookies, expiresAt };
}
