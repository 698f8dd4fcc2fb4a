import type { EndpointClass } from "../catalog/endpoint.ts";
import { picoToUsd, type PicoUsd } from "../catalog/money.ts";
import type { Usage, UsageSource } from "../catalog/usage.ts";
import type { AttemptKind } from "../events/event.ts";

/** One attempt on the books. */
export interface Entry {
  readonly step: string;
  readonly endpoint: string;
  readonly class: EndpointClass;
  readonly usage: Usage;
  readonly usageSource: UsageSource;
  /** `undefined` when the endpoint has no price: an unknown cost is never 0. */
  readonly cost: PicoUsd | undefined;
  /** What the dearest endpoint that the policy could have chosen would have cost for the same tokens, without a warm cache. */
  readonly dearest: PicoUsd;
  readonly accepted: boolean;
  readonly kind: AttemptKind;
}

/** Totals of a run or of one of its steps, in US dollars and tokens. */
export interface LedgerTotals {
  readonly costUsd: number;
  readonly slmUsd: number;
  readonly llmUsd: number;
  /** Counterfactual: every accepted answer from the dearest allowed endpoint, without cascade. */
  readonly baselineUsd: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly attempts: number;
  /** Attempts that a weak answer made necessary. */
  readonly escalations: number;
  /** Endpoints in the order they were asked. */
  readonly endpoints: readonly string[];
  /** False when a price is unknown or a usage was estimated, missing or suspect. */
  readonly complete: boolean;
}

export interface LedgerSnapshot extends LedgerTotals {
  readonly capUsd: number | undefined;
  /** Set aside for calls that are under way. */
  readonly reservedUsd: number;
  /** By how much a provider that ignored its output limit pushed the run above the cap. */
  readonly overshootUsd: number;
  readonly steps: Readonly<Record<string, LedgerTotals>>;
}

/** The books of one run: every attempt, accepted or not, exactly once. */
export class Ledger {
  readonly #total = new Account();
  readonly #steps = new Map<string, Account>();

  record(entry: Entry): void {
    this.#total.add(entry);
    this.#account(entry.step).add(entry);
  }

  /** Exact cost of a step so far; of the run without a name. */
  cost(step?: string): PicoUsd {
    return step === undefined ? this.#total.cost : (this.#steps.get(step)?.cost ?? 0n);
  }

  totals(step: string): LedgerTotals {
    const account = this.#steps.get(step) ?? new Account();
    return account.totals(account.baseline);
  }

  snapshot(budget: { cap: PicoUsd | undefined; reserved: PicoUsd; overshoot: PicoUsd }): LedgerSnapshot {
    // Rejected drafts belong to their own step, so the run's baseline is the sum of its steps'.
    const baseline = [...this.#steps.values()].reduce((sum, account) => sum + account.baseline, 0n);
    return Object.freeze({
      ...this.#total.totals(baseline),
      capUsd: budget.cap === undefined ? undefined : picoToUsd(budget.cap),
      reservedUsd: picoToUsd(budget.reserved),
      overshootUsd: picoToUsd(budget.overshoot),
      steps: Object.fromEntries([...this.#steps].map(([name, account]) => [name, account.totals(account.baseline)])),
    });
  }

  #account(step: string): Account {
    const account = this.#steps.get(step) ?? new Account();
    this.#steps.set(step, account);
    return account;
  }
}

class Account {
  cost: PicoUsd = 0n;
  #byClass: Record<EndpointClass, PicoUsd> = { slm: 0n, llm: 0n };
  #accepted: PicoUsd = 0n;
  #dearestDraft: PicoUsd = 0n;
  #inputTokens = 0;
  #outputTokens = 0;
  #escalations = 0;
  readonly #endpoints: string[] = [];
  #complete = true;

  add({ usage, usageSource, cost, dearest, accepted, kind, endpoint, class: endpointClass }: Entry): void {
    this.cost += cost ?? 0n;
    this.#byClass[endpointClass] += cost ?? 0n;
    if (accepted) this.#accepted += dearest;
    else if (dearest > this.#dearestDraft) this.#dearestDraft = dearest;
    this.#inputTokens += usage.inputTokens;
    this.#outputTokens += usage.outputTokens;
    this.#endpoints.push(endpoint);
    if (kind === "escalation") this.#escalations += 1;
    // An embedded model's token counts are estimates, but it costs exactly nothing.
    if (cost === undefined || (usageSource !== "provider" && cost > 0n)) this.#complete = false;
  }

  /** A step none of whose answers was accepted would have cost the dearest endpoint one answer too. */
  get baseline(): PicoUsd {
    return this.#accepted > 0n ? this.#accepted : this.#dearestDraft;
  }

  totals(baseline: PicoUsd): LedgerTotals {
    return Object.freeze({
      costUsd: picoToUsd(this.cost),
      slmUsd: picoToUsd(this.#byClass.slm),
      llmUsd: picoToUsd(this.#byClass.llm),
      baselineUsd: picoToUsd(baseline),
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
      attempts: this.#endpoints.length,
      escalations: this.#escalations,
      endpoints: Object.freeze([...this.#endpoints]),
      complete: this.#complete,
    });
  }
}
