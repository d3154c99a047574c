import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmod,
  lstat,
  mkdir,
  mkdtemp,
  readFile,
  readlink,
  rm,
  stat,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { Client } from "pg";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createLogger } from "../../../src/observability/logger.ts";
import { type EmbeddedPostgres, startPostgres } from "../../../src/sandbox/postgres.ts";
import { linkLibraries } from "../../../src/sandbox/postgres-binaries.ts";
import { createDatabase } from "../../support/postgres.ts";

const log = createLogger({ level: "silent" });
const isRoot = process.getuid?.() === 0;
let folder: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "portcullis-postgres-"));
  // PostgreSQL runs as a user of its own when we are root.
  await chmod(folder, 0o755);
});

afterAll(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function ask(url: string, sql: string): Promise<unknown> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    const { rows } = await client.query<unknown[]>({ text: sql, rowMode: "array" });
    return rows[0]?.[0];
  } finally {
    await client.end();
  }
}

async function start(dataDir: string, port?: number): Promise<EmbeddedPostgres> {
  return await startPostgres({ dataDir, log, durable: false, port });
}

async function postmasterPid(dataDir: string): Promise<number> {
  return Number(
    (await readFile(join(dataDir, "cluster", "postmaster.pid"), "utf8")).split("\n")[0],
  );
}

/** Runs PostgreSQL on `dataDir` from a process of its own. @returns how to kill that process with SIGKILL */
async function startInChild(dataDir: string): Promise<() => Promise<void>> {
  const script = `
    import { runnerImport } from "vite";
    const { module: postgres } = await runnerImport(${JSON.stringify(resolve("src/sandbox/postgres.ts"))});
    const { module: logger } = await runnerImport(${JSON.stringify(resolve("src/observability/logger.ts"))});
    await postgres.startPostgres({ dataDir: ${JSON.stringify(dataDir)}, log: logger.createLogger({ level: "silent" }) });
    process.stdout.write("ready");
  `;
  const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`ended with ${code}`))),
  ]);
  return async () => {
    const ended = once(child, "exit");
    child.kill("SIGKILL");
    await ended;
  };
}

describe("the embedded PostgreSQL", () => {
  it("keeps its data, its password and nothing open beyond loopback over a restart", async () => {
    const dataDir = join(folder, "restart");
    const first = await start(dataDir);
    await first.createDatabase('Odd "Name');
    await first.createDatabase('Odd "Name');
    await ask(first.url('Odd "Name'), "CREATE TABLE kept AS SELECT 42 AS answer");
    expect(await ask(first.url("postgres"), "SHOW listen_addresses")).toBe("127.0.0.1");
    expect(await ask(first.url("postgres"), "SHOW unix_socket_directories")).toBe("");
    await first.stop();
    await first.stop();

    const second = await start(dataDir, first.port);
    expect(second.port).toBe(first.port);
    expect(second.url("x")).toBe(first.url("x"));
    expect(await ask(second.url('Odd "Name'), "SELECT answer FROM kept")).toBe(42);
    await second.stop();
    const password = await stat(join(dataDir, "cluster", "portcullis.password"));
    expect(password.mode & 0o777).toBe(0o600);
  });

  it("asks for the password", async () => {
    const dataDir = join(folder, "restart");
    const server = await start(dataDir);
    const url = server.url("postgres").replace(/:[0-9a-f]{48}@/, ":wrong@");
    await expect(ask(url, "SELECT 1")).rejects.toThrow(/password authentication failed/);
    await server.stop();
  });

  it("is taken over, with all that was committed, after its process was killed with SIGKILL", async () => {
    const dataDir = join(folder, "killed");
    const kill = await startInChild(dataDir);
    const pid = await postmasterPid(dataDir);
    await expect(start(dataDir)).rejects.toMatchObject({
      code: "CONFIGURATION",
      message: expect.stringContaining("in use by another process"),
    });
    await kill();

    const server = await start(dataDir);
    expect(await postmasterPid(dataDir)).toBe(pid);
    await ask(server.url("postgres"), "CREATE TABLE kept AS SELECT 42 AS answer");
    await server.stop();
    await expect
      .poll(() => lstat(join(dataDir, "cluster", "postmaster.pid")).catch(() => null))
      .toBe(null);
  });

  it("starts again on the port asked for when another one was left running", async () => {
    const dataDir = join(folder, "killed");
    await (await startInChild(dataDir))();
    const free = await start(join(folder, "restart"));
    await free.stop();
    const server = await start(dataDir, free.port);
    expect(server.port).toBe(free.port);
    expect(await ask(server.url("postgres"), "SELECT answer FROM kept")).toBe(42);
    await server.stop();
  });

  it("starts again after PostgreSQL itself was killed, whoever has its process number now", async () => {
    const dataDir = join(folder, "killed");
    const kill = await startInChild(dataDir);
    process.kill(await postmasterPid(dataDir), "SIGKILL");
    await kill();
    const server = await start(dataDir);
    expect(await ask(server.url("postgres"), "SELECT answer FROM kept")).toBe(42);
    await server.stop();

    const path = join(dataDir, "cluster", "postmaster.pid");
    await writeFile(path, `${process.pid}\n${join(dataDir, "cluster")}\n0\n1\n\n127.0.0.1\n`);
    const again = await start(dataDir);
    expect(await ask(again.url("postgres"), "SELECT answer FROM kept")).toBe(42);
    await again.stop();
  });

  it("is made once when two start on the same new folder, and serves one of them", async () => {
    const dataDir = join(folder, "twice");
    const [one, other] = await Promise.allSettled([start(dataDir), start(dataDir)]);
    const [won] = [one, other].filter((outcome) => outcome.status === "fulfilled");
    const [lost] = [one, other].filter((outcome) => outcome.status === "rejected");
    expect(lost?.reason).toMatchObject({ code: "CONFIGURATION" });
    expect(await ask(won?.value.url("postgres") ?? "", "SELECT 1")).toBe(1);
    await won?.value.stop();
  });

  it.skipIf(!isRoot)(
    "keeps its data in a temporary folder when its OS user cannot reach the one asked for",
    async () => {
      const closed = join(folder, "closed");
      await mkdir(closed, { mode: 0o700 });
      const warnings: string[] = [];
      const heard = createLogger(
        { level: "warn" },
        { write: (line: string) => warnings.push(line) },
      );
      const open = async (): Promise<EmbeddedPostgres> =>
        await startPostgres({ dataDir: join(closed, "data"), log: heard, durable: false });
      const server = await open();
      await server.createDatabase("kept");
      await server.stop();
      const again = await open();
      expect(await ask(again.url("kept"), "SELECT 1")).toBe(1);
      const instead = await ask(again.url("postgres"), "SHOW data_directory");
      await again.stop();
      expect(warnings.join()).toContain("cannot reach the data folder");
      await rm(join(String(instead), ".."), { recursive: true });
    },
  );

  it("says what is wrong when the folder cannot be made", async () => {
    const file = join(folder, "file");
    await writeFile(file, "");
    await expect(start(join(file, "data"))).rejects.toMatchObject({ code: "CONFIGURATION" });
  });
});

describe("PostgreSQL's library links", () => {
  it("are made where install scripts have not run, by several at once, and left alone where they are", async () => {
    const native = join(folder, "package", "native");
    await mkdir(join(native, "lib"), { recursive: true });
    await writeFile(join(native, "lib", "libx.so.1.2"), "library");
    const links = ["libx.so", "libx.so.1"].map((name) => ({
      source: "native/lib/libx.so.1.2",
      target: `native/lib/${name}`,
    }));
    await writeFile(join(native, "pg-symlinks.json"), JSON.stringify(links));
    await Promise.all(Array.from({ length: 8 }, () => linkLibraries(native)));
    await linkLibraries(native);
    for (const name of ["libx.so", "libx.so.1"]) {
      expect(await readlink(join(native, "lib", name))).toBe("libx.so.1.2");
      expect(await readFile(join(native, "lib", name), "utf8")).toBe("library");
    }
  });
});

describe("the test server's databases", () => {
  it("are copied from a template, each with a name of its own, and dropped with whoever is connected", async () => {
    const template = await createDatabase();
    await ask(template.url, "CREATE TABLE t AS SELECT 7 AS n");
    const copy = await createDatabase(template.name);
    expect(copy.name).not.toBe(template.name);
    expect(await ask(copy.url, "SELECT n FROM t")).toBe(7);
    const connected = new Client({ connectionString: copy.url });
    connected.on("error", () => undefined);
    await connected.connect();
    await copy.drop();
    await template.drop();
    await expect(ask(copy.url, "SELECT 1")).rejects.toThrow(/does not exist/);
    await connected.end().catch(() => undefined);
  });
});
