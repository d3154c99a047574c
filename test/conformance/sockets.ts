/** The websockets of one case: opened, written to and read from as its steps say. */
import { expect } from "vitest";
import { WebSocket } from "ws";
import type { SocketStep, Target } from "./case.ts";

export interface CaseSockets {
  run(step: SocketStep, label: string): Promise<void>;
  close(): void;
}

/** How long a message or the end of a connection is waited for. */
const PATIENCE_MS = 8000;

interface Open {
  readonly socket: WebSocket;
  readonly messages: unknown[];
  end: { readonly code: number; readonly reason: string } | undefined;
}

export function openCaseSockets(target: Target): CaseSockets {
  const sockets = new Map<string, Open>();
  const named = (name: string): Open => {
    const open = sockets.get(name);
    if (!open) throw new Error(`no websocket ${name} was opened`);
    return open;
  };
  return {
    run: async ({ name, action }, label) => {
      switch (action.does) {
        case "open":
          sockets.set(name, await connect(target, action.protocol, action.headers));
          return;
        case "send": {
          named(name).socket.send(withSecret(JSON.stringify(action.message), target));
          return;
        }
        case "receive": {
          const { messages, end } = named(name);
          await expect
            .poll(() => messages.length > 0 || end !== undefined, { timeout: PATIENCE_MS })
            .toBe(true);
          expect(messages.shift() ?? named(name).end, label).toEqual(action.expected);
          return;
        }
        case "end": {
          const { code, reason } = action;
          await expect
            .poll(() => named(name).end !== undefined, { timeout: PATIENCE_MS, message: label })
            .toBe(true);
          expect(named(name).end, label).toEqual({ code, reason });
        }
      }
    },
    close: () => {
      for (const { socket } of sockets.values()) socket.terminate();
    },
  };
}

function withSecret(text: string, { adminSecret }: Target): string {
  return text.replaceAll(JSON.stringify("$ADMIN_SECRET"), JSON.stringify(adminSecret));
}

async function connect(
  target: Target,
  protocol: string,
  given: Readonly<Record<string, string>>,
): Promise<Open> {
  const url = `${target.url.replace(/^http/, "ws")}/v1/graphql`;
  const headers = JSON.parse(withSecret(JSON.stringify(given), target)) as Record<string, string>;
  const socket = new WebSocket(url, protocol, { headers });
  const open: Open = { socket, messages: [], end: undefined };
  socket.on("message", (data) => {
    const message: unknown = JSON.parse(String(data));
    if (!isKeepAlive(message)) open.messages.push(message);
  });
  socket.on("close", (code, reason) => {
    open.end = { code, reason: reason.toString("utf8") };
  });
  await new Promise<void>((done, failed) => {
    socket.once("open", done);
    socket.once("error", failed);
  });
  socket.on("error", () => undefined);
  return open;
}

function isKeepAlive(message: unknown): boolean {
  if (typeof message !== "object" || message === null || !("type" in message)) return false;
  if (message.type === "ka") return true;
  return message.type === "ping";
}
