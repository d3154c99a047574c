/** The inside of a process that does one part of the service's work and nothing else. */

/** @param work does it so many times; absent where the work comes over HTTP */
export function servePart(url: string, work?: (times: number) => Promise<void>): void {
  process.channel?.ref();
  process.on("message", (message) => {
    const { times } = message as { times?: number };
    if (times !== undefined) void work?.(times).then(() => process.send?.({ done: true }));
  });
  process.send?.({ url });
}
