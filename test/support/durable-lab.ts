/** Runtimes on a durable engine, one after the other, as processes that share a database would be. */
import {
  dbosEngine,
  pglitePool,
  type DatabasePool,
  type DbosEngine,
  type DbosEngineOptions,
} from "../../src/engines/dbos/index.ts";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  type Endpoint,
  type RunEvent,
  type Runtime,
  type RuntimeOptions,
} from "../../src/index.ts";
import { ScriptedModel } from "../../src/testing/index.ts";

export const macKey = "a secret for tests that is long enough";

let shared: DatabasePool | undefined;

/** One PGlite for all test files of this process: it takes seconds to make. */
export function sharedPool(): DatabasePool {
  shared ??= pglitePool();
  return shared;
}

export interface Process {
  readonly engine: DbosEngine;
  readonly runtime: Runtime;
  close(): Promise<void>;
}

type Rest = Omit<Partial<RuntimeOptions>, "catalog" | "onHuman" | "engine">;

export interface ProcessOptions extends Rest {
  readonly endpoints?: readonly Endpoint[];
  /** Wires the engine's questions, for a person with this clearance. */
  readonly human?: NonNullable<RuntimeOptions["onHuman"]>["clearance"];
  readonly engine?: Partial<DbosEngineOptions>;
}

const anyEndpoint = endpoint("any", {
  class: "slm",
  location: "on-prem",
  model: new ScriptedModel([]).factory,
});

/** A process that starts: its engine and its runtime. Close it before the next one starts, for DBOS is one a process. */
export async function openProcess(options: ProcessOptions): Promise<Process> {
  const opened = createProcess(options);
  await opened.runtime.ready();
  return opened;
}

/** One that has not launched yet. */
export function createProcess({ endpoints = [anyEndpoint], human, engine, ...options }: ProcessOptions): Process {
  const own = dbosEngine({ database: sharedPool(), clearance: "regulated", pollMs: 10, version: "test", ...engine });
  const runtime = createRuntime({
    catalog: createCatalog([...endpoints]),
    policy: defaultPolicy(),
    macKey,
    feedback: false,
    ...(human !== undefined && { onHuman: { clearance: human, ask: own.ask } }),
    ...options,
    engine: own,
  });
  return { engine: own, runtime, close: () => own.close() };
}

/** The events of a run, collected from the first one on. */
export function collectEvents(run: { on(type: "*", listener: (event: RunEvent) => void): unknown }): RunEvent[] {
  const events: RunEvent[] = [];
  run.on("*", (event) => void events.push(event));
  return events;
}

/** Asks until it is so, a turn of the event loop in between; vitest's timeout ends what never is. */
export async function eventually<T>(ask: () => Promise<T | undefined>): Promise<T> {
  for (;;) {
    const found = await ask();
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

export async function sql(text: string, values: unknown[] = []): Promise<readonly Record<string, unknown>[]> {
  const { rows } = await sharedPool().query(text, values);
  return rows as Record<string, unknown>[];
}

/** A gate that code of steps waits at, once the test knows that it came there. */
export class Gate {
  readonly #opened = Promise.withResolvers<undefined>();
  readonly #reached = Promise.withResolvers<undefined>();

  readonly reached = this.#reached.promise;

  async pass(): Promise<void> {
    this.#reached.resolve(undefined);
    await this.#opened.promise;
  }

  open(): void {
    this.#opened.resolve(undefined);
  }
}
