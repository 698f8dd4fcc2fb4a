import type { StepDefinition } from "../graph/definition.ts";
import type { RefNode } from "../graph/ref.ts";

/** How a step came out, as far as its readers care. */
export type Settled = "value" | "skipped";

/** What the scheduler wants done: run the step, or take it as skipped because something it requires was. */
export type Action = { readonly type: "start" | "skip"; readonly step: string };

type State = "waiting" | "ready" | Settled;

/**
 * When steps may start: each as soon as all it needs is settled, with no barriers. A transition without I/O, clock or
 * values: `settle` takes an event and returns the actions it makes possible. It owns and updates its state, because
 * copying it on every event would make long chains quadratic.
 */
export class Scheduler {
  readonly #steps: ReadonlyMap<string, StepDefinition>;
  readonly #states = new Map<string, State>();
  /** Per step, how many distinct steps it still waits for. */
  readonly #pending = new Map<string, number>();
  readonly #readers = new Map<string, string[]>();
  #unsettled: number;

  constructor(steps: readonly StepDefinition[]) {
    this.#steps = new Map(steps.map((step) => [step.name, step]));
    this.#unsettled = steps.length;
    for (const step of steps) {
      const sources = sourcesOf(step);
      this.#states.set(step.name, "waiting");
      this.#pending.set(step.name, sources.size);
      for (const source of sources) this.#readersOf(source).push(step.name);
    }
  }

  /** True when every step has its value or was skipped. */
  get isComplete(): boolean {
    return this.#unsettled === 0;
  }

  begin(): Action[] {
    return [...this.#steps.values()]
      .filter((step) => this.#pending.get(step.name) === 0 || this.#isChosen(step))
      .map((step) => this.#release(step));
  }

  settle(name: string, outcome: Settled): Action[] {
    this.#states.set(name, outcome);
    this.#unsettled -= 1;
    const actions: Action[] = [];
    for (const reader of this.#readersOf(name)) {
      const pending = (this.#pending.get(reader) ?? 0) - 1;
      this.#pending.set(reader, pending);
      const step = this.#steps.get(reader);
      if (step === undefined || this.#states.get(reader) !== "waiting") continue;
      if (pending === 0 || this.#isChosen(step)) actions.push(this.#release(step));
    }
    return actions;
  }

  /** `firstOf` need not wait for later alternatives once an earlier one has a value. */
  #isChosen(step: StepDefinition): boolean {
    if (step.kind !== "firstOf") return false;
    for (const { source } of Object.values(step.needs)) {
      const state = source.kind === "step" ? this.#states.get(source.step) : "value";
      if (state !== "skipped") return state === "value";
    }
    return true;
  }

  #release(step: StepDefinition): Action {
    this.#states.set(step.name, "ready");
    const skips = Object.values(step.needs).some(
      ({ source, whenSkipped }) =>
        skipsWith(step, whenSkipped) && source.kind === "step" && this.#states.get(source.step) === "skipped",
    );
    return { type: skips ? "skip" : "start", step: step.name };
  }

  #readersOf(name: string): string[] {
    const readers = this.#readers.get(name) ?? [];
    this.#readers.set(name, readers);
    return readers;
  }
}

/** Redacting nothing gives nothing: a redaction is skipped with its source, so that who joins or requires it can tell. */
function skipsWith(step: StepDefinition, whenSkipped: RefNode["whenSkipped"]): boolean {
  return whenSkipped.kind === "skip" || (step.kind === "redact" && whenSkipped.kind === "undefined");
}

function sourcesOf(step: StepDefinition): Set<string> {
  return new Set(Object.values(step.needs).flatMap(({ source }) => (source.kind === "step" ? [source.step] : [])));
}
