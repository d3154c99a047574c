#!/usr/bin/env node
import { runCli } from "./cli.ts";
import { quietVendors } from "./config.ts";

// The one place that hands the environment on; src/config.ts reads it.
// biome-ignore lint/style/noProcessEnv: the program's entry.
const environment = process.env;
quietVendors(environment);
await runCli(process.argv, environment);
