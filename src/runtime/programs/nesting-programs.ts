import { StepFailedError, type TierwiseError } from "../../errors.ts";
import type { LoopStep, MapStep, NeedValues, SubgraphStep } from "../../graph/definition.ts";
import { isRecoverable } from "../recovery.ts";
import { failed, nest, value, type Child, type Progress, type Settlement, type StepProgram } from "./program.ts";
import { stepError } from "./step-error.ts";

/** Another graph as one step. */
export class SubgraphProgram implements StepProgram {
  readonly #step: SubgraphStep;
  readonly #values: NeedValues;

  constructor(step: SubgraphStep, values: NeedValues) {
    this.#step = step;
    this.#values = values;
  }

  begin(): Progress {
    const input = this.#step.byField ? { ...this.#values } : this.#values["input"];
    return nest([{ index: undefined, graph: this.#step.graph, input }]);
  }

  next(): Progress {
    return [];
  }

  childEnded(_index: number, ending: Settlement): Progress {
    return ending;
  }
}

/** A graph for every item of a list, some at once; values come in the order of the items. */
export class MapProgram implements StepProgram {
  readonly #step: MapStep;
  readonly #items: unknown;
  readonly #results: unknown[] = [];
  #started = 0;
  #ended = 0;

  constructor(step: MapStep, values: NeedValues) {
    this.#step = step;
    this.#items = values["input"];
  }

  begin(): Progress {
    const { name, maxItems, concurrency } = this.#step;
    if (!Array.isArray(this.#items))
      return failed(this.#failure(`step "${name}": expected a list, found something else`));
    if (this.#items.length > maxItems)
      return failed(
        this.#failure(`step "${name}": the list has ${this.#items.length} items, more than ${maxItems} (maxItems)`),
      );
    if (this.#items.length === 0) return value([]);
    return nest(this.#take(concurrency));
  }

  next(): Progress {
    return [];
  }

  childEnded(index: number, ending: Settlement): Progress {
    const collects = this.#step.onItemError === "collect";
    if (ending.type === "failed" && !(collects && isRecoverable(ending.error))) return ending;
    this.#results[index] = collects ? itemResult(ending) : (ending as { value: unknown }).value;
    this.#ended += 1;
    return this.#ended === (this.#items as readonly unknown[]).length ? value(this.#results) : nest(this.#take(1));
  }

  #take(count: number): readonly Child[] {
    const items = (this.#items as readonly unknown[]).slice(this.#started, this.#started + count);
    const first = this.#started;
    this.#started += items.length;
    return items.map((input, offset) => ({ index: first + offset, graph: this.#step.graph, input }));
  }

  #failure(message: string): TierwiseError {
    return new StepFailedError("STEP_FAILED", message, { details: { step: this.#step.name } });
  }
}

/** Messages of our errors hold no data, so they may stand in a value. */
function itemResult(ending: Settlement): unknown {
  if (ending.type === "value") return { ok: true, value: ending.value };
  return { ok: false, error: { code: ending.error.code, message: ending.error.message } };
}

/** A graph from state to state until the author says so. */
export class LoopProgram implements StepProgram {
  readonly #step: LoopStep;
  #state: unknown;
  #iteration = 0;

  constructor(step: LoopStep, values: NeedValues) {
    this.#step = step;
    this.#state = values["input"];
  }

  begin(): Progress {
    return this.#nextIteration();
  }

  next(): Progress {
    return [];
  }

  childEnded(_index: number, ending: Settlement): Progress {
    if (ending.type === "failed") return ending;
    this.#state = ending.value;
    this.#iteration += 1;
    return this.#nextIteration();
  }

  #nextIteration(): Progress {
    const { name, maxIterations, onLimit, graph } = this.#step;
    let isOver: boolean;
    try {
      isOver = this.#step.until(this.#state, this.#iteration);
    } catch (error) {
      return failed(stepError(name, error, "until"));
    }
    if (isOver) return value(this.#state);
    if (this.#iteration < maxIterations) return nest([{ index: this.#iteration, graph, input: this.#state }]);
    if (onLimit === "accept") return value(this.#state);
    const message = `step "${name}": not over after ${maxIterations} iterations (maxIterations); raise it, or take what is there with onLimit: "accept"`;
    return failed(new StepFailedError("STEP_FAILED", message, { details: { step: name } }));
  }
}
