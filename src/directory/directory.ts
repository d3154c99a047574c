/** The directory of users and groups, Microsoft Entra, asked through Microsoft Graph. */
import { z } from "zod";
import { canonicalSubjectName } from "../domain/subject.ts";
import { AppError } from "../errors.ts";
import { fetchJson, type JsonAnswer } from "../fetch-json.ts";
import { openSignIn, type SignInSettings } from "./sign-in.ts";

export interface DirectorySettings extends SignInSettings {
  /** `https://graph.microsoft.com`, or another cloud's. */
  readonly graphUrl: string;
}

export interface DirectoryGroup {
  /** The object id in lower case: what stays when the group is renamed. */
  readonly id: string;
  readonly name: string;
}

/** @throws from every call: AppError DIRECTORY_UNAVAILABLE */
export interface Directory {
  /** Every group of this name, in any case. Names are not unique. */
  groupsNamed(name: string): Promise<DirectoryGroup[]>;
  /**
   * Every group that a user is in, also by way of other groups.
   * @param userId object id
   */
  groupsOf(userId: string): Promise<DirectoryGroup[]>;
}

/** For one page, and for all of them together. */
const PAGE_TIMEOUT_MS = 5_000;
const WHOLE_TIMEOUT_MS = 20_000;
/** A page has at most 999 groups. */
const MAX_PAGES = 50;
const MAX_PAGE_BYTES = 2_000_000;
/** How long nothing is asked after it did not answer, or when it asks for time without saying how much. */
const PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 120_000;

const pageSchema = z.looseObject({
  value: z.array(z.looseObject({ id: z.string(), displayName: z.string().nullish() })),
  "@odata.nextLink": z.string().optional(),
});

/** Loads what is needed to sign in; nothing is asked yet. */
export async function openDirectory(settings: DirectorySettings): Promise<Directory> {
  const signIn = await openSignIn(settings);
  const get = createGet(signIn);
  const groups = async (path: string): Promise<DirectoryGroup[]> => {
    const deadline = performance.now() + WHOLE_TIMEOUT_MS;
    const found: DirectoryGroup[] = [];
    let url: URL | null = new URL(`${settings.graphUrl}/v1.0${path}`);
    for (let pages = 0; url !== null; pages += 1) {
      if (pages >= MAX_PAGES || performance.now() > deadline)
        throw unavailable("did not come to the end of its answer");
      const page = pageSchema.safeParse(await get(url));
      if (!page.success) throw unavailable("answered in a shape we do not know", page.error);
      for (const { id, displayName } of page.data.value)
        found.push({ id: id.toLowerCase(), name: displayName ?? "" });
      url = nextPage(page.data["@odata.nextLink"], settings.graphUrl);
    }
    return found;
  };
  return {
    async groupsNamed(name) {
      const literal = encodeURIComponent(name.replaceAll("'", "''"));
      const filter = `$filter=displayName%20eq%20'${literal}'`;
      const found = await groups(`/groups?${filter}&$select=id,displayName&$top=100`);
      // What the directory takes for equal, such as letters with and without accents, is its own affair.
      return found.filter(
        (group) => canonicalSubjectName(group.name) === canonicalSubjectName(name),
      );
    },
    async groupsOf(userId) {
      const user = encodeURIComponent(userId);
      const path = `/users/${user}/transitiveMemberOf/microsoft.graph.group`;
      return await groups(`${path}?$select=id,displayName&$top=999`);
    },
  };
}

/** GETs with a token, unless the directory has asked for time or was away a moment ago. */
function createGet(signIn: (timeoutMs: number) => Promise<string>) {
  let notBefore = Number.NEGATIVE_INFINITY;
  return async (url: URL): Promise<unknown> => {
    if (performance.now() < notBefore) throw unavailable("is given time to recover");
    const pause = (ms: number): void => {
      notBefore = performance.now() + Math.min(ms, LONGEST_PAUSE_MS);
    };
    let answer: JsonAnswer;
    try {
      const headers = { authorization: `Bearer ${await signIn(PAGE_TIMEOUT_MS)}` };
      answer = await fetchJson(url, {
        headers,
        timeoutMs: PAGE_TIMEOUT_MS,
        maxBytes: MAX_PAGE_BYTES,
      });
    } catch (error) {
      pause(PAUSE_MS);
      throw error instanceof AppError ? error : unavailable("could not be reached", error);
    }
    if (answer.status === 200) return answer.body;
    if (answer.status === 429 || answer.status >= 500)
      pause(retryAfter(answer.headers.get("retry-after")));
    throw unavailable(refusalText(answer.status));
  };
}

function refusalText(status: number): string {
  if (status === 404) return "does not know this user";
  if (status === 401) return "refused our token (401): check AZURE_SCOPES and GRAPH_URL";
  if (status === 403)
    return "refused to tell (403): grant the application the permission GroupMember.Read.All";
  if (status === 429) return "asks us to wait (429)";
  return `answered ${status}`;
}

/** Milliseconds that the header asks for: seconds, or a moment. */
function retryAfter(header: string | null): number {
  if (header === null) return PAUSE_MS;
  const seconds = Number(header);
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(header) - Date.now();
  return ms > 0 ? ms : PAUSE_MS;
}

/** Our token goes to the directory and to nobody whom an answer may name. */
function nextPage(link: string | undefined, graphUrl: string): URL | null {
  if (link === undefined) return null;
  if (URL.canParse(link) && new URL(link).origin === new URL(graphUrl).origin) return new URL(link);
  throw unavailable("named another server for the next page");
}

function unavailable(what: string, cause?: unknown): AppError {
  return new AppError("DIRECTORY_UNAVAILABLE", `The directory ${what}.`, { cause });
}
