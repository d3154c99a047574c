/** Finding out, before groups are granted or blocked, which objects of the directory their names mean. */
import { parseSubject } from "../domain/subject.ts";
import { AppError, type Problem } from "../errors.ts";
import { type NewBinding, subjectsInUse } from "../inventory/groups.ts";
import type { OperationsContext } from "./context.ts";
import type { OperationRequest } from "./request.ts";

/**
 * Canonical subjects, and the list as it was sent, to point at what is wrong in it; or the one subject that is granted
 * or blocked by itself.
 */
type Named = Partial<Pick<OperationRequest, "subjects" | "refs" | "subject">>;

const GROUP = "group:";

/** Whether the subject has to be bound to an object of the directory to mean anybody. */
export function needsBinding({ directory }: OperationsContext, subject: string): boolean {
  return directory !== null && subject.startsWith(GROUP);
}

/** Asked at once: the directory counts requests. */
const ASKED_AT_ONCE = 4;

/**
 * Looks up the groups that are not bound yet, or whose binding is of no use to anybody any more.
 * @param path where the list stands in what was sent
 * @returns what to bind; nothing where names stand for themselves
 * @throws AppError INVALID_REFS naming every group that means none or several, DIRECTORY_UNAVAILABLE
 */
export async function lookUpGroups(
  ctx: OperationsContext,
  request: Named,
  path = "refs",
): Promise<NewBinding[]> {
  const { directory } = ctx;
  if (directory === null) return [];
  const { subjects = [], subject: single } = request;
  const named = single === undefined ? subjects : [...subjects, single];
  const groups = named.filter((subject) => needsBinding(ctx, subject));
  const inUse = await subjectsInUse(ctx.db, groups);
  const unbound = groups.filter((subject) => !inUse.has(subject));
  const bindings: NewBinding[] = [];
  const problems: Problem[] = [];
  while (unbound.length > 0) {
    const asked = unbound.splice(0, ASKED_AT_ONCE);
    const answers = await Promise.all(
      asked.map(async (subject) => {
        const found = await directory.groupsNamed(subject.slice(GROUP.length));
        return { subject, found };
      }),
    );
    for (const { subject, found } of answers) {
      const [group, another] = found;
      if (group !== undefined && another === undefined)
        bindings.push({ subject, objectId: group.id, name: group.name });
      else problems.push(groupProblem(subject, found.length, request, path));
    }
  }
  if (problems.length === 0) return bindings;
  // In the order of the list, which is not that of the subjects.
  problems.sort((a, b) => a.path.localeCompare(b.path, "en", { numeric: true }));
  const what = single === undefined ? "The access list has faults" : "The group cannot be told";
  throw new AppError("INVALID_REFS", `${what}; nothing was changed.`, { problems });
}

function groupProblem(subject: string, count: number, request: Named, list: string): Problem {
  const path = request.subject === subject ? "subject" : pathInList(subject, request, list);
  return count === 0
    ? {
        path,
        message: `\`${subject}\` is no group of the directory`,
        suggestion: "use the group's display name in Microsoft Entra",
      }
    : {
        path,
        message: `\`${subject}\` is the name of ${count} groups of the directory: which one is meant is not certain`,
        suggestion: "rename the others, or grant a group whose name is its own",
      };
}

function pathInList(subject: string, { refs = [] }: Named, list: string): string {
  const index = refs.findIndex((ref) => {
    const parsed = parseSubject(ref);
    return parsed.ok && parsed.subject === subject;
  });
  return index < 0 ? list : `${list}.${index}`;
}
