import type { EngineEvent } from "../engine.ts";
import type { MemoWork } from "../step-work.ts";
import type { Progress, Settlement, StepProgram } from "./program.ts";

/**
 * A step whose result is kept by the content that it reads. Looking up and keeping are works like any other, so that what
 * was found is an event, and a replay finds the same.
 */
export class MemoProgram implements StepProgram {
  readonly #step: string;
  readonly #inner: StepProgram;
  #kept: Settlement | undefined;

  constructor(step: string, inner: StepProgram) {
    this.#step = step;
    this.#inner = inner;
  }

  begin(): Progress {
    return [this.#work("get", undefined)];
  }

  next(event: EngineEvent): Progress {
    if (event.key === `${this.#step}#0/memo/get`) {
      const found = event.type === "done" ? (event.value as { readonly value: unknown } | undefined) : undefined;
      return found === undefined
        ? this.#keep(this.#inner.begin())
        : { type: "value", value: found.value, isCached: true };
    }
    if (this.#kept !== undefined) return this.#kept;
    return this.#keep(this.#inner.next(event));
  }

  childEnded(index: number, ending: Settlement): Progress {
    return this.#keep(this.#inner.childEnded?.(index, ending) ?? ending);
  }

  /** Only an answer is kept: no failure, nothing missing, and not that nobody was sure. */
  #keep(progress: Progress): Progress {
    if (!("type" in progress) || progress.type !== "value" || !isAnswer(progress.value)) return progress;
    this.#kept = progress;
    return [this.#work("put", progress.value)];
  }

  #work(operation: "get" | "put", result: unknown): MemoWork {
    return {
      key: `${this.#step}#0/memo/${operation}`,
      kind: "memo",
      input: { step: this.#step, operation, value: result },
    };
  }
}

function isAnswer(result: unknown): boolean {
  if (result === undefined) return false;
  return !(typeof result === "object" && result !== null && "uncertain" in result && result.uncertain === true);
}
