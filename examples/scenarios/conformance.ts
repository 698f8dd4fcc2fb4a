import type { Decision, Rung } from "tierwise";
import { catalog } from "./catalog.ts";
import type { Scenario } from "./scenarios.ts";

/** What a decision came to, in the terms of a scenario's recommendation. */
export function outcomeOf({ class: plan, ladder, obligations }: Decision): Omit<Scenario["expected"], "within"> & {
  readonly locations: readonly Rung["location"][];
} {
  const [first, ...rest] = ladder;
  const trained = catalog.endpoints.find(({ name }) => name === first?.endpoint)?.domains ?? [];
  const target = first?.class === "slm" ? rest.find((rung) => rung.class === "llm") : undefined;
  const isLater = obligations.some(({ type }) => type === "escalate-later");
  return {
    plan,
    first: { location: first === undefined ? [] : [first.location], fineTuned: trained.length > 0 },
    escalation: target === undefined ? (isLater ? "later" : "none") : [target.location],
    locations: [...new Set(ladder.map(({ location }) => location))],
  };
}

function p95Of(asked: string): number {
  return catalog.endpoints.find(({ name }) => name === asked)?.p95Ms ?? Infinity;
}

/** What differs from the recommendation, as sentences; empty when nothing does. */
export function deviations({ expected, maxLatencyMs }: Scenario, decision: Decision): string[] {
  const found = outcomeOf(decision);
  const slow = decision.ladder.filter(({ endpoint: asked }) => !(p95Of(asked) <= maxLatencyMs));
  const isOneOf = (places: readonly string[], allowed: readonly string[]): boolean =>
    places.every((place) => allowed.includes(place));
  const escalates =
    typeof expected.escalation === "string" || typeof found.escalation === "string"
      ? expected.escalation === found.escalation
      : isOneOf(found.escalation, expected.escalation);
  return [
    ...(found.plan === expected.plan ? [] : [`plan is ${found.plan}, not ${expected.plan}`]),
    ...(isOneOf(found.locations, expected.within) ? [] : [`uses ${found.locations.join(", ")}`]),
    ...(isOneOf(found.first.location, expected.first.location) ? [] : [`starts at ${found.first.location.join()}`]),
    ...(found.first.fineTuned === expected.first.fineTuned ? [] : ["starts with the wrong kind of small model"]),
    ...(slow.length === 0
      ? []
      : [`takes more than ${maxLatencyMs} ms on ${slow.map(({ endpoint }) => endpoint).join()}`]),
    ...(escalates ? [] : [`escalates to ${String(found.escalation)}, not ${String(expected.escalation)}`]),
  ];
}
