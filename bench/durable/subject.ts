/** What every engine is asked to do here, so that they can be compared. */

/** Code steps that add one: one after the other, or all at once. */
export interface Shape {
  readonly steps: number;
  readonly isParallel?: boolean;
  /** The last step ends when `Gate.open` is called, which is never where nobody does. */
  readonly isGated?: boolean;
  /** The steps ask a model. Tierwise only. */
  readonly isModel?: boolean;
}

export const shapes = {
  chain: { steps: 20 },
  fanOut: { steps: 50, isParallel: true },
  waiting: { steps: 1, isGated: true },
  replay: { steps: 1_001, isGated: true },
  models: { steps: 3, isModel: true },
} as const satisfies Readonly<Record<string, Shape>>;

export type ShapeName = keyof typeof shapes;

/** Where gated steps wait. Also takes the time from the start of a run to its gate. */
export class Gate {
  #arrived = 0;
  #startedMs = 0;
  #tookMs = 0;
  #opened = Promise.withResolvers<undefined>();
  #wake = (): void => undefined;

  /** A run was begun, or begun again from what is stored. */
  start(): void {
    this.#startedMs = performance.now();
  }

  /** Of the last one that came. */
  get tookMs(): number {
    return this.#tookMs;
  }

  async wait(): Promise<void> {
    this.#arrived += 1;
    this.#tookMs = performance.now() - this.#startedMs;
    this.#wake();
    await this.#opened.promise;
  }

  async arrivals(count: number): Promise<void> {
    while (this.#arrived < count) await new Promise<void>((resolve) => (this.#wake = resolve));
    this.#arrived = 0;
  }

  open(): void {
    this.#opened.resolve(undefined);
    this.#opened = Promise.withResolvers();
  }
}

/** An engine that is open on its database. */
export interface Subject {
  /** Resolves with the run's result. */
  run(shape: ShapeName, runId: string): Promise<unknown>;
  query(text: string): Promise<readonly Readonly<Record<string, unknown>>[]>;
}

export interface Opening {
  /** Address of a PostgreSQL database, or folder of a PGlite. */
  readonly database: string;
  readonly gate: Gate;
  /** How long a process that is gone keeps its runs, where an engine has leases. */
  readonly leaseMs: number;
}

export const isFolder = (database: string): boolean => database.startsWith("/");

/** As many as DBOS opens of its own accord. */
export const poolSize = 10;

export const add = (value: number): Promise<number> => Promise.resolve(value + 1);
