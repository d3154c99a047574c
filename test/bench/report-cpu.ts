/** Preloaded into each process that is measured (`node --import`): it tells its CPU time and memory when it is asked. */

process.on("message", (message) => {
  if (message !== "usage") return;
  const { user, system } = process.cpuUsage();
  const { maxRSS } = process.resourceUsage();
  process.send?.({ cpuMs: (user + system) / 1000, peakMb: maxRSS / 1024 });
});
// Whoever measures is gone: nobody else would stop this process.
process.on("disconnect", () => process.kill(process.pid, "SIGTERM"));
// To be asked must not keep a process alive that would end otherwise.
process.channel?.unref();
