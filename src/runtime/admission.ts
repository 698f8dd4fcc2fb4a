import type { GraphDefinition } from "../graph/definition.ts";
import type { Policy } from "../policy/policy.ts";
import type { Dimension } from "./budget/amounts.ts";
import { accountsOf, type BudgetsOptions } from "./budget/budgets-options.ts";
import type { SharedSetting } from "./budget/shared-accounts.ts";
import { stepKey } from "./gates/endpoint-monitor.ts";
import { makePlan, type Plan } from "./planning/plan.ts";
import type { Sample } from "./planning/sample-workload.ts";
import type { CheckedRunOptions } from "./runtime-options.ts";
import { currentCandidates, type Services } from "./session.ts";
import type { Circumstances } from "./step-facts.ts";

/** Options of a run, and the policy and accounts that were chosen for it. */
export interface Governed extends CheckedRunOptions {
  readonly policy: Policy;
  readonly shared: SharedSetting | undefined;
}

/** Combinations of budget and tags that are remembered per policy and graph. */
const maxAdmitted = 64;

/** Whether a graph may run under a policy, its caps and its tags. */
export class Admission {
  readonly #services: Services;
  readonly #budgets: Required<BudgetsOptions> | undefined;
  readonly #admitted = new WeakMap<Policy, WeakMap<GraphDefinition, Set<string>>>();

  constructor(services: Services, budgets: Required<BudgetsOptions> | undefined) {
    this.#services = services;
    this.#budgets = budgets;
  }

  /** The budgets that a run shares with others; most share none. */
  sharedBy({ name }: GraphDefinition, { tags }: CheckedRunOptions): SharedSetting | undefined {
    if (this.#budgets === undefined) return undefined;
    const { port, timeoutMs } = this.#budgets;
    const accounts = accountsOf(this.#budgets, { graph: name, tags });
    return accounts.length === 0 ? undefined : { accounts, port, timeoutMs };
  }

  plan(definition: GraphDefinition, options: Governed, sample?: Sample): Plan {
    const { tags, policy } = options;
    const { human, clock, monitor } = this.#services;
    const circumstances: Circumstances = {
      moneyCapped: isCapped(options, "costUsd"),
      tokensCapped: isCapped(options, "tokens"),
      human: human?.clearance,
      tags,
      atMs: clock.epochMs(),
      observed: (step) => monitor?.observed(stepKey(definition, step)),
    };
    return makePlan(definition, { policy, candidates: currentCandidates(this.#services), circumstances, sample });
  }

  /**
   * Plans once per policy and graph; a plan that holds is not made again. Each call is decided and checked again when it is made.
   * @throws {NoEligibleEndpointError} when a step has nowhere to go
   */
  check(definition: GraphDefinition, options: Governed): void {
    const graphs = this.#admitted.get(options.policy) ?? new WeakMap<GraphDefinition, Set<string>>();
    const admitted = graphs.get(definition) ?? new Set<string>();
    const key = JSON.stringify([isCapped(options, "costUsd"), isCapped(options, "tokens"), options.tags]);
    if (admitted.has(key)) return;
    this.plan(definition, options).check();
    // Tags may hold many values; what does not fit is planned again.
    if (admitted.size < maxAdmitted) this.#admitted.set(options.policy, graphs.set(definition, admitted.add(key)));
  }
}

/** By the run's own budget or one that it shares. */
function isCapped({ budget, shared }: Governed, dimension: Dimension): boolean {
  return (
    budget[dimension] !== undefined || shared?.accounts.some((account) => account[dimension] !== undefined) === true
  );
}
