/** Who asks: the admin secret, else the authentication hook. */
import type { IncomingMessage } from "node:http";
import { type AuthHook, askHook } from "./auth-hook.ts";
import { HasuraError } from "./errors.ts";
import type { Json } from "./json.ts";

export interface UserInfo {
  readonly role: string;
  /** Session variables by name in lower case, `x-hasura-role` among them. */
  readonly session: Readonly<Record<string, string>>;
  /** To be handed on to the client. */
  readonly cookies: readonly string[];
}

export interface AuthOptions {
  readonly adminSecret: string;
  readonly hook: AuthHook | undefined;
}

const SECRET_HEADERS = ["x-hasura-admin-secret", "x-hasura-access-key"];

/**
 * @param request the GraphQL request as the hook may see it, `null` when there is none to show
 * @throws HasuraError access-denied, or what the hook's answer amounts to
 */
export async function authenticate(
  message: IncomingMessage,
  request: Json,
  { adminSecret, hook }: AuthOptions,
): Promise<UserInfo> {
  const { headers } = message;
  const secret = SECRET_HEADERS.map((name) => headers[name]).find((value) => value !== undefined);
  if (secret !== undefined) {
    if (secret !== adminSecret)
      throw denied('invalid "x-hasura-admin-secret"/"x-hasura-access-key"');
    const session = sessionVariables(Object.entries(headers));
    return userInfo({ "x-hasura-role": "admin", ...session }, []);
  }
  if (!hook) throw denied('"x-hasura-admin-secret"/"x-hasura-access-key" required, but not found');
  const { variables, cookies } = await askHook(hook, message, request);
  return userInfo(sessionVariables(Object.entries(variables)), cookies);
}

function denied(message: string): HasuraError {
  return new HasuraError("access-denied", message, { status: 401, path: "$" });
}

/** Everything that begins with x-hasura-, but for the secret. */
function sessionVariables(
  entries: readonly (readonly [string, string | readonly string[] | undefined])[],
): Record<string, string> {
  const session: Record<string, string> = {};
  for (const [name, value] of entries) {
    const key = name.toLowerCase();
    if (key.startsWith("x-hasura-") && !SECRET_HEADERS.includes(key) && value !== undefined)
      session[key] = String(value);
  }
  return session;
}

function userInfo(session: Record<string, string>, cookies: readonly string[]): UserInfo {
  const role = session["x-hasura-role"];
  if (role === undefined)
    throw new HasuraError("invalid-params", '"x-hasura-role" not found in session variables', {
      path: "$",
    });
  return { role, session, cookies };
}
