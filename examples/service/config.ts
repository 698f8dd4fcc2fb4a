/** What the environment says, checked before anything is started. Models are read by `models.ts`. */
import { isIP } from "node:net";

export interface Config {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  /** What each tenant may spend a day, in US dollars. Who is not here is refused. */
  readonly tenants: ReadonlyMap<string, number>;
  /** What one request may cost, in US dollars, and how long it may take. */
  readonly requestUsd: number;
  readonly requestMs: number;
  /** How long runs may go on after SIGTERM. */
  readonly drainMs: number;
  /** How long it listens at least after SIGTERM, to answer 503 to who was on the way. */
  readonly lingerMs: number;
  readonly logLevel: string;
  /** Secret of the idempotency keys of tools; without it a restart forgets them. */
  readonly macKey: string | undefined;
  /** Shows `/debug/load`; only on a loopback address. */
  readonly debugRoutes: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

const logLevels = ["fatal", "error", "warn", "info", "debug", "trace", "silent"];

/** @throws {Error} with every mistake, a line each; values are not repeated, because some are secrets */
export function readConfig(environment: Environment): Config {
  const problems: string[] = [];
  const number = (name: string, fallback: number, [least, most]: readonly [number, number]): number => {
    const text = environment[name];
    if (text === undefined || text === "") return fallback;
    const value = Number(text);
    if (!(value >= least && value <= most)) problems.push(`${name}: expected a number from ${least} to ${most}`);
    return value;
  };
  const host = environment["HOST"] ?? "127.0.0.1";
  if (isIP(host) === 0) problems.push("HOST: expected an IP address, for example 127.0.0.1");
  const logLevel = environment["LOG_LEVEL"] ?? "info";
  if (!logLevels.includes(logLevel)) problems.push(`LOG_LEVEL: expected one of ${logLevels.join(", ")}`);
  const debugRoutes = environment["DEBUG_ROUTES"] === "1";
  if (debugRoutes && !isLoopback(host)) problems.push("DEBUG_ROUTES: only on a loopback HOST");
  const macKey = environment["MAC_KEY"];
  if (macKey !== undefined && macKey.length < 32) problems.push("MAC_KEY: expected at least 32 random characters");
  const config = {
    ...{ host, logLevel, debugRoutes, macKey },
    port: number("PORT", 3_000, [0, 65_535]),
    tenants: tenantsOf(environment["TENANTS"] ?? "demo=5", problems),
    requestUsd: number("REQUEST_USD", 0.05, [0.000_001, 1_000]),
    requestMs: number("REQUEST_MS", 60_000, [1, 600_000]),
    drainMs: number("DRAIN_MS", 20_000, [0, 600_000]),
    lingerMs: number("LINGER_MS", 1_000, [0, 60_000]),
  };
  if (problems.length > 0) throw new Error(problems.join("\n"));
  return config;
}

export function isLoopback(address: string): boolean {
  return address === "::1" || /^(::ffff:)?127\./.test(address);
}

/** `acme=5,globex=0.5`: names, and US dollars a day. */
function tenantsOf(text: string, problems: string[]): ReadonlyMap<string, number> {
  const tenants = new Map<string, number>();
  for (const entry of text.split(",")) {
    const [, name, usd] = /^\s*([a-z][a-z0-9-]{0,31})=(\d+(?:\.\d+)?)\s*$/.exec(entry) ?? [];
    if (name === undefined || Number(usd) <= 0) {
      problems.push("TENANTS: expected names and US dollars a day, for example acme=5,globex=0.5");
      break;
    }
    tenants.set(name, Number(usd));
  }
  return tenants;
}
