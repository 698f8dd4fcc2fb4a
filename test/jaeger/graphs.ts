/** Small graphs on scripted models, one for each way in which a run can go. Every answer costs 110 millionths of a dollar. */
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  graph,
  ProviderError,
  type Endpoint,
  type EndpointSpec,
  type Graph,
  type RunEvent,
  type RunOptions,
  type RuntimeOptions,
} from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type Script } from "../../src/testing/index.ts";
import { callsTool, priced, say, usage } from "../support/priced-models.ts";
import { draftingTwo } from "../support/small-graphs.ts";
import type { Traced } from "./jaeger.ts";

const input = { text: "hello" };

type Input = typeof input;

const down = new ProviderError("down", { retryable: true, errorType: "503", status: 503 });

function place(name: "small" | "large", script: Script, spec: Partial<EndpointSpec> = {}): Endpoint {
  const model = new ScriptedModel(script, { model: `${name}-model` });
  return priced(name, model, { ...(name === "large" && largePlace), ...spec });
}

const largePlace = { class: "llm", location: "cloud" } as const;

interface Setting {
  readonly built: Graph<Input, unknown>;
  /** New ones for each run: a script is used up. */
  readonly endpoints: () => readonly Endpoint[];
  readonly runtime?: Partial<RuntimeOptions>;
  readonly run?: RunOptions;
  /** Cancelled while a model is asked. */
  readonly cancels?: boolean;
  /** How far its events are read: to the end, or until text shows. */
  readonly reads?: "all" | "first-text";
  /** Run once before, in a trace of its own. */
  readonly before?: boolean;
}

/** Runs it to its end, whichever that is. */
function traced({ built, endpoints, runtime: options, run: runOptions, cancels, reads, before }: Setting): Traced {
  return async (tracerProvider) => {
    const clock = new SimulatedClock();
    const runtime = createRuntime({
      catalog: createCatalog(endpoints()),
      policy: defaultPolicy(),
      retry: { maxAttempts: 1 },
      telemetry: { tracerProvider },
      clock,
      ...options,
    });
    if (before === true) await runtime.run(built, input);
    const run = await runtime.start(built, input, runOptions);
    const ended = run.result.catch(() => undefined);
    const read = reads === undefined ? undefined : readEvents(run, reads);
    // Past every pause between two tries.
    await clock.advance(1_000);
    if (cancels === true) run.cancel(new Error("no longer wanted"));
    await Promise.all([ended, read]);
    return run.id;
  };
}

async function readEvents(run: AsyncIterable<RunEvent>, reads: "all" | "first-text"): Promise<void> {
  for await (const { type } of run) if (type === "token" && reads === "first-text") return;
}

/** One model step. */
function answering(
  step: { readonly validate?: (text: string) => boolean; readonly memo?: boolean; readonly stream?: true } = {},
) {
  const g = graph("reply", { input: z.object({ text: z.string() }), version: "1" });
  const answer = g.model("answer", {
    needs: { input: g.input },
    complexity: "generation",
    output: z.string(),
    prompt: ({ input: { text } }) => text,
    ...step,
  });
  return g.output(answer);
}

function withTool(options: { readonly perCallUsd?: number } = {}) {
  const { perCallUsd } = options;
  const g = graph("desk", { input: z.object({ text: z.string() }), version: "1" });
  const look = { name: "look", schema: z.object({ q: z.string() }), invoke: () => "found" };
  const work = g.agent("work", {
    needs: { input: g.input },
    output: z.string(),
    prompt: () => "look it up",
    tools: [{ tool: look, effect: "read", ...(perCallUsd !== undefined && { cost: { perCallUsd } }) }],
  });
  return g.output(work);
}

/** An argument of a tool that acts would come from text that anyone can write. */
function payingWhoeverIsNamed() {
  const g = graph("payout", { input: z.object({ text: z.string() }), version: "1" });
  const pay = { name: "pay", schema: z.object({ to: z.string() }), invoke: () => "paid" };
  const pin = { to: ({ input: { text } }: { input: Input }) => text };
  const payout = g.agent("payout", {
    needs: { input: g.input },
    output: z.string(),
    prompt: () => "pay",
    tools: [{ tool: pay, effect: "write", pin }],
  });
  return g.output(payout);
}

function skipping() {
  const g = graph("branch", { input: z.object({ text: z.string() }), version: "1" });
  const taken = g.code("taken", { needs: { input: g.input }, run: () => "done" });
  const other = g.model("other", {
    needs: { input: g.input },
    complexity: "generation",
    output: z.string(),
    prompt: () => "p",
    when: () => false,
  });
  return g.output({ taken, other });
}

/** New ways of going are entries here and trees in `golden.test.ts`. */
export const ways = {
  accept: traced({ built: answering(), endpoints: () => [place("small", [say("hi")])] }),
  /** Of a provider that keeps prompts and thinks before it answers. */
  detailedUsage: traced({
    built: answering(),
    endpoints: () => [place("small", [say("hi", { cacheReadTokens: 40, cacheWriteTokens: 20, reasoningTokens: 5 })])],
  }),
  escalate: traced({
    built: answering({ validate: (text) => text === "right" }),
    endpoints: () => [place("small", [say("wrong")]), place("large", [say("right")])],
  }),
  fallback: traced({
    built: answering(),
    endpoints: () => [place("small", [{ error: down }]), place("large", [say("hi")])],
  }),
  retry: traced({
    built: answering(),
    endpoints: () => [place("small", [{ error: down }, say("hi")])],
    runtime: { retry: { maxAttempts: 2 }, random: () => 0 },
  }),
  denied: traced({ built: payingWhoeverIsNamed(), endpoints: () => [place("large", [callsTool("pay")])] }),
  budget: traced({ built: answering(), endpoints: () => [place("small", [])], run: { budget: { costUsd: 1e-6 } } }),
  tools: traced({
    built: withTool(),
    endpoints: () => [place("small", [say("done")]), place("large", [callsTool("look", { q: "x" })])],
  }),
  pricedTool: traced({
    built: withTool({ perCallUsd: 0.05 }),
    endpoints: () => [place("small", [say("done")]), place("large", [callsTool("look", { q: "x" })])],
  }),
  map: traced({
    built: draftingTwo(z.object({ text: z.string() })),
    endpoints: () => [place("small", () => say("text"))],
  }),
  streamed: traced({
    built: answering({ stream: true }),
    endpoints: () => [place("small", [{ chunks: ["hel", "lo"], usage }])],
    reads: "all",
  }),
  abandoned: traced({
    built: answering({ stream: true }),
    endpoints: () => [place("small", [{ chunks: Array<string>(600).fill("a"), usage: { ...usage } }])],
    reads: "first-text",
  }),
  skipped: traced({ built: skipping(), endpoints: () => [place("small", [])] }),
  cached: traced({ built: answering({ memo: true }), endpoints: () => [place("small", [say("hi")])], before: true }),
  failed: traced({ built: answering(), endpoints: () => [place("small", [{ error: down }])] }),
  cancelled: traced({ built: answering(), endpoints: () => [place("small", [{ hangs: true }])], cancels: true }),
} satisfies Record<string, Traced>;

export type Way = keyof typeof ways;
