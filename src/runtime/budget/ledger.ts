import type { EndpointClass } from "../../catalog/endpoint.ts";
import { picoToUsd, type PicoUsd } from "../../catalog/money.ts";
import type { Usage, UsageSource } from "../../catalog/usage.ts";
import type { AttemptKind } from "../../events/event.ts";
import type { Amounts, Caps } from "./amounts.ts";

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
  /** The endpoint is declared a stand-in. @default false */
  readonly standIn?: boolean;
}

/** One call of a tool that declares a cost. */
export interface ToolEntry {
  readonly step: string;
  readonly cost: PicoUsd;
}

/** Totals of a run or of one of its steps, in US dollars and tokens. */
export interface LedgerTotals {
  /** Models and tools. */
  readonly costUsd: number;
  readonly slmUsd: number;
  readonly llmUsd: number;
  /** Calls of tools that declare a cost. */
  readonly toolUsd: number;
  /** Counterfactual: every accepted answer from the dearest allowed endpoint, without cascade, and the same calls of tools. */
  readonly baselineUsd: number;
  /** `baselineUsd` less `costUsd`, exactly; below 0 where the small models were asked in vain. */
  readonly savedUsd: number;
  readonly inputTokens: number;
  readonly outputTokens: number;
  readonly attempts: number;
  /** Attempts that a weak answer made necessary. A model that puts its own turn right is not one. */
  readonly escalations: number;
  /** Requests to the endpoint that had just failed. */
  readonly retries: number;
  /** Endpoints in the order they were asked, at most the first 100. */
  readonly endpoints: readonly string[];
  /** False when a price is unknown or a usage was estimated, missing or suspect. */
  readonly complete: boolean;
  /** True when a stand-in (`endpoint({ standIn: true })`) was asked: the money is that of declared prices, spent by nobody. */
  readonly simulated: boolean;
}

export interface LedgerSnapshot extends LedgerTotals {
  readonly capUsd: number | undefined;
  /** Set aside for calls that are under way. */
  readonly reservedUsd: number;
  /** By how much a provider that ignored its output limit pushed the run above the cap. */
  readonly overshootUsd: number;
  /** The same in tokens of models, input and output. */
  readonly capTokens: number | undefined;
  readonly reservedTokens: number;
  readonly overshootTokens: number;
  /** The same in requests to models; no request can count for more than one. */
  readonly capCalls: number | undefined;
  readonly reservedCalls: number;
  readonly steps: Readonly<Record<string, LedgerTotals>>;
}

interface BudgetState {
  readonly caps: Caps;
  readonly reserved: Amounts;
  readonly overshoot: Amounts;
}

/** The books of one run: every attempt, accepted or not, exactly once. */
export class Ledger {
  /** Made for the first entry: a run whose steps call nothing has none. */
  #total: Account | undefined;
  #steps: Map<string, Account> | undefined;
  /** Lists under way, where somebody asked for their totals. */
  #lists: Map<string, Account> | undefined;

  record(entry: Entry): void {
    this.#run().add(entry);
    this.#account(entry.step).add(entry);
  }

  recordTool({ step, cost }: ToolEntry): void {
    this.#run().addTool(cost);
    this.#account(step).addTool(cost);
  }

  /** From here on what the items of a list take is added up for it, too, until `endList`. */
  beginList(name: string): void {
    this.#lists ??= new Map();
    this.#lists.set(name, new Account());
  }

  /** What the items of a list took together. */
  endList(name: string): LedgerTotals {
    const account = this.#lists?.get(name) ?? new Account();
    this.#lists?.delete(name);
    return account.totals(account.baseline);
  }

  /** Endpoints of a step in the order of escalation: a fallback takes the place of who failed, a retry adds nothing. */
  escalationPath(step: string): readonly string[] {
    return this.#steps?.get(step)?.path ?? [];
  }

  /** Books a step that is over under another name: the items of a list together. A name that stays is left alone. */
  close(name: string, under: string): void {
    const account = this.#steps?.get(name);
    if (name === under || account === undefined) return;
    this.#steps?.delete(name);
    this.#addToLists(name, account);
    this.#account(under).absorb(account);
  }

  /** Exact cost of a step so far; of the run without a name. */
  cost(step?: string): PicoUsd {
    return (step === undefined ? this.#total : this.#steps?.get(step))?.cost ?? 0n;
  }

  totals(step: string): LedgerTotals {
    const account = this.#steps?.get(step) ?? new Account();
    return account.totals(account.baseline);
  }

  snapshot({ caps, reserved, overshoot }: BudgetState): LedgerSnapshot {
    // Rejected drafts belong to their own step, so the run's baseline is the sum of its steps'.
    const steps = [...(this.#steps ?? [])];
    const baseline = steps.reduce((sum, [, account]) => sum + account.baseline, 0n);
    return Object.freeze({
      ...(this.#total ?? new Account()).totals(baseline),
      capUsd: caps.picoUsd === undefined ? undefined : picoToUsd(caps.picoUsd),
      reservedUsd: picoToUsd(reserved.picoUsd),
      overshootUsd: picoToUsd(overshoot.picoUsd),
      capTokens: caps.tokens,
      reservedTokens: reserved.tokens,
      overshootTokens: overshoot.tokens,
      capCalls: caps.calls,
      reservedCalls: reserved.calls,
      steps: Object.fromEntries(steps.map(([name, account]) => [name, account.totals(account.baseline)])),
    });
  }

  /** Every list that the step is inside of: its name before each position in its path. */
  #addToLists(name: string, account: Account): void {
    if (this.#lists === undefined || this.#lists.size === 0) return;
    for (let end = name.lastIndexOf("["); end >= 0; end = name.lastIndexOf("[", end - 1))
      this.#lists.get(name.slice(0, end))?.absorb(account);
  }

  #run(): Account {
    this.#total ??= new Account();
    return this.#total;
  }

  #account(step: string): Account {
    this.#steps ??= new Map();
    const account = this.#steps.get(step) ?? new Account();
    this.#steps.set(step, account);
    return account;
  }
}

const maxListedEndpoints = 100;

class Account {
  cost: PicoUsd = 0n;
  #byClass: Record<EndpointClass, PicoUsd> = { slm: 0n, llm: 0n };
  #tools: PicoUsd = 0n;
  #accepted: PicoUsd = 0n;
  #dearestDraft: PicoUsd = 0n;
  #inputTokens = 0;
  #outputTokens = 0;
  #escalations = 0;
  #retries = 0;
  readonly path: string[] = [];
  #lastEndpoint: string | undefined;
  #attempts = 0;
  readonly #endpoints: string[] = [];
  #complete = true;
  #simulated = false;
  /** Baseline of the steps that were booked here when they were over; the cost of their tools is part of it. */
  #closedBaseline: PicoUsd = 0n;
  #closedTools: PicoUsd = 0n;

  absorb(other: Account): void {
    this.#closedBaseline += other.baseline;
    this.cost += other.cost;
    this.#byClass.slm += other.#byClass.slm;
    this.#byClass.llm += other.#byClass.llm;
    // Their part of the baseline is in the closed one.
    this.#closedTools += other.#tools + other.#closedTools;
    this.#inputTokens += other.#inputTokens;
    this.#outputTokens += other.#outputTokens;
    this.#attempts += other.#attempts;
    this.#escalations += other.#escalations;
    this.#retries += other.#retries;
    this.#list(other.#endpoints);
    this.#complete &&= other.#complete;
    this.#simulated ||= other.#simulated;
  }

  /** A list of ten thousand items asks as often; the first hundred tell how it goes. */
  #list(endpoints: readonly string[]): void {
    this.#endpoints.push(...endpoints.slice(0, Math.max(0, maxListedEndpoints - this.#endpoints.length)));
  }

  add({ usage, usageSource, cost, dearest, accepted, kind, endpoint, standIn, class: endpointClass }: Entry): void {
    this.cost += cost ?? 0n;
    this.#byClass[endpointClass] += cost ?? 0n;
    if (accepted) this.#accepted += dearest;
    else if (dearest > this.#dearestDraft) this.#dearestDraft = dearest;
    this.#inputTokens += usage.inputTokens;
    this.#outputTokens += usage.outputTokens;
    this.#attempts += 1;
    this.#list([endpoint]);
    if (kind === "escalation") this.#escalations += 1;
    if (kind === "retry") this.#retries += 1;
    this.#follow(kind, endpoint);
    if (standIn === true) this.#simulated = true;
    // An embedded model's token counts are estimates, but it costs exactly nothing.
    if (cost === undefined || (usageSource !== "provider" && cost > 0n)) this.#complete = false;
  }

  #follow(kind: AttemptKind, endpoint: string): void {
    const { path } = this;
    if (path.length === 0) path.push(endpoint);
    else if (kind === "fallback" && path.at(-1) === this.#lastEndpoint) path[path.length - 1] = endpoint;
    else if (kind === "escalation" && path.length < maxListedEndpoints) {
      // The turns of a tool loop go elsewhere without a weak answer; the escalation starts from where the last one went.
      if (path.at(-1) !== this.#lastEndpoint) path.push(this.#lastEndpoint!);
      path.push(endpoint);
    }
    this.#lastEndpoint = endpoint;
  }

  addTool(cost: PicoUsd): void {
    this.cost += cost;
    this.#tools += cost;
  }

  /** A step none of whose answers was accepted would have cost the dearest endpoint one answer too. */
  get baseline(): PicoUsd {
    return this.#closedBaseline + this.#tools + (this.#accepted > 0n ? this.#accepted : this.#dearestDraft);
  }

  totals(baseline: PicoUsd): LedgerTotals {
    return Object.freeze({
      costUsd: picoToUsd(this.cost),
      slmUsd: picoToUsd(this.#byClass.slm),
      llmUsd: picoToUsd(this.#byClass.llm),
      toolUsd: picoToUsd(this.#tools + this.#closedTools),
      baselineUsd: picoToUsd(baseline),
      savedUsd: picoToUsd(baseline - this.cost),
      inputTokens: this.#inputTokens,
      outputTokens: this.#outputTokens,
      attempts: this.#attempts,
      escalations: this.#escalations,
      retries: this.#retries,
      endpoints: Object.freeze([...this.#endpoints]),
      complete: this.#complete,
      simulated: this.#simulated,
    });
  }
}
