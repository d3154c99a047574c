/** The older role mapper, as its public specification has it: three PUTs, each of a whole list. */
import { z } from "zod";
import { fetchJson, type JsonAnswer } from "../fetch-json.ts";

/** What became of a call. */
export type RoleMapperAnswer = { readonly ok: true } | RoleMapperFailure;

export interface RoleMapperFailure {
  readonly ok: false;
  /** `UNAVAILABLE`: whatever is sent, it would be the same; `REFUSED`: it has something against this. */
  readonly reason: "UNAVAILABLE" | "REFUSED";
  /** What it does, to follow its name in a sentence; never what was sent. */
  readonly text: string;
  /** Of its answer; null: there was none. */
  readonly status: number | null;
  /** Whether it may be carried out all the same, also later. */
  readonly lost: boolean;
}

export interface RoleMapper {
  readonly url: string;
  /** How long an answer may take, in milliseconds. */
  readonly timeoutMs: number;
  putRole(
    role: string,
    componentId: string,
    rootFields: readonly string[],
  ): Promise<RoleMapperAnswer>;
  putUsers(role: string, users: readonly string[]): Promise<RoleMapperAnswer>;
  putGroups(role: string, groups: readonly string[]): Promise<RoleMapperAnswer>;
  /** The role that it has for a component; null: none, or it does not say. */
  roleOf(componentId: string): Promise<string | null>;
}

/** Of an answer: it repeats the list that was sent. */
const MAX_ANSWER_BYTES = 16_000_000;
const LONGEST_TEXT = 300;

/** Nothing was sent when a connection fails so. */
const NOT_CONNECTED = new Set([
  ...["ECONNREFUSED", "ENOTFOUND", "EAI_AGAIN", "EHOSTUNREACH", "ENETUNREACH"],
  "UND_ERR_CONNECT_TIMEOUT",
]);

/** What it has to say about what was sent; the others are a proxy's, or of a service that is something else. */
const OWN_STATUSES = new Set([200, 400, 422, 500]);
const UNKNOWN_OUTCOMES = new Set([408, 502, 503, 504]);

const roleSchema = z.looseObject({ role_id: z.string() });

/** @param settings.redact masks secrets in what it answers */
export function createRoleMapper(settings: {
  readonly url: string;
  readonly timeoutMs: number;
  readonly redact: (text: string) => string;
}): RoleMapper {
  const { url, timeoutMs, redact } = settings;
  const bounds = { timeoutMs, maxBytes: MAX_ANSWER_BYTES };
  const put = async (path: string, body: object): Promise<RoleMapperAnswer> => {
    const failure = await fetchJson(new URL(`${url}${path}`), { ...bounds, method: "PUT", body })
      .then((answer) => refusalOf(answer, path, body))
      .catch(connectionFailure);
    return failure === null ? { ok: true } : { ...failure, text: redact(failure.text) };
  };
  return {
    url,
    timeoutMs,
    putRole: (role_id, component_id, names) =>
      put("/v1/roles", { role_id, component_id, graphql_root_field_names: names }),
    putUsers: (role_id, users) => put("/v1/user_roles", { role_id, users }),
    putGroups: (role_id, groups) => put("/v1/group_roles", { role_id, groups }),
    async roleOf(componentId) {
      try {
        const path = `/v1/roles/component_id/${encodeURIComponent(componentId)}`;
        const { status, body } = await fetchJson(new URL(`${url}${path}`), bounds);
        return status === 200 ? roleSchema.parse(body).role_id : null;
      } catch {
        return null;
      }
    },
  };
}

/** What is wrong with an answer to a PUT; null when it is what was put. */
function refusalOf(
  { status, body }: JsonAnswer,
  path: string,
  put: object,
): RoleMapperFailure | null {
  const lost = UNKNOWN_OUTCOMES.has(status);
  const fault = { ok: false, status, lost } as const;
  const unavailable = (text: string) => ({ ...fault, reason: "UNAVAILABLE", text }) as const;
  const refused = (text: string) => ({ ...fault, reason: "REFUSED", text }) as const;
  if (status === 401 || status === 403)
    return unavailable(
      `answers ${status}: it asks for a token, as this service does, and the older role mapper asks for none`,
    );
  if (status === 404) return unavailable(`has no route ${path}`);
  if (!OWN_STATUSES.has(status)) return unavailable(`answers ${status}`);
  if (status !== 200) return refused(`answers ${status}: ${told(body)}`);
  return repeats(body, put) ? null : refused("answers 200 with something else than what was put");
}

/** Whether the answer holds what was put; the order of a list says nothing, nor do members that are not known. */
function repeats(body: unknown, put: object): boolean {
  const answered = z.record(z.string(), z.unknown()).safeParse(body);
  if (!answered.success) return false;
  const plain = (value: unknown) => (Array.isArray(value) ? [...new Set(value)].sort() : value);
  return Object.entries(put).every(
    ([name, value]) => JSON.stringify(plain(answered.data[name])) === JSON.stringify(plain(value)),
  );
}

const toldSchema = z.union([
  z.looseObject({ errors: z.array(z.string()) }).transform(({ errors }) => errors.join("; ")),
  z.looseObject({ error: z.string() }).transform(({ error }) => error),
  z.unknown().transform(() => "without saying why"),
]);

function told(body: unknown): string {
  return toldSchema.parse(body).slice(0, LONGEST_TEXT);
}

function connectionFailure(error: unknown): RoleMapperFailure {
  const { name, cause } = error as { name?: string; cause?: { code?: string } };
  const unavailable = { ok: false, reason: "UNAVAILABLE", status: null } as const;
  if (name === "TimeoutError")
    return { ...unavailable, text: "does not answer in time", lost: true };
  const code = cause?.code ?? "";
  const text = code === "" ? "breaks the connection off" : `cannot be reached (${code})`;
  return { ...unavailable, text, lost: !NOT_CONNECTED.has(code) };
}
