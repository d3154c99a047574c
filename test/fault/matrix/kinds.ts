/** What can go wrong with one call to Hasura or to the source. */

export interface Kind {
  readonly name: string;
  /** As the sandbox takes it, without which calls. */
  readonly fault: Readonly<Record<string, unknown>>;
  /** Whether an operation may end FAILED by it: Hasura itself has said no. */
  readonly mayFail?: boolean;
}

/** Reads and writes are given up sooner than this. */
export const LATE_MS = 1_300;
/** Settings under which `LATE_MS` is too late. */
export const IMPATIENT = {
  HASURA_TIMEOUT: "0.5",
  HASURA_WRITE_TIMEOUT: "1",
  COMMIT_MAX_SECONDS: "1",
} as const;
export const SOURCE_TIMEOUT_MS = 600;

const PAGE = "<html><body>Something went wrong</body></html>";
const CONFLICT = {
  path: "$",
  error: "metadata resource version referenced (7) did not match current version",
  code: "conflict",
};
const own = (error: string) => ({ path: "$", error, code: "unexpected" });
const ITS_DATABASE = own("database query error");
const OWN_ERROR = own("something that nobody has seen before");
const after = { when: "after" } as const;
const answer = (status: number, body: unknown) => ({ action: "status", status, body });

export const KINDS: readonly Kind[] = [
  { name: "cut before it is read", fault: { action: "reset" } },
  { name: "cut after it was done", fault: { action: "reset", ...after } },
  { name: "500 and a page instead", fault: answer(500, PAGE) },
  { name: "500 and a page after it was done", fault: { ...answer(500, PAGE), ...after } },
  { name: "503 and nothing", fault: answer(503, "") },
  { name: "409 instead", fault: answer(409, CONFLICT) },
  { name: "409 after it was done", fault: { ...answer(409, CONFLICT), ...after } },
  { name: "200 and a page instead", fault: answer(200, PAGE) },
  { name: "200 and a page after it was done", fault: { ...answer(200, PAGE), ...after } },
  { name: "done too late", fault: { action: "delay", ms: LATE_MS } },
  { name: "answered too late", fault: { action: "delay", ms: LATE_MS, ...after } },
  { name: "Hasura's database in trouble", fault: answer(500, ITS_DATABASE) },
  {
    name: "Hasura's database in trouble after it was done",
    fault: { ...answer(500, ITS_DATABASE), ...after },
  },
  { name: "Hasura's own 500", fault: answer(500, OWN_ERROR), mayFail: true },
  {
    name: "Hasura's own 500 after it was done",
    fault: { ...answer(500, OWN_ERROR), ...after },
    mayFail: true,
  },
  { name: "cut after it was done, twice", fault: { action: "reset", times: 2, ...after } },
  { name: "503 and nothing, four times", fault: { ...answer(503, ""), times: 4 } },
];
