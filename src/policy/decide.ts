/**
 * The policy engine: a pure function from facts to a decision. The gates (privacy first) run before the rules and are no
 * part of a policy, so no rule, and no bug in one, can choose a place that may not see the data, spend what cannot be
 * bounded, or ask for ever. May import `catalog`, `confidence`, `tiers` and `common`; it knows nothing of graphs.
 * @module
 */
import type { Candidate } from "../catalog/candidate.ts";
import type { EndpointClass } from "../catalog/endpoint.ts";
import { frozenCopy } from "../common/freeze.ts";
import { textHash } from "../common/stable-hash.ts";
import type { ConfidenceKind } from "../confidence/confidence.ts";
import { flowsTo } from "../tiers/clearance.ts";
import { formatLabel, type Label } from "../tiers/label.ts";
import { applyRule, byEndpoint, keepLater } from "./apply-rule.ts";
import type { Assignment, Decision, DecisionClass, Obligation, Refusal, RuleObligation, Rung } from "./decision.ts";
import { estimateOf } from "./estimate.ts";
import { sawWeakAnswer, type StepFacts } from "./facts.ts";
import { gates } from "./gates.ts";
import type { Policy } from "./policy.ts";
import { outsideOf } from "./rule-contract.ts";
import { signalOf } from "./signal.ts";

export function decide(policy: Policy, candidates: readonly Candidate[], facts: StepFacts): Decision {
  const refused: Refusal[] = [];
  const flags: string[] = [];
  const asked: RuleObligation[] = [];
  const assignments: Assignment[] = [];
  // Rules see copies, frozen all the way down: what they write reaches nobody, now or in a later decision.
  const shown = frozenCopy(facts);
  const passed = candidates.filter((candidate) => passes(candidate, facts, refused)).map(frozen);
  refused.sort(byEndpoint);
  let remaining: readonly Candidate[] = passed;
  let decidedBy = refused.at(-1)?.rule ?? "none";
  for (const rule of policy.rules) {
    const applied = applyRule(rule, remaining, shown);
    for (const refusal of applied.refused) refused.push(refusal);
    for (const flag of applied.flags) flags.push(flag);
    for (const obligation of applied.obligations) asked.push(obligation);
    for (const assignment of applied.assignments) assignments.push(assignment);
    if (applied.hasSay) decidedBy = rule.name;
    remaining = applied.remaining;
  }
  const acceptAt = facts.acceptAt ?? (facts.kind === "classify" ? policy.routeAt : policy.acceptAt);
  const ladder = remaining.map((candidate) => rungOf(candidate, facts));
  const kept = asked.length === 0 ? asked : asked.flatMap((one) => withinBounds(one, { policy, passed }));
  // What is told rather than acted on is put into words when it is first asked for: most decisions are acted on and forgotten.
  let estimate: Decision["estimate"] | undefined;
  let reason: string | undefined;
  let id: string | undefined;
  const decision: Decision = {
    step: facts.step,
    policy: policy.identity,
    class: classOf(ladder, facts, laterClasses(kept, passed)),
    label: labelOf(facts),
    ...(facts.role === undefined ? undefined : { role: facts.role }),
    ladder: Object.freeze(ladder),
    refused: Object.freeze(refused),
    decidedBy,
    flags: Object.freeze(flags),
    acceptAt,
    escalation: facts.escalation ?? "allowed",
    obligations: Object.freeze(obligationsOf(remaining, { asked: kept, ladder, acceptAt })),
    assignments: Object.freeze(assignments),
    get estimate() {
      return (estimate ??= estimateOf(remaining, shown));
    },
    get reason() {
      return (reason ??= reasonOf(ladder, shown, refused));
    },
    get id() {
      return (id ??= idOf(decision));
    },
  };
  return Object.freeze(decision);
}

/** Hash of everything but itself. Members are in the order of `decide`, so plain JSON is stable. */
function idOf(decision: Decision): string {
  const keys = Object.keys(decision).filter((key) => key !== "id") as (keyof Decision)[];
  return textHash(JSON.stringify(keys.map((key) => [key, decision[key]])));
}

/** Endpoints are frozen by `endpoint`. */
function frozen(candidate: Candidate): Candidate {
  const { capabilities, measured } = candidate;
  if (Object.isFrozen(candidate) && isFrozenAll(capabilities) && Object.isFrozen(measured)) return candidate;
  const own = { ...candidate, capabilities: frozenCopy(capabilities) };
  return Object.freeze(measured === undefined ? own : { ...own, measured: frozenCopy(measured) });
}

/** The common case, without a copy. */
function isFrozenAll(capabilities: Candidate["capabilities"]): boolean {
  const { onlyLabels, languages } = capabilities;
  return Object.isFrozen(capabilities) && Object.isFrozen(onlyLabels) && Object.isFrozen(languages);
}

/** Members in a fixed order, whoever made the label. */
function labelOf({ label: { level, compartments, integrity } }: StepFacts): Label {
  return Object.freeze({ level, compartments: frozenCopy(compartments), integrity });
}

/** What may be chosen at all: every gate has to let it through. */
function passes(candidate: Candidate, facts: StepFacts, refused: Refusal[]): boolean {
  for (const { name, refuse } of gates) {
    const reason = refuse(candidate, facts);
    if (reason === undefined) continue;
    refused.push(Object.freeze({ endpoint: candidate.endpoint.name, rule: name, reason }));
    return false;
  }
  return true;
}

/** A bound holds for whoever is asked later, too, also where the rule that states it comes after the one that asks. */
function withinBounds(
  obligation: RuleObligation,
  { policy, passed }: { readonly policy: Policy; readonly passed: readonly Candidate[] },
): RuleObligation[] {
  if (obligation.type !== "escalate-later") return [obligation];
  const outside = new Set(policy.rules.flatMap((rule) => outsideOf(rule, passed)).map(({ endpoint }) => endpoint));
  return keepLater(obligation, (name) => !outside.has(name));
}

function rungOf(candidate: Candidate, facts: StepFacts): Rung {
  const { name, class: endpointClass, location, standIn } = candidate.endpoint;
  const signal = signalOf(candidate, facts);
  return Object.freeze({ endpoint: name, class: endpointClass, location, ...(standIn && { standIn }), signal });
}

/** What rules asked for, and what follows from the endpoints that were chosen. */
function obligationsOf(
  chosen: readonly Candidate[],
  { asked, ladder, acceptAt }: { asked: readonly RuleObligation[]; ladder: readonly Rung[]; acceptAt: number },
): Obligation[] {
  const obligations: Obligation[] = [];
  for (const { endpoint } of chosen) {
    if (endpoint.anonymiser === undefined) continue;
    obligations.push(Object.freeze({ type: "redact-first", endpoint: endpoint.name, by: endpoint.anonymiser.name }));
  }
  for (const by of judges) {
    const endpoints: string[] = [];
    for (const rung of ladder) if (rung.signal === by) endpoints.push(rung.endpoint);
    if (endpoints.length === 0) continue;
    obligations.push(Object.freeze({ type: "judge", endpoints: Object.freeze(endpoints), by, acceptAt }));
  }
  for (const obligation of asked) obligations.push(obligation);
  return obligations;
}

/** Signals that can turn an answer down. */
const judges = ["probability", "label-margin", "validator"] as const satisfies readonly ConfidenceKind[];

function laterClasses(obligations: readonly RuleObligation[], passed: readonly Candidate[]): readonly EndpointClass[] {
  if (obligations.length === 0) return [];
  const later = obligations.flatMap((one) => (one.type === "escalate-later" ? one.endpoints : []));
  return passed.filter(({ endpoint }) => later.includes(endpoint.name)).map(({ endpoint }) => endpoint.class);
}

/** A ladder of one class that another will be asked to follow later is both. */
function classOf(ladder: readonly Rung[], facts: StepFacts, later: readonly EndpointClass[]): DecisionClass {
  const [first, ...rest] = ladder;
  if (first === undefined) return isForPerson(facts) ? "human" : "refused";
  const isMixed = rest.some((rung) => rung.class !== first.class) || later.some((other) => other !== first.class);
  return isMixed ? "hybrid" : first.class;
}

function isForPerson(facts: StepFacts): boolean {
  if (facts.human === undefined || !flowsTo(facts.label, facts.human)) return false;
  return !(facts.escalation === "never" && sawWeakAnswer(facts));
}

function reasonOf(ladder: readonly Rung[], facts: StepFacts, refused: readonly Refusal[]): string {
  const data = `${facts.role === undefined ? "" : `${facts.role} turn, `}${facts.complexity} on ${formatLabel(facts.label)}`;
  if (ladder.length === 0) return `${data}: nothing eligible, ${refused.length} refused`;
  const shown = ladder.slice(0, maxShownRungs).map((rung) => `${rung.endpoint} (${rung.class}, ${rung.location})`);
  const more = ladder.length - shown.length;
  return `${data}: ${shown.join(", then ")}${more > 0 ? `, then ${more} more` : ""}`;
}

/** A sentence, not a list: the ladder itself has them all. */
const maxShownRungs = 4;
