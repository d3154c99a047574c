/** HTTP load over connections that stay open. */
import { Agent, request } from "node:http";

export interface Connections {
  /** Sends one POST of JSON. @returns status and body */
  post(
    url: string,
    json: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<{ status: number; text: string }>;
  get(url: string): Promise<{ status: number; text: string }>;
  close(): void;
}

/** @param most how many connections there are at most */
export function openConnections(most: number): Connections {
  const agent = new Agent({ keepAlive: true, maxSockets: most });
  const send = (method: string, url: string, body?: string, more: object = {}) =>
    new Promise<{ status: number; text: string }>((resolve, reject) => {
      const headers =
        body === undefined
          ? {}
          : {
              "content-type": "application/json",
              "content-length": Buffer.byteLength(body),
              ...more,
            };
      const sent = request(url, { method, agent, headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on("data", (chunk: Buffer) => chunks.push(chunk));
        response.on("error", reject);
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            text: Buffer.concat(chunks).toString("utf8"),
          }),
        );
      });
      sent.on("error", reject);
      sent.end(body);
    });
  return {
    post: (url, json, headers) => send("POST", url, json, headers),
    get: (url) => send("GET", url),
    close: () => agent.destroy(),
  };
}

/** Does something so many times, so many at once. */
export async function repeat(
  times: number,
  atOnce: number,
  once: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < times) await once(next++);
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, times) }, lane));
}
