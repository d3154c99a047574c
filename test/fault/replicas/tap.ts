/** A way to Hasura of one process's own, which notes what passes: who sent what, and from when until when. */
import { once } from "node:events";
import { createServer, request } from "node:http";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";

/** A call as its sender saw it: it is over with the answer, or when the sender has gone. Times of one clock, in ms. */
export interface Call {
  readonly who: string;
  readonly type: string;
  readonly began: number;
  ended: number | null;
  /** HTTP status of the answer, whether or not the sender was still there. */
  status: number | null;
}

export interface Tap {
  readonly url: string;
  readonly calls: readonly Call[];
  /** Keeps the next call of that type from Hasura until it is released. @returns resolves when it has come */
  hold(type: string): { readonly come: Promise<void>; release(): void };
  stop(): Promise<void>;
}

export async function openTap(target: string, who: string): Promise<Tap> {
  const calls: Call[] = [];
  const to = new URL(target);
  let gate: { type: string; come: () => void; opened: Promise<void> } | undefined;
  const server = createServer((incoming, response) => {
    const began = performance.now();
    const pass = async (): Promise<void> => {
      const body = await buffer(incoming);
      const call: Call = {
        who,
        type: typeOf(incoming.url, body),
        began,
        ended: null,
        status: null,
      };
      calls.push(call);
      const over = (): void => {
        call.ended ??= performance.now();
      };
      response.once("close", over);
      if (gate?.type === call.type) {
        const { come, opened } = gate;
        gate = undefined;
        come();
        await opened;
      }
      const { method, headers, url: path } = incoming;
      // The sender may be gone before the answer comes; Hasura then goes on all the same.
      const outgoing = request(
        { host: to.hostname, port: to.port, method, path, headers: { ...headers, host: to.host } },
        (answer) => {
          call.status = answer.statusCode ?? null;
          if (response.destroyed) {
            answer.resume();
            return;
          }
          response.writeHead(answer.statusCode ?? 502, answer.headers);
          answer.pipe(response);
        },
      );
      outgoing.once("error", () => response.socket?.resetAndDestroy());
      outgoing.end(body);
    };
    pass().catch(() => response.destroy());
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls,
    hold(type) {
      let release = (): void => undefined;
      const opened = new Promise<void>((resolve) => {
        release = resolve;
      });
      const come = new Promise<void>((resolve) => {
        gate = { type, come: resolve, opened };
      });
      return { come, release: () => release() };
    },
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

function typeOf(path: string | undefined, body: Buffer): string {
  try {
    return String((JSON.parse(body.toString("utf8")) as { type?: unknown }).type);
  } catch {
    return path ?? "";
  }
}

const READS: ReadonlySet<string> = new Set(["export_metadata", "get_inconsistent_metadata"]);

/** The calls that change Hasura, in the order of their beginning. */
export function writesOf(taps: readonly Tap[]): Call[] {
  return taps
    .flatMap(({ calls }) => calls)
    .filter(({ type }) => !type.startsWith("/") && !READS.has(type))
    .sort((a, b) => a.began - b.began);
}

/** Pairs of writes of different senders that were on their way at one time. */
export function overlapping(writes: readonly Call[]): [Call, Call][] {
  return writes.flatMap((one, index) =>
    writes
      .slice(index + 1)
      .filter((other) => other.who !== one.who && other.began < (one.ended ?? Infinity))
      .map((other): [Call, Call] => [one, other]),
  );
}
