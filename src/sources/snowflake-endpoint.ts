import { AppError } from "../errors.ts";

export interface SnowflakeEndpoint {
  /** Base URL for the Snowflake driver, without a slash at its end. */
  readonly url: string;
  /** Host and, where it was given, port. */
  readonly authority: string;
  /** Whether it is spoken to without TLS, which only loopback may be. */
  readonly plain: boolean;
}

const LOOPBACK = new Set(["127.0.0.1", "localhost", "[::1]"]);

/**
 * Reads SNOWFLAKE_HOST.
 * @param host `acme.snowflakecomputing.com`, with or without `https://`, or `http://127.0.0.1:PORT`
 * @throws AppError CONFIGURATION for anything else, `http://` beyond loopback included
 */
export function snowflakeEndpoint(host: string): SnowflakeEndpoint {
  const text = host.includes("://") ? host : `https://${host}`;
  const url = URL.canParse(text) ? new URL(text) : null;
  const bare =
    url !== null &&
    url.pathname === "/" &&
    `${url.username}${url.password}${url.search}${url.hash}` === "" &&
    /^[a-z0-9._-]+$|^\[::1\]$/.test(url.hostname);
  if (!bare || !["https:", "http:"].includes(url.protocol))
    throw new AppError(
      "CONFIGURATION",
      "SNOWFLAKE_HOST is not a host name such as acme.snowflakecomputing.com.",
    );
  const plain = url.protocol === "http:";
  if (plain && !LOOPBACK.has(url.hostname))
    throw new AppError(
      "CONFIGURATION",
      "SNOWFLAKE_HOST asks for http:// beyond this machine. Write the host without it: Snowflake is spoken to over TLS.",
    );
  return { url: url.origin, authority: url.host, plain };
}
