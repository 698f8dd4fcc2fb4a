import { stableHash } from "../common/stable-hash.ts";
import type { RefNode } from "./ref.ts";
import type { StepDefinition } from "./definition.ts";

/**
 * The author's version and a hash of structure: names, kinds, edges, tiers, labels and schemas. Functions are not
 * hashed: their text says little about what they do, and bundlers rewrite it.
 */
export function versionOf(
  version: string,
  structure: { steps: readonly StepDefinition[]; output: Readonly<Record<string, RefNode>>; input: unknown },
): string {
  const { steps, output, input } = structure;
  return `${version}+${stableHash({ input, output, steps: steps.map(outline) }, 8)}`;
}

/** A step as plain data. Functions become their mere presence. */
function outline(step: StepDefinition): unknown {
  const plain = (value: unknown): unknown => {
    if (typeof value === "function") return "function";
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== "object" || value === null) return value;
    // A graph inside says by its own version what it is.
    if ("flows" in value && "version" in value) return value.version;
    return Object.fromEntries(Object.entries(value).map(([key, member]) => [key, plain(member)]));
  };
  return plain(step);
}
