import type { Candidate } from "../catalog/candidate.ts";
import { bucketOf, keyOf, shareAt } from "../common/bucket.ts";
import type { Assignment } from "./decision.ts";
import type { StepFacts } from "./facts.ts";
import { readExperiment, type ExperimentDesign } from "./read-experiment.ts";
import type { Rule, RuleOutcome } from "./rule.ts";
import { costGuardRule } from "./rules/cost-guard.ts";
import { escalationRule } from "./rules/escalation.ts";
import { escalationWindowRule } from "./rules/escalation-window.ts";
import { healthRule } from "./rules/health.ts";
import { promptCacheRule } from "./rules/prompt-cache.ts";
import { removeWhere } from "./rules/removal.ts";

export interface ExperimentOptions<TArm extends string> {
  /** Name of the rule, and first part of the hash: another name draws anew. */
  readonly name: string;
  /** No part of the hash: a new version with other weights moves only those whom the weights move. */
  readonly version: string;
  /** Name of a tag of the run, or `"runId"`. Runs with equal values share an arm. A tag that is empty counts as missing. */
  readonly key: string;
  /**
   * At least two; the last one is the control. Weights are shares of the keys, 0 to 1, and sum to 1. No endpoint is in two
   * arms. List the arm that is to grow first: growing its weight moves nobody out of it.
   */
  readonly arms: Readonly<Record<TArm, { readonly weight: number; readonly endpoints: readonly string[] }>>;
  /**
   * Other weights for single steps; an arm that is not named there has 0. `false` leaves a step out: it uses the control
   * and counts for no arm. @default the weights of `arms`
   */
  readonly steps?: Readonly<Record<string, false | Readonly<Partial<Record<NoInfer<TArm>, number>>>>>;
  /** Second part of the hash: draws anew without another name. @default "" */
  readonly salt?: string;
}

/**
 * A canary or an A/B test as a rule: keeps the endpoints of one arm and removes those of the others. The kept ones take the
 * places that the experiment's endpoints of their class had; every other endpoint keeps its own. The arm depends on the
 * key and the weights alone, not on catalog, step or time, so it is sticky.
 *
 * Where none of the arm's endpoints is left (not cleared, failed, too dear) it removes nothing and flags
 * `experiment:<name>:fallback`: no step fails for an experiment. That holds where `withExperiments` puts it. Without a key the
 * step uses the control, flagged `experiment:<name>:no-key`; a step that is left out is flagged `experiment:<name>:left-out`.
 *
 * @example
 * ```ts
 * const upgrade = experiment({
 *   name: "phi4-upgrade", version: "1", key: "tenant",
 *   arms: { canary: { weight: 0.1, endpoints: ["phi4-v2"] }, control: { weight: 0.9, endpoints: ["phi4"] } },
 * });
 * createPolicy({ name: "acme", version: "8", rules: withExperiments(defaultRules, upgrade) });
 * ```
 * @throws {DefinitionError} with every mistake at once
 */
export function experiment<const TArm extends string>(options: ExperimentOptions<TArm>): Rule {
  const design = readExperiment(options);
  const { name, version, arms } = design;
  const armOf = new Map(arms.flatMap((arm) => arm.endpoints.map((endpoint) => [endpoint, arm.name] as const)));
  const rule: Rule = { name, version, apply: (shown, facts) => outcomeOf(shown, choose(design, facts), armOf) };
  return Object.freeze(rule);
}

/** They judge the ladder as it will be asked: a cold cache, a weak first model, the time that is left after it. */
const judgeTheLadder = new Set(
  [promptCacheRule, costGuardRule, healthRule, escalationRule, escalationWindowRule].map(({ name }) => name),
);

/**
 * Rules with experiments where they belong: after all that remove or prefer single endpoints, before those of the default
 * rules that judge the ladder as a whole; at the end where there is none of these.
 */
export function withExperiments(rules: readonly Rule[], ...experiments: readonly Rule[]): readonly Rule[] {
  const found = rules.findIndex(({ name }) => judgeTheLadder.has(name));
  return Object.freeze(rules.toSpliced(found === -1 ? rules.length : found, 0, ...experiments));
}

/** The arm of a step of a run, and what the decision says about it. */
interface Choice {
  readonly experiment: string;
  readonly arm: string;
  readonly why: string;
  readonly flags: readonly string[];
  readonly assignments: readonly Assignment[];
}

function choose({ name, key, salt, arms, ...design }: ExperimentDesign, facts: StepFacts): Choice {
  const control = (why: string, flag: string): Choice => ({
    ...{ experiment: name, arm: arms.at(-1)!.name, why },
    ...{ flags: [`experiment:${name}:${flag}`], assignments: [] },
  });
  const weights = design.steps.get(facts.step) ?? design.weights;
  if (weights === false) return control("the step is left out", "left-out");
  const value = keyOf(facts, key);
  if (value === undefined) return control(`the run has no ${key}`, "no-key");
  const bucket = bucketOf({ name, salt, key: value });
  const arm = arms[shareAt(weights, bucket)]!.name;
  // Hundredths show on which side of a weight a key fell, and do not tell keys apart: tags are not recorded.
  const assignment = { experiment: name, arm, bucket: Math.floor(bucket * 100) / 100 };
  return { experiment: name, arm, why: `by its ${key}`, flags: [], assignments: [assignment] };
}

/** @param armOf by endpoint */
function outcomeOf(shown: readonly Candidate[], choice: Choice, armOf: ReadonlyMap<string, string>): RuleOutcome {
  const { experiment: name, arm, why, flags, assignments } = choice;
  const isPart = ({ endpoint }: Candidate): boolean => armOf.has(endpoint.name);
  const isKept = ({ endpoint }: Candidate): boolean => armOf.get(endpoint.name) === arm;
  // What an experiment has nothing to do with is not counted for it.
  if (!shown.some(isPart)) return {};
  if (!shown.some(isKept)) return { flags: [...flags, `experiment:${name}:fallback`], assignments };
  const removed = removeWhere(shown, (candidate) =>
    isPart(candidate) && !isKept(candidate) ? `experiment "${name}": arm "${arm}" was chosen (${why})` : undefined,
  );
  return { removed, order: placed(shown, isPart, isKept), flags, assignments };
}

type Test = (candidate: Candidate) => boolean;

/** Inside each class the kept ones take the first places of the experiment; nobody else moves. */
function placed(shown: readonly Candidate[], isPart: Test, isKept: Test): readonly string[] {
  const keptFirst = shown.filter(isPart).sort((a, b) => Number(isKept(b)) - Number(isKept(a)));
  const queues = Map.groupBy(keptFirst, ({ endpoint }) => endpoint.class);
  return shown
    .map((candidate) => (isPart(candidate) ? queues.get(candidate.endpoint.class)!.shift()! : candidate))
    .filter((candidate) => !isPart(candidate) || isKept(candidate))
    .map(({ endpoint }) => endpoint.name);
}
