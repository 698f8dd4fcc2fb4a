import type { StepDefinition } from "../graph/definition.ts";
import type { RefNode, RefSource } from "../graph/ref.ts";

/** How a step came out, as far as its readers care. */
export type Settled = "value" | "skipped";

/** What the scheduler wants done: run the step, or take it as skipped because something it requires was. */
export interface Action {
  readonly type: "start" | "skip";
  readonly step: string;
}

type State = "waiting" | "ready" | Settled;

/**
 * When steps may start: each as soon as all it needs is settled, with no barriers. A transition without I/O, clock or
 * values: `settle` takes an event and returns the actions it makes possible. It owns and updates its state, because
 * copying it on every event would make long chains quadratic.
 */
export class Scheduler {
  readonly #steps: readonly StepDefinition[];
  readonly #wiring: Wiring;
  readonly #hasInput: (source: RefSource) => boolean;
  readonly #states: State[];
  /** Per step, how many distinct steps it still waits for. */
  readonly #pending: number[];
  #unsettled: number;

  /** @param hasInput whether the graph's input, or a field of it, has a value @default always */
  constructor(steps: readonly StepDefinition[], hasInput: (source: RefSource) => boolean = () => true) {
    this.#steps = steps;
    this.#wiring = wiringOf(steps);
    this.#hasInput = hasInput;
    this.#states = Array<State>(steps.length).fill("waiting");
    this.#pending = [...this.#wiring.sourceCounts];
    this.#unsettled = steps.length;
  }

  /** True when every step has its value or was skipped. */
  get isComplete(): boolean {
    return this.#unsettled === 0;
  }

  begin(): Action[] {
    const actions: Action[] = [];
    for (const position of this.#steps.keys()) this.#releaseIfReady(position, actions);
    return actions;
  }

  settle(name: string, outcome: Settled): Action[] {
    const settled = this.#wiring.positions.get(name)!;
    this.#states[settled] = outcome;
    this.#unsettled -= 1;
    const actions: Action[] = [];
    for (const reader of this.#wiring.readers[settled]!) {
      this.#pending[reader]! -= 1;
      this.#releaseIfReady(reader, actions);
    }
    return actions;
  }

  #releaseIfReady(position: number, actions: Action[]): void {
    const step = this.#steps[position]!;
    if (this.#states[position] !== "waiting") return;
    if (this.#pending[position] !== 0 && !this.#isChosen(step)) return;
    this.#states[position] = "ready";
    actions.push({ type: this.#isSkipped(step) ? "skip" : "start", step: step.name });
  }

  /**
   * `firstOf` need not wait for later alternatives once an earlier one has a value; but what it requires decides whether it
   * runs at all, whichever comes first.
   */
  #isChosen({ kind, needs }: StepDefinition): boolean {
    if (kind !== "firstOf") return false;
    const refs = Object.values(needs).map(({ source, whenSkipped }) => ({ state: this.#stateOf(source), whenSkipped }));
    const isOpen = refs.some(({ state, whenSkipped }) => whenSkipped.kind === "skip" && !isSettled(state));
    return !isOpen && refs.find(({ state }) => state !== "skipped")?.state === "value";
  }

  #isSkipped(step: StepDefinition): boolean {
    for (const key of Object.keys(step.needs)) {
      const { source, whenSkipped } = step.needs[key]!;
      if (skipsWith(step, whenSkipped) && this.#stateOf(source) === "skipped") return true;
    }
    return false;
  }

  #stateOf(source: RefSource): State {
    if (source.kind === "step") return this.#states[this.#wiring.positions.get(source.step)!]!;
    return this.#hasInput(source) ? "value" : "skipped";
  }
}

/** Redacting nothing gives nothing: a redaction is skipped with its source, so that who joins or requires it can tell. */
function skipsWith(step: StepDefinition, whenSkipped: RefNode["whenSkipped"]): boolean {
  return whenSkipped.kind === "skip" || (step.kind === "redact" && whenSkipped.kind === "undefined");
}

function isSettled(state: State): state is Settled {
  return state === "value" || state === "skipped";
}

/** Who waits for whom, by position. */
interface Wiring {
  readonly positions: ReadonlyMap<string, number>;
  readonly sourceCounts: readonly number[];
  readonly readers: readonly (readonly number[])[];
}

/** The same for every run of a graph, whose steps are frozen. */
const wirings = new WeakMap<readonly StepDefinition[], Wiring>();

function wiringOf(steps: readonly StepDefinition[]): Wiring {
  const known = wirings.get(steps);
  if (known !== undefined) return known;
  const positions = new Map(steps.map(({ name }, position) => [name, position]));
  const readers = steps.map((): number[] => []);
  const sourceCounts = steps.map((step, position) => {
    const sources = sourcesOf(step);
    for (const source of sources) readers[positions.get(source)!]!.push(position);
    return sources.size;
  });
  const wiring = { positions, sourceCounts, readers };
  wirings.set(steps, wiring);
  return wiring;
}

function sourcesOf(step: StepDefinition): Set<string> {
  return new Set(Object.values(step.needs).flatMap(({ source }) => (source.kind === "step" ? [source.step] : [])));
}
