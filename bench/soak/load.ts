import type { Run, RunEvent, Runtime } from "tierwise";
import { bookProblems } from "../faults/desk.ts";
import { longGraph, shortGraph, type Ticket } from "./graphs.ts";

/** Runs at once. */
const workers = 24;
const cancelRatio = 0.35;
/** A budget that does not last. */
const poorRatio = 0.02;
/** Words that come again, so that what is memorised is found again. */
const words = 200;

/** What became of the runs of a load, and what its events told. */
export class Tally {
  started = 0;
  completed = 0;
  cancelled = 0;
  readonly failed = new Map<string, number>();
  runEnds = 0;
  attempts = 0;
  /** Attempts that we gave up, perhaps before their request had arrived. */
  givenUp = 0;
  readonly broken = new Map<string, number>();

  get ended(): number {
    return this.completed + this.cancelled + this.failures;
  }

  get failures(): number {
    return [...this.failed.values()].reduce((sum, count) => sum + count, 0);
  }
}

export function countIn(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Starts runs of drawn graphs as fast as a bounded number of them ends, and cancels some. */
export class Load {
  readonly tally = new Tally();
  /** Lives as long as the process: what listens to it and stays is a leak. */
  readonly longSignal = new AbortController().signal;
  /** The last runs, to see whether somebody still holds them. */
  readonly lastRuns: WeakRef<Run<unknown>>[] = [];
  readonly #runtime: Runtime;
  readonly #random: () => number;
  readonly #graphs = { long: longGraph(), short: shortGraph() };
  #meanMs = 20;

  constructor(runtime: Runtime, random: () => number) {
    this.#runtime = runtime;
    this.#random = random;
  }

  /** Resolves when the time is over and every run has ended. */
  async go(untilMs: number): Promise<void> {
    const work = async (): Promise<void> => {
      while (performance.now() < untilMs) await this.#runOne();
    };
    await Promise.all(Array.from({ length: workers }, work));
  }

  async #runOne(): Promise<void> {
    const drawn = this.#random();
    const controller = new AbortController();
    const bySignal = this.#random() < 0.5;
    const startedMs = performance.now();
    const run = await this.#runtime.start(
      this.#random() < 0.3 ? this.#graphs.long : this.#graphs.short,
      this.#ticket(),
      {
        budget: { costUsd: this.#random() < poorRatio ? 0.000_4 : 0.05, durationMs: 20_000 },
        signal: drawn < cancelRatio && bySignal ? controller.signal : this.longSignal,
      },
    );
    this.tally.started += 1;
    this.#keep(run);
    run.on("*", (event) => this.#hear(event));
    const cancel = (): void => (bySignal ? controller.abort("enough") : run.cancel("enough"));
    const timer = drawn < cancelRatio ? setTimeout(cancel, this.#random() * this.#meanMs) : undefined;
    await this.#end(run);
    clearTimeout(timer);
    this.#meanMs += (performance.now() - startedMs - this.#meanMs) / 100;
  }

  async #end(run: Run<unknown>): Promise<void> {
    const { tally } = this;
    const code = await run.result.then(
      () => undefined,
      (error: unknown) => (error as { code?: string }).code ?? "no TierwiseError",
    );
    if (code === undefined) tally.completed += 1;
    else if (code === "RUN_CANCELLED") tally.cancelled += 1;
    else countIn(tally.failed, code);
    const ledger = run.ledger();
    const problems = bookProblems(ledger);
    if (ledger.reservedUsd !== 0) problems.push("something is still reserved");
    for (const problem of problems) countIn(tally.broken, problem);
  }

  #hear(event: RunEvent): void {
    const { tally } = this;
    if (event.type === "run-end") tally.runEnds += 1;
    else if (event.type === "attempt-start") tally.attempts += 1;
    else if (event.type === "attempt-error" && ["cancelled", "timeout"].includes(event.errorType)) tally.givenUp += 1;
  }

  #keep(run: Run<unknown>): void {
    this.lastRuns.push(new WeakRef(run));
    if (this.lastRuns.length > 1_000) this.lastRuns.shift();
  }

  #ticket(): Ticket {
    const word = (): string => `word ${Math.floor(this.#random() * words)}`;
    return { text: `${word()}, ${word()}, ${this.#random()}`, lines: [word(), word(), word()] };
  }
}
