import type { Engine, EngineEvent, EngineHost, EngineRun, Payload, Waits, Work } from "../../src/runtime/engine.ts";

/** Draws one of `count` possibilities, as its position. */
export type Draw = (count: number) => number;

/** The numbers in turn, again and again: a source of choices that fast-check can shrink. */
export function drawFrom(numbers: readonly number[]): Draw {
  let drawn = 0;
  return (count) => {
    const number = numbers[drawn % numbers.length] ?? 0;
    drawn += 1;
    return number % count;
  };
}

export interface DrawnEngineOptions {
  readonly draw: Draw;
  /** Called whenever the run waits: all that it wanted to start is due by now. */
  readonly onAdvance?: () => void;
  /** Called before each move, with the number of moves so far. */
  readonly onMove?: (moves: number) => void;
}

/**
 * An engine that starts works, lets go on those that wait at a gate, and commits their results in an order that the test
 * draws, one move at a time, several results in a batch or one. It waits for nothing but promises that can settle, so a run
 * that waits for something which nobody will bring is found out: `advance` then throws.
 */
export class DrawnEngine implements Engine {
  readonly #options: DrawnEngineOptions;
  readonly #runs = new Map<string, DrawnRun>();
  #host: EngineHost | undefined;

  constructor(options: DrawnEngineOptions) {
    this.#options = options;
  }

  serve(host: EngineHost): Promise<void> {
    this.#host = host;
    return Promise.resolve();
  }

  start(runId: string, input: Payload): Promise<"started" | "exists"> {
    if (this.#runs.has(runId)) return Promise.resolve("exists");
    const host = this.#host!;
    const run = new DrawnRun(runId, host, this.#options);
    this.#runs.set(runId, run);
    run.result = host.drive(run, input);
    return Promise.resolve("started");
  }

  /** For code of the run: resolves when its turn to go on is drawn. */
  gate(runId: string): Promise<void> {
    return this.#runs.get(runId)!.gate();
  }

  /** The deadline passes, if the run still waits for it. */
  expire(runId: string): void {
    this.#runs.get(runId)?.expire();
  }

  signal(): Promise<"accepted" | "already"> {
    return Promise.resolve("already");
  }

  cancel(runId: string, reason: Payload): Promise<void> {
    this.#runs.get(runId)?.cancel(reason);
    return Promise.resolve();
  }

  result(runId: string): Promise<Payload> {
    return this.#runs.get(runId)!.result;
  }

  async drain(): Promise<void> {
    await Promise.allSettled([...this.#runs.values()].map(({ result }) => result));
  }
}

type Outcome = Pick<EngineEvent, "type" | "key" | "value">;

class DrawnRun implements EngineRun {
  readonly id: string;
  result: Promise<Payload> = Promise.resolve();
  readonly #host: EngineHost;
  readonly #options: DrawnEngineOptions;
  readonly #due: Work[] = [];
  readonly #gates: (() => void)[] = [];
  readonly #back: Outcome[] = [];
  #committed: EngineEvent[] = [];
  #waits: Waits = { signals: [], timers: {} };
  #moves = 0;

  constructor(id: string, host: EngineHost, options: DrawnEngineOptions) {
    this.id = id;
    this.#host = host;
    this.#options = options;
  }

  async advance(due: readonly Work[], waits: Waits): Promise<readonly EngineEvent[]> {
    this.#due.push(...due);
    this.#waits = waits;
    this.#options.onAdvance?.();
    while (this.#committed.length === 0 || (this.#back.length > 0 && this.#options.draw(3) === 0)) {
      this.#options.onMove?.(this.#moves);
      this.#moves += 1;
      this.#move();
      await turn();
    }
    const events = this.#committed;
    this.#committed = [];
    return events;
  }

  gate(): Promise<void> {
    return new Promise((resolve) => this.#gates.push(resolve));
  }

  cancel(reason: Payload): void {
    this.#back.push({ type: "cancel", key: "", value: reason });
  }

  expire(): void {
    const [key] = Object.keys(this.#waits.timers);
    if (key !== undefined) this.#back.push({ type: "timer", key, value: undefined });
  }

  #move(): void {
    const [due, gates, back] = [this.#due.length, this.#gates.length, this.#back.length];
    if (due + gates + back === 0) throw new Error("the run waits for something that will never come");
    const drawn = this.#options.draw(due + gates + back);
    if (drawn < due) this.#perform(this.#due.splice(drawn, 1)[0]!);
    else if (drawn < due + gates) this.#gates.splice(drawn - due, 1)[0]!();
    else this.#committed.push({ ...this.#back.splice(drawn - due - gates, 1)[0]!, at: 0 });
  }

  #perform(work: Work): void {
    const { key } = work;
    this.#host.perform(work, { runId: this.id, signal: new AbortController().signal }).then(
      (value) => this.#back.push({ type: "done", key, value }),
      (value: unknown) => this.#back.push({ type: "failed", key, value }),
    );
  }
}

/** One turn of the event loop: every promise that can settle has settled. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
