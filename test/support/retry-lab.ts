import { ChatOpenAI } from "@langchain/openai";
import { expect } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../../src/index.ts";
import type { Endpoint, EndpointSpec, Run, RunEvent, RunOptions, Runtime, RuntimeOptions } from "../../src/index.ts";
import type { Privacy } from "../../src/tiers/label.ts";
import { FaultServer, SimulatedClock } from "../../src/testing/index.ts";

export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** The real client, before a server on the loopback interface. */
export function served(name: string, server: { readonly baseURL: string }, spec: Partial<EndpointSpec> = {}): Endpoint {
  const model = new ChatOpenAI({ model: name, apiKey: "none", configuration: { baseURL: server.baseURL } });
  return endpoint(name, { class: "slm", location: "on-prem", model, ...spec });
}

interface OneStep {
  readonly timeoutMs?: number;
  readonly maxLatencyMs?: number;
  readonly maxOutputTokens?: number;
  /** Of the graph's input. */
  readonly label?: Privacy;
}

/** One step that answers in text. */
export function oneStep({ label = "public", ...spec }: OneStep = {}) {
  const g = graph("one", { input: z.object({ text: z.string().optional() }), label });
  return g.output(
    g.model("reply", {
      needs: { input: g.input },
      complexity: "generation",
      output: z.string(),
      prompt: ({ input }) => `p ${input.text ?? ""}`,
      ...spec,
    }),
  );
}

interface Outcome {
  readonly output: unknown;
  /** `undefined` for a run that was completed. */
  readonly error: Error | undefined;
}

/** A run that was started, everything that it told, and what it came to. */
export interface Watched {
  readonly run: Run<unknown>;
  readonly events: RunEvent[];
  readonly outcome: Promise<Outcome>;
}

/** A runtime on a simulated clock. Jitter is nothing unless a test says how much. */
export class Lab {
  readonly clock = new SimulatedClock(Date.UTC(2026, 10, 23));
  readonly runtime: Runtime;

  constructor(endpoints: readonly Endpoint[], options: Partial<RuntimeOptions> = {}) {
    const catalog = createCatalog(endpoints);
    const own = { clock: this.clock, random: () => 0 };
    this.runtime = createRuntime({ catalog, policy: defaultPolicy(), ...own, ...options });
  }

  async start(started = oneStep(), options: RunOptions = {}): Promise<Watched> {
    const run = await this.runtime.start(started, {}, options);
    const events: RunEvent[] = [];
    run.on("*", (event) => void events.push(event));
    const outcome = run.result.then(
      ({ output }) => ({ output, error: undefined }),
      (error: unknown) => ({ output: undefined, error: error as Error }),
    );
    return { run, events, outcome };
  }

  /** Starts a run and moves the clock until it has ended. */
  async finish(started = oneStep(), options: RunOptions = {}): Promise<Watched & Outcome> {
    const watched = await this.start(started, options);
    await this.settle([watched]);
    return { ...watched, ...(await watched.outcome) };
  }

  /** Moves the clock while no request is under way, until all runs have ended: a server is never hurried. */
  async settle(runs: readonly Watched[]): Promise<void> {
    await this.until(Promise.all(runs.map(({ outcome }) => outcome)));
    for (const { events } of runs) expectBalanced(events);
    expect(this.clock.pending, "timers left").toBe(0);
  }

  async until(promise: Promise<unknown>): Promise<void> {
    let isOver = false;
    void promise.then(() => (isOver = true));
    await turn();
    while (!isOver) {
      if (this.isIdle) await this.clock.advance(10);
      await turn();
    }
  }

  get isIdle(): boolean {
    return this.runtime.endpoints().every(({ running }) => running === 0);
  }

  status(name: string) {
    const found = this.runtime.endpoints().find((status) => status.name === name);
    if (found === undefined) throw new Error(`no endpoint ${name}`);
    return found;
  }
}

/** Requests of a run: their number, kind, endpoint and when they began, in milliseconds after the run's start. */
export function attempts(events: readonly RunEvent[]) {
  const startMs = events[0]?.atMs ?? 0;
  return events.flatMap((event) =>
    event.type === "attempt-start"
      ? [{ number: event.attempt, kind: event.kind, endpoint: event.endpoint, atMs: event.atMs - startMs }]
      : [],
  );
}

/** Every start has its end, and the run's end is the last event. */
function expectBalanced(events: readonly RunEvent[]): void {
  const count = (type: RunEvent["type"]): number => events.filter((event) => event.type === type).length;
  expect(count("attempt-end") + count("attempt-error")).toBe(count("attempt-start"));
  expect(count("step-end")).toBe(count("step-start"));
  expect(events.at(-1)?.type).toBe("run-end");
}

/** Waits until so many requests have come in, for as long as the sockets take. */
export async function received(server: FaultServer, count: number): Promise<void> {
  while (server.requests.length < count) await turn();
}

/** A server that refuses connections. */
export async function downServer(): Promise<FaultServer> {
  const server = await FaultServer.start([]);
  await server.stop();
  return server;
}
