/**
 * The models a runtime may call: where they stand, what they may see, can do and cost. Start with `endpoint.ts`. Money is
 * in `money.ts`, and only there. May import `tiers` and `common`.
 * @module
 */
import { show } from "../common/names.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import type { Endpoint } from "./endpoint.ts";

export interface Catalog {
  readonly endpoints: readonly Endpoint[];
}

/**
 * @throws {DefinitionError} when it is empty, holds something else than endpoints, or two of one name
 */
export function createCatalog(endpoints: readonly Endpoint[]): Catalog {
  const problems: Problem[] = [];
  const report = (path: string, message: string): void =>
    void problems.push({ code: "CATALOG_INVALID", path, message });
  const listed: readonly unknown[] = Array.isArray(endpoints) ? endpoints : [];
  if (listed.length === 0) report("endpoints", `expected at least one endpoint(...), found ${show(endpoints)}`);
  const names = new Set<string>();
  for (const [index, item] of listed.entries()) {
    const name = typeof item === "object" && item !== null && "clearance" in item ? (item as Endpoint).name : undefined;
    if (name === undefined) report(`endpoints[${index}]`, `expected what endpoint(...) returns, found ${show(item)}`);
    else if (names.has(name))
      report(`endpoints[${index}]`, `there are two endpoints called "${name}"; names must differ`);
    else names.add(name);
  }
  if (problems.length > 0) throw new DefinitionError("catalog", problems, "CATALOG_INVALID");
  return Object.freeze({ endpoints: Object.freeze([...endpoints]) });
}
