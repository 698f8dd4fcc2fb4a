import type { EndpointClass, Location } from "../catalog/endpoint.ts";
import { isName, nameRule, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { gates } from "./gates.ts";
import type { Bounds, Rule } from "./rule.ts";

const every: { readonly classes: readonly EndpointClass[]; readonly locations: readonly Location[] } = {
  classes: ["slm", "llm"],
  locations: ["in-process", "edge", "on-prem", "cloud"],
};

/** The rules of a policy, frozen; what is wrong with each of them, or with all of them together, is reported. */
export function checkRules(reader: OptionReader, report: Report): readonly Rule[] {
  const listed = reader.get("rules");
  if (!Array.isArray(listed)) {
    reader.mistake("rules", `expected an array of rules, found ${show(listed)}`);
    return [];
  }
  const names = new Set(gates.map((gate) => gate.name));
  for (const [index, item] of listed.entries())
    checkRule(new OptionReader(item, `policy.rules[${index}]`, report), { taken: names, report });
  const rules = Object.freeze(
    listed.filter((rule) => typeof rule === "object" && rule !== null).map((rule: Rule) => Object.freeze({ ...rule })),
  );
  checkTogether(rules, reader);
  return rules;
}

/** A rule's name appears beside every refusal, so it must be its own, and not that of a gate. */
function checkRule(rule: OptionReader, { taken, report }: { taken: Set<string>; report: Report }): void {
  rule.only(["name", "version", "only", "apply"]);
  const name = rule.get("name");
  if (!isName(name)) rule.mistake("name", `expected ${nameRule}, found ${show(name)}`);
  else if (taken.has(name)) rule.mistake("name", `"${name}" is taken by a gate or another rule; names must differ`);
  else taken.add(name);
  rule.text("version");
  rule.fn("apply");
  if (rule.get("only") === undefined) return;
  const only = new OptionReader(rule.get("only"), `${rule.path}.only`, report);
  only.only(["classes", "locations"]);
  for (const axis of ["classes", "locations"] as const) {
    const found = only.optionalTexts(axis);
    const wrong = found?.find((item) => !isKnown(axis, item));
    if (wrong !== undefined) only.mistake(axis, `expected some of ${every[axis].join(", ")}, found ${show(wrong)}`);
    if (found?.length === 0) only.mistake(axis, `expected some of ${every[axis].join(", ")}, found none; leave it out`);
  }
}

/**
 * Rules that each leave something and together leave nothing would refuse every step of every graph. Where a bound is wrong
 * by itself, that is told and nothing more.
 */
function checkTogether(rules: readonly Rule[], reader: OptionReader): void {
  for (const axis of ["classes", "locations"] as const) {
    const bounded = rules.filter(({ only }) => only?.[axis] !== undefined);
    if (!bounded.every(({ only }) => isBound(axis, only?.[axis]))) continue;
    const left = every[axis].filter((item) => bounded.every(({ only }) => includes(only?.[axis], item)));
    if (left.length > 0) continue;
    const each = bounded.map(({ name, only }) => `"${name}" leaves only ${only?.[axis]?.join(", ")}`);
    reader.mistake(
      "rules",
      `contradict each other: ${each.join(", ")}; together no endpoint is left. Drop one of them.`,
    );
  }
}

function isBound(axis: keyof typeof every, found: unknown): boolean {
  return Array.isArray(found) && found.length > 0 && found.every((item) => isKnown(axis, item));
}

function isKnown(axis: keyof typeof every, item: unknown): boolean {
  return every[axis].some((known) => known === item);
}

function includes(items: Bounds["classes"] | Bounds["locations"], item: string): boolean {
  return items?.some((own) => own === item) === true;
}
