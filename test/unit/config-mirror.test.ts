import { hostname, networkInterfaces } from "node:os";
import { describe, expect, it } from "vitest";
import { type Environment, readConfig } from "../../src/config.ts";
import { AppError } from "../../src/errors.ts";
import { PRODUCTION } from "../support/settings.ts";

const PORTS = { PORT: "8091", WEBHOOK_PORT: "8092", ADMIN_PORT: "8093" };
const EVERYWHERE = { HOST: "0.0.0.0", WITBOOST_TOKEN: "a-token-of-witboost" };

const read = (more: Environment) => readConfig({ ...PRODUCTION, ...more });

/** What is said of the address; undefined when nothing is. */
function fault(ROLE_MAPPER_URL: string | undefined, more: Environment = {}): string | undefined {
  try {
    read({ ...PORTS, ROLE_MAPPER_MIRROR: "true", ROLE_MAPPER_URL, ...more });
    return undefined;
  } catch (error) {
    if (!(error instanceof AppError)) throw error;
    expect(error.problems.map(({ path }) => path)).toEqual(["ROLE_MAPPER_URL"]);
    return error.problems[0]?.message;
  }
}

describe("the mirror", () => {
  it("is off unless it is asked for: the address alone changes nothing", () => {
    const ROLE_MAPPER_URL = "http://role-mapper:8080/";
    expect(read({}).mirror).toBeNull();
    expect(read({ ROLE_MAPPER_URL }).mirror).toBeNull();
    expect(read({ ROLE_MAPPER_URL, ROLE_MAPPER_MIRROR: "false" }).mirror).toBeNull();
    const own = { ...PORTS, ROLE_MAPPER_URL: "http://127.0.0.1:8092" };
    expect(read(own)).toEqual({ ...read(PORTS) });
    expect(read({ ROLE_MAPPER_URL, ROLE_MAPPER_MIRROR: "true" }).mirror).toEqual({
      url: "http://role-mapper:8080",
      timeoutMs: 30_000,
    });
    const hasty = { ROLE_MAPPER_URL, ROLE_MAPPER_MIRROR: "true", ROLE_MAPPER_TIMEOUT: "1.5" };
    expect(read(hasty).mirror?.timeoutMs).toBe(1_500);
  });

  it("needs an address, and one without a password", () => {
    expect(fault(undefined)).toBe("is missing beside ROLE_MAPPER_MIRROR=true");
    expect(fault("http://user:password@role-mapper:8080")).toMatch(/holds a name or a password/);
    expect(fault("role-mapper:8080")).toMatch(/expected an http/);
  });

  const OWN = "is an address of this service itself";

  it.each([
    ...["http://127.0.0.1:8092", "http://127.0.0.1:8091/", "https://127.0.0.1:8093/role-mapper"],
    ...["http://localhost:8092", "http://LOCALHOST.:8092", "http://mapper.localhost:8092"],
    ...["http://[::1]:8092", "http://[0:0:0:0:0:0:0:1]:8092", "http://[::ffff:127.0.0.1]:8092"],
    ...["http://127.1:8092", "http://0x7f.0.0.1:8092", "http://2130706433:8092"],
    ...["http://127.0.0.53:8092", "http://0.0.0.0:8092", "http://[::]:8092"],
  ])("is never this service itself: %s", (url) => {
    expect(fault(url)).toBe(OWN);
    expect(fault(url, EVERYWHERE)).toBe(OWN);
  });

  it("is none of this machine's addresses where the service listens on all of them", () => {
    const addresses = Object.values(networkInterfaces()).flatMap((known = []) => known);
    for (const { address, family } of addresses) {
      const url = `http://${family === "IPv6" ? `[${address.replace(/%.*/, "")}]` : address}:8092`;
      expect([url, fault(url, EVERYWHERE)]).toEqual([url, OWN]);
    }
    expect(fault(`http://${hostname()}:8092`, EVERYWHERE)).toBe(OWN);
    expect(fault(`http://${hostname()}:8092`)).toBeUndefined();
  });

  it("may be another service on this machine, or on another at the same port", () => {
    expect(fault("http://127.0.0.1:8094")).toBeUndefined();
    expect(fault("http://role-mapper:8092")).toBeUndefined();
    expect(fault("http://203.0.113.7:8092", EVERYWHERE)).toBeUndefined();
    expect(fault("http://localhost.example.com:8092")).toBeUndefined();
    const elsewhere = { ...EVERYWHERE, HOST: "203.0.113.7" };
    expect(fault("http://203.0.113.7:8092", elsewhere)).toBe(OWN);
    expect(fault("http://203.0.113.8:8092", elsewhere)).toBeUndefined();
    // The admins' face stays on this machine there.
    expect(fault("http://127.0.0.1:8093", elsewhere)).toBe(OWN);
    expect(fault("http://127.0.0.1:8092", elsewhere)).toBeUndefined();
  });

  it("is compared by the port that a URL means when it names none", () => {
    expect(fault("http://127.0.0.1", { ...PORTS, WEBHOOK_PORT: "80" })).toBe(OWN);
    expect(fault("https://127.0.0.1", { ...PORTS, WEBHOOK_PORT: "443" })).toBe(OWN);
    expect(fault("https://127.0.0.1", { ...PORTS, WEBHOOK_PORT: "80" })).toBeUndefined();
    // A port that is picked at the start is nobody's yet.
    expect(
      fault("http://127.0.0.1:9999", { PORT: "0", WEBHOOK_PORT: "0", ADMIN_PORT: "0" }),
    ).toBeUndefined();
  });
});
