import { show } from "../common/names.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import { formatClearance, makeClearance, publicClearance, type Clearance } from "../tiers/clearance.ts";
import { levelOf, type Compartment } from "../tiers/label.ts";
import { isEndpoint, type Endpoint } from "./endpoint.ts";
import { hostOf, isPrivateHost } from "./host.ts";

/** Kinds of data that never leave the premises, whatever their level. */
const keptInside: readonly Compartment[] = ["phi", "pci", "secret"];

/**
 * The strict preset: caps what endpoints may see by where they stand. In-process, edge and on-prem endpoints keep their
 * declared clearance. A cloud endpoint sees at most `customer` data, without `phi`, `pci` and `secret`, and only if it
 * declares an anonymiser, else `public`. Caps only lower. Source: decision-framework.md 4.2, rule 1, and 4.6 (S4's high is
 * `regulated`, critical `classified`, moderate `internal` and `customer`).
 *
 * @example
 * ```ts
 * createCatalog(locationClearance([phi4, gpt]));
 * ```
 * @throws {DefinitionError} `CATALOG_INVALID`, with every mistake at once: a cloud endpoint without a `dataAgreement`; one
 * that is said to stand inside but has a public host name, or none that can be seen, and no `attestation`
 */
export function locationClearance(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const given: readonly unknown[] | undefined = Array.isArray(endpoints) ? endpoints : undefined;
  const problems = given?.flatMap(mistakesOf) ?? [mistake("endpoints", expected("an array of endpoints", endpoints))];
  if (problems.length > 0) throw new DefinitionError("locationClearance", problems, "CATALOG_INVALID");
  return Object.freeze(endpoints.map(capped));
}

function mistakesOf(found: unknown, index: number): Problem[] {
  if (!isEndpoint(found)) return [mistake(`endpoints[${index}]`, expected("what endpoint(...) returns", found))];
  const message = found.location === "cloud" ? unagreed(found) : unattested(found);
  return message === undefined ? [] : [mistake(found.name, message)];
}

function mistake(path: string, message: string): Problem {
  return { code: "CATALOG_INVALID", path, message };
}

function expected(what: string, found: unknown): string {
  return `expected ${what}, found ${show(found)}`;
}

function unagreed({ name, dataAgreement }: Endpoint): string | undefined {
  if (dataAgreement !== undefined) return undefined;
  return (
    "stands in the cloud, and nothing says on what ground it may receive data at all. " +
    `Write endpoint("${name}", { dataAgreement: { by, reason } }), or leave it out.`
  );
}

function unattested({ name, location, attestation, model }: Endpoint): string | undefined {
  if (attestation !== undefined) return undefined;
  const host = hostOf(model);
  // Also in the host's own process: a hosted model's client may show as little of its address as one that has none.
  if (host.kind === "none" || (host.kind === "known" && isPrivateHost(host.name))) return undefined;
  const found = host.kind === "known" ? `its host name "${host.name}" is public` : "its address cannot be seen";
  return (
    `is declared ${location}, but ${found}. If it stands there all the same: ` +
    `endpoint("${name}", { attestation: { by, reason } }); otherwise declare location: "cloud".`
  );
}

function capped(endpoint: Endpoint): Endpoint {
  if (endpoint.location !== "cloud") return endpoint;
  const clearance = endpoint.anonymiser === undefined ? publicClearance : anonymised(endpoint.clearance);
  if (formatClearance(clearance) === formatClearance(endpoint.clearance)) return endpoint;
  const why = endpoint.anonymiser === undefined ? "a cloud endpoint without an anonymiser" : "a cloud endpoint";
  const clearanceCap = Object.freeze({ from: endpoint.clearance, reason: `${why}, by locationClearance` });
  return Object.freeze({ ...endpoint, clearance, clearanceCap });
}

function anonymised({ level, compartments }: Clearance): Clearance {
  return makeClearance({
    level: levelOf(level) > levelOf("customer") ? "customer" : level,
    compartments: compartments.filter((compartment) => !keptInside.includes(compartment)),
  });
}
