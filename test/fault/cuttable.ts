/** A way to PostgreSQL that can be cut, as a network or a failing machine cuts it. */
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";

export interface CuttableWay {
  /** The same database, by this way. */
  readonly url: string;
  /** Cuts every connection and refuses new ones for that long, in milliseconds. */
  cut(awayMs: number): void;
  stop(): Promise<void>;
}

export async function openCuttableWay(databaseUrl: string): Promise<CuttableWay> {
  const target = new URL(databaseUrl);
  const open = new Set<Socket>();
  let awayUntil = 0;
  const server = createServer((client) => {
    if (performance.now() < awayUntil) {
      client.resetAndDestroy();
      return;
    }
    const upstream = connect(Number(target.port), target.hostname);
    const end = (): void => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      open.add(socket);
      socket.on("error", end);
      socket.on("close", () => {
        open.delete(socket);
        end();
      });
    }
    client.pipe(upstream).pipe(client);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = new URL(databaseUrl);
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  const cut = (awayMs: number): void => {
    awayUntil = performance.now() + awayMs;
    for (const socket of open) socket.resetAndDestroy();
  };
  return {
    url: url.toString(),
    cut,
    async stop() {
      cut(0);
      server.close();
      await once(server, "close");
    },
  };
}
