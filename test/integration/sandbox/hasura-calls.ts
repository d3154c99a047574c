/** Calls of a test file's stand-in for Hasura. */
import { expect } from "vitest";
import { ADMIN_SECRET, type SandboxTarget } from "./hasura-target.ts";

const HEADERS = { "Content-Type": "application/json", "X-Hasura-Admin-Secret": ADMIN_SECRET };

export interface Answer {
  readonly status: number;
  readonly text: string;
  readonly headers: Headers;
}

export interface Calls {
  /** With the admin secret; a text goes out as it is. */
  post(path: string, body: unknown, url?: string): Promise<Answer>;
  command(type: string, args: unknown, url?: string): Promise<Answer>;
  /** A command that must succeed. */
  does(type: string, args: unknown, url?: string): Promise<unknown>;
  /** Metadata of a PostgreSQL source on database one. */
  source(name: string, tables?: unknown[]): Record<string, unknown>;
  /** No metadata, and only the table `t (id int)` in database one. */
  reset(): Promise<void>;
}

/** @param target whose URL is meant unless another one is given */
export function callsTo(target: () => SandboxTarget): Calls {
  const post: Calls["post"] = async (path, body, url = target().url) => {
    const text = typeof body === "string" ? body : JSON.stringify(body);
    const response = await fetch(url + path, { method: "POST", headers: HEADERS, body: text });
    return { status: response.status, text: await response.text(), headers: response.headers };
  };
  const command: Calls["command"] = (type, args, url) => post("/v1/metadata", { type, args }, url);
  const does: Calls["does"] = async (type, args, url) => {
    const { status, text } = await command(type, args, url);
    expect({ status, text }).toEqual({ status: 200, text: expect.any(String) });
    return JSON.parse(text);
  };
  return {
    post,
    command,
    does,
    source: (name, tables = []) => ({
      name,
      kind: "postgres",
      tables,
      configuration: { connection_info: { database_url: target().databases.one } },
    }),
    reset: async () => {
      await does("replace_metadata", replaceWith([]));
      await target().sql(
        "one",
        "DROP SCHEMA public CASCADE; CREATE SCHEMA public; CREATE TABLE t (id int)",
      );
    },
  };
}

/** Arguments of replace_metadata. */
export function replaceWith(sources: unknown[], more: Record<string, unknown> = {}): unknown {
  return { metadata: { version: 3, sources, ...more } };
}
