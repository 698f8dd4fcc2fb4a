import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  DeadlineExceededError,
  defaultPolicy,
  endpoint,
  graph,
  RunCancelledError,
} from "../../src/index.ts";
import type {
  Endpoint,
  EndpointSpec,
  Engine,
  Graph,
  Run,
  RunEvent,
  RunOptions,
  RuntimeOptions,
  StepContext,
} from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type ScriptedReply } from "../../src/testing/index.ts";

/** One pico-dollar-exact price for both directions: a dollar a million tokens, so a token is a millionth. */
const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
const tokenUsd = 1e-6;
const answer: ScriptedReply = { text: "ok", usage: { inputTokens: 10, outputTokens: 5 } };

function place(name: string, model: ScriptedModel, spec: Partial<EndpointSpec> = {}): Endpoint {
  return endpoint(name, { class: "slm", location: "on-prem", price, model: model.factory, ...spec });
}

function runtimeWith(endpoints: readonly Endpoint[], options: Partial<RuntimeOptions> = {}) {
  const policy = defaultPolicy();
  return createRuntime({ catalog: createCatalog(endpoints), policy, retry: { maxAttempts: 1 }, ...options });
}

const empty = {};

/** Model steps side by side, each answering in text. */
function parallel(names: readonly string[], spec: { timeoutMs?: number; maxOutputTokens?: number } = {}) {
  const g = graph("parallel", { input: z.object({}) });
  const steps = names.map((name) =>
    g.model(name, {
      needs: { input: g.input },
      complexity: "generation",
      output: z.string(),
      prompt: () => `prompt of ${name}`,
      maxOutputTokens: 50,
      ...spec,
    }),
  );
  return g.output(Object.fromEntries(steps.map((ref) => [ref.id, ref])));
}

interface Watched<O> {
  readonly run: Run<O>;
  readonly events: RunEvent[];
}

async function watch<I, O>(
  runtime: ReturnType<typeof runtimeWith>,
  started: Graph<I, O>,
  { input, ...options }: RunOptions & { input: NoInfer<I> },
): Promise<Watched<O>> {
  const run = await runtime.start(started, input, options);
  const events: RunEvent[] = [];
  run.on("*", (event) => void events.push(event));
  return { run, events };
}

const typesOf = (events: readonly RunEvent[]): string[] =>
  events.map((event) => ("step" in event ? `${event.type} ${event.step}` : event.type));

/** Every start has its end, and the run's end is the last event. */
function expectBalanced(events: readonly RunEvent[]): void {
  const count = (type: RunEvent["type"]): number => events.filter((event) => event.type === type).length;
  expect(count("attempt-end") + count("attempt-error")).toBe(count("attempt-start"));
  expect(count("tool-end")).toBe(count("tool-start"));
  const skipped = events.filter((event) => event.type === "step-end" && event.outcome === "skipped").length;
  expect(count("step-end") - skipped).toBe(count("step-start"));
  expect(events.at(-1)?.type).toBe("run-end");
  expect(count("run-end")).toBe(1);
}

describe("the deadline of a run", () => {
  it("ends it with DeadlineExceededError, naming the steps under way, and aborts their requests", async () => {
    const clock = new SimulatedClock();
    const model = new ScriptedModel(() => ({ hangs: true }));
    const runtime = runtimeWith([place("small", model)], { clock });
    const { run, events } = await watch(runtime, parallel(["a", "b"]), { input: {}, budget: { durationMs: 1_000 } });
    await clock.advance(999);
    expect(model.calls.map(({ signal }) => signal?.aborted)).toEqual([false, false]);
    await clock.advance(1);
    const error: unknown = await run.result.catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(DeadlineExceededError);
    expect(error).toMatchObject({ code: "DEADLINE_EXCEEDED", message: expect.stringContaining('"a", "b"') as string });
    expect(model.calls.map(({ signal }) => signal?.aborted)).toEqual([true, true]);
    expect(model.calls).toHaveLength(2);
    expectBalanced(events);
    expect(events.at(-1)).toMatchObject({ outcome: "failed", durationMs: 1_000 });
    expect(clock.pending).toBe(0);
  });

  it("counts when it comes in the middle of an attempt, even if another endpoint could be asked", async () => {
    const clock = new SimulatedClock();
    const small = new ScriptedModel(() => ({ hangs: true }));
    const large = new ScriptedModel([answer]);
    const runtime = runtimeWith([place("small", small), place("large", large, { class: "llm" })], { clock });
    const { run } = await watch(runtime, parallel(["a"], { timeoutMs: 1_000 }), {
      input: {},
      budget: { durationMs: 1_000 },
    });
    await clock.advance(1_000);
    await expect(run.result).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(large.calls).toHaveLength(0);
  });

  it("is not told as the timeout of the step's code or tool that it cut", async () => {
    const clock = new SimulatedClock();
    const g = graph("slow", { input: z.object({}) });
    const slow = g.code("slow", { needs: {}, run: () => new Promise<string>(() => undefined), timeoutMs: 5_000 });
    const runtime = runtimeWith([place("small", new ScriptedModel([]))], { clock });
    const { run } = await watch(runtime, g.output(slow), { input: {}, budget: { durationMs: 100 } });
    await clock.advance(100);
    await expect(run.result).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });

  it("excludes endpoints that are known to need longer than the time left", async () => {
    const clock = new SimulatedClock();
    const slow = new ScriptedModel([]);
    const fast = new ScriptedModel([answer]);
    const endpoints = [
      place("slow", slow, { latency: { p95Ms: 5_000 } }),
      place("fast", fast, { class: "llm", latency: { p95Ms: 500 } }),
    ];
    const { decisions } = await runtimeWith(endpoints, { clock }).run(parallel(["a"]), empty, {
      budget: { durationMs: 1_000 },
    });
    expect(slow.calls).toHaveLength(0);
    expect(decisions["a"]?.[0]?.refused).toEqual([
      { endpoint: "slow", rule: "deadline", reason: "needs 5000 ms (p95), 1000 ms are left" },
    ]);
  });

  it("does not let what waits for a slow reader start afterwards", async () => {
    const clock = new SimulatedClock();
    const model = new ScriptedModel(() => answer);
    const g = graph("wide", { input: z.object({}) });
    const never = g.code("never", { needs: {}, when: () => false, run: () => 1 });
    for (let index = 0; index < 300; index += 1) {
      g.code(`skipped-${index}`, { needs: { never: g.required(never) }, run: () => 1 });
    }
    const last = g.model("last", {
      needs: { input: g.input },
      complexity: "generation",
      output: z.string(),
      prompt: () => "p",
    });
    const runtime = runtimeWith([place("small", model)], { clock });
    const run = await runtime.start(g.output(last), {}, { budget: { durationMs: 1_000 } });
    const iterator = run[Symbol.asyncIterator]();
    await clock.advance(999);
    expect(model.calls).toHaveLength(0);
    await clock.advance(1);
    await expect(run.result).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(model.calls).toHaveLength(0);
    await iterator.return?.();
  });
});

describe("the timeout of an attempt", () => {
  it("is a failure of that endpoint: the next one is asked, and the late one is charged its worst case", async () => {
    const clock = new SimulatedClock();
    const small = new ScriptedModel([{ hangs: true }]);
    const large = new ScriptedModel([answer]);
    const runtime = runtimeWith([place("small", small), place("large", large, { class: "llm" })], { clock });
    const { run, events } = await watch(runtime, parallel(["a"], { timeoutMs: 300 }), { input: {} });
    await clock.advance(299);
    expect(large.calls).toHaveLength(0);
    await clock.advance(1);
    const { ledger } = await run.result;
    expect(small.calls[0]?.signal?.aborted).toBe(true);
    const failed = events.find((event) => event.type === "attempt-error");
    expect(failed).toMatchObject({ errorType: "timeout", endpoint: "small", outputTokens: 50, durationMs: 300 });
    expect(events).toContainEqual(expect.objectContaining({ type: "attempt-start", kind: "fallback", attempt: 2 }));
    expect(ledger.complete).toBe(false);
    expect(ledger.slmUsd).toBeCloseTo((failed?.inputTokens ?? 0) * tokenUsd + 50 * tokenUsd, 12);
    expect(clock.pending).toBe(0);
  });

  it("is an ATTEMPT_TIMEOUT when nobody else can be asked", async () => {
    const clock = new SimulatedClock();
    const runtime = runtimeWith([place("small", new ScriptedModel([{ hangs: true }]))], { clock });
    const { run } = await watch(runtime, parallel(["a"], { timeoutMs: 300 }), { input: {} });
    await clock.advance(300);
    await expect(run.result).rejects.toMatchObject({ code: "ATTEMPT_TIMEOUT", retryable: true });
  });

  it.each<[string, (context: StepContext) => unknown]>([
    ["returns a value", ({ signal }) => signal.aborted],
    ["returns a promise", ({ signal }) => Promise.resolve(signal.aborted)],
    [
      "throws",
      ({ signal }) => {
        throw new Error(String(signal.aborted));
      },
    ],
    ["rejects", ({ signal }) => Promise.reject(new Error(String(signal.aborted)))],
  ])("leaves no timer behind when code that looked at its signal %s", async (_what, code) => {
    const clock = new SimulatedClock();
    const g = graph("quick", { input: z.object({}) });
    const quick = g.code("quick", { needs: {}, run: (_values, context) => code(context) });
    const runtime = runtimeWith([place("small", new ScriptedModel([]))], { clock });
    const { run } = await watch(runtime, g.output(quick), { input: {} });
    await Promise.allSettled([run.result]);
    expect(clock.pending).toBe(0);
  });

  it("bounds code that ignores its signal", async () => {
    const clock = new SimulatedClock();
    const g = graph("slow", { input: z.object({}) });
    const slow = g.code("slow", { needs: {}, run: () => new Promise<string>(() => undefined), timeoutMs: 50 });
    const runtime = runtimeWith([place("small", new ScriptedModel([]))], { clock });
    const { run } = await watch(runtime, g.output(slow), { input: {} });
    await clock.advance(50);
    await expect(run.result).rejects.toMatchObject({ code: "STEP_FAILED", message: expect.stringContaining("50 ms") });
  });
});

describe("cancelling a run", () => {
  const reason = new Error("the user left");

  /** Starts, waits for `at`, cancels in the way given, and returns the error with which the run ended. */
  async function cancelAt<I>(
    runtime: ReturnType<typeof runtimeWith>,
    started: Graph<I, unknown>,
    { input, at, by, budget }: { input: NoInfer<I>; at: RunEvent["type"]; by: "signal" | "cancel" } & RunOptions,
  ) {
    const controller = new AbortController();
    const { run, events } = await watch(runtime, started, {
      input,
      signal: controller.signal,
      ...(budget && { budget }),
    });
    let cancelledAt = -1;
    run.on(at, () => {
      if (cancelledAt >= 0) return;
      cancelledAt = events.length;
      if (by === "signal") controller.abort(reason);
      else run.cancel(reason);
    });
    const error: unknown = await run.result.catch((thrown: unknown) => thrown);
    return { error, events, after: events.slice(cancelledAt), run };
  }

  function expectCancelled(error: unknown, events: readonly RunEvent[]): void {
    expect(error).toBeInstanceOf(RunCancelledError);
    expect(error).toMatchObject({ code: "RUN_CANCELLED", cause: reason, by: "caller", details: { by: "caller" } });
    expectBalanced(events);
    expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "cancelled" });
  }

  it.each(["signal", "cancel"] as const)("during a model call, by %s, aborts it and starts no other", async (by) => {
    const small = new ScriptedModel(() => ({ hangs: true }));
    const large = new ScriptedModel(() => answer);
    const runtime = runtimeWith([place("small", small), place("large", large, { class: "llm" })]);
    const g = graph("two", { input: z.object({}) });
    const first = g.model("first", { needs: {}, complexity: "generation", output: z.string(), prompt: () => "p" });
    const second = g.code("second", { needs: { first }, run: () => 1 });
    const controller = new AbortController();
    const { run, events } = await watch(runtime, g.output(second), { input: {}, signal: controller.signal });
    await new Promise((resolve) => run.on("attempt-start", resolve));
    await new Promise(setImmediate);
    expect(small.calls).toHaveLength(1);
    if (by === "signal") controller.abort(reason);
    else run.cancel(reason);
    const error: unknown = await run.result.catch((thrown: unknown) => thrown);
    expectCancelled(error, events);
    expect(small.calls[0]?.signal?.aborted).toBe(true);
    expect(large.calls).toHaveLength(0);
    expect(typesOf(events)).not.toContain("step-start second");
    const aborted = events.find((event) => event.type === "attempt-error");
    expect(aborted).toMatchObject({ errorType: "cancelled", usageSource: "estimated", outputTokens: 1_024 });
    expect(run.ledger()).toMatchObject({ attempts: 1, complete: false, reservedUsd: 0, outputTokens: 1_024 });
    expect(run.ledger().costUsd).toBeGreaterThan(1_024 * tokenUsd);
  });

  it.each(["signal", "cancel"] as const)("by %s as soon as an attempt starts sends nothing", async (by) => {
    const model = new ScriptedModel(() => answer);
    const cancelled = await cancelAt(runtimeWith([place("small", model)]), parallel(["a"]), {
      input: {},
      at: "attempt-start",
      by,
    });
    expectCancelled(cancelled.error, cancelled.events);
    expect(model.calls).toHaveLength(0);
    expect(cancelled.run.ledger()).toMatchObject({ costUsd: 0, outputTokens: 0 });
  });

  it.each(["run-start", "step-start", "policy-decision"] as const)("at the event %s sends nothing", async (at) => {
    const model = new ScriptedModel(() => answer);
    const cancelled = await cancelAt(runtimeWith([place("small", model)]), parallel(["a", "b"]), {
      input: {},
      at,
      by: "cancel",
    });
    expectCancelled(cancelled.error, cancelled.events);
    expect(model.calls).toHaveLength(0);
    expect(typesOf(cancelled.after).filter((type) => type.startsWith("attempt-start"))).toEqual([]);
  });

  it("before it begins sends nothing, by a signal that fired already", async () => {
    const model = new ScriptedModel(() => answer);
    const runtime = runtimeWith([place("small", model)]);
    const options = { signal: AbortSignal.abort(reason) };
    const error: unknown = await runtime.run(parallel(["a"]), empty, options).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: "RUN_CANCELLED", cause: reason });
    const run = await runtime.start(parallel(["a"]), empty, options);
    await expect(run.result).rejects.toMatchObject({ code: "RUN_CANCELLED", cause: reason });
    expect(model.calls).toHaveLength(0);
  });

  it("during a tool aborts the tool's signal and asks the model no more", async () => {
    let signal: AbortSignal | undefined;
    const started = Promise.withResolvers<undefined>();
    const invoke = (_args: unknown, config: { signal: AbortSignal }) => {
      signal = config.signal;
      started.resolve(undefined);
      return new Promise(() => undefined);
    };
    const model = new ScriptedModel([{ toolCalls: [{ name: "wait", args: {} }] }]);
    const g = graph("desk", { input: z.object({}) });
    const tools = [{ tool: { name: "wait", schema: z.object({}), invoke }, effect: "read" as const }];
    const work = g.agent("work", { needs: {}, output: z.string(), prompt: () => "p", tools });
    const { run, events } = await watch(runtimeWith([place("small", model)]), g.output(work), { input: {} });
    await started.promise;
    run.cancel(reason);
    expectCancelled(await run.result.catch((thrown: unknown) => thrown), events);
    expect(signal?.aborted).toBe(true);
    expect(model.calls).toHaveLength(1);
  });

  it("as soon as a tool starts does not call it", async () => {
    let called = 0;
    const model = new ScriptedModel([{ toolCalls: [{ name: "count", args: {} }] }]);
    const tool = { name: "count", schema: z.object({}), invoke: () => (called += 1) };
    const g = graph("desk", { input: z.object({}) });
    const tools = [{ tool, effect: "read" as const }];
    const work = g.agent("work", { needs: {}, output: z.string(), prompt: () => "p", tools });
    const cancelled = await cancelAt(runtimeWith([place("small", model)]), g.output(work), {
      input: {},
      at: "tool-start",
      by: "cancel",
    });
    expectCancelled(cancelled.error, cancelled.events);
    expect(called).toBe(0);
  });

  it("during code aborts its signal, and drops what it returns later", async () => {
    let signal: AbortSignal | undefined;
    const started = Promise.withResolvers<undefined>();
    const late = Promise.withResolvers<string>();
    const g = graph("code", { input: z.object({}) });
    const slow = g.code("slow", {
      needs: {},
      run: (_values, context) => {
        signal = context.signal;
        started.resolve(undefined);
        return late.promise;
      },
    });
    const { run, events } = await watch(runtimeWith([place("small", new ScriptedModel([]))]), g.output(slow), {
      input: {},
    });
    await started.promise;
    run.cancel(reason);
    run.cancel(new Error("a second reason"));
    expectCancelled(await run.result.catch((thrown: unknown) => thrown), events);
    expect(signal?.aborted).toBe(true);
    late.resolve("too late");
    await new Promise(setImmediate);
    expect(events.at(-1)?.type).toBe("run-end");
  });

  it("while a call waits for the budget ends the wait without a call", async () => {
    const model = new ScriptedModel(() => ({ hangs: true }));
    const runtime = runtimeWith([place("small", model)]);
    const { run, events } = await watch(runtime, parallel(["a", "b"]), { input: {}, budget: { costUsd: 500e-6 } });
    await new Promise((resolve) => run.on("attempt-start", resolve));
    await new Promise(setImmediate);
    expect(model.calls).toHaveLength(1);
    run.cancel(reason);
    expectCancelled(await run.result.catch((thrown: unknown) => thrown), events);
    expect(model.calls).toHaveLength(1);
    expect(events.filter(({ type }) => type === "attempt-start")).toHaveLength(1);
    expect(run.ledger().reservedUsd).toBe(0);
  });

  it("after its end does nothing, and leaves nothing on the signal", async () => {
    const controller = new AbortController();
    const runtime = runtimeWith([place("small", new ScriptedModel([answer]))]);
    const run = await runtime.start(parallel(["a"]), empty, { signal: controller.signal });
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(1);
    const { output } = await run.result;
    expect(output).toEqual({ a: "ok" });
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
    controller.abort(reason);
    run.cancel(reason);
    await expect(run.result).resolves.toMatchObject({ output });
  });

  it("gives way to a slow reader: a run that waits for its events still ends at once", async () => {
    const g = graph("wide", { input: z.object({}) });
    const never = g.code("never", { needs: {}, when: () => false, run: () => 1 });
    for (let index = 0; index < 300; index += 1) {
      g.code(`skipped-${index}`, { needs: { never: g.required(never) }, run: () => 1 });
    }
    let ran = 0;
    const last = g.code("last", { needs: {}, run: () => (ran += 1) });
    const runtime = runtimeWith([place("small", new ScriptedModel([]))]);
    const run = await runtime.start(g.output(last), {});
    const iterator = run[Symbol.asyncIterator]();
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    run.cancel(reason);
    await expect(run.result).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect(ran).toBe(0);
    await iterator.return?.();
  });
});

describe("a failing step", () => {
  const boom = new Error("boom");

  it.each<[string, (g: ReturnType<typeof failing>) => unknown]>([
    [
      "a prompt that throws",
      (g) =>
        g.model("b", {
          needs: {},
          complexity: "generation",
          output: z.string(),
          prompt: () => {
            throw boom;
          },
        }),
    ],
    [
      "a when that throws",
      (g) =>
        g.code("b", {
          needs: {},
          run: () => 1,
          when: () => {
            throw boom;
          },
        }),
    ],
    [
      "code that throws",
      (g) =>
        g.code("b", {
          needs: {},
          run: () => {
            throw boom;
          },
        }),
    ],
  ])("ends the run, with siblings that were about to start: %s", async (_what, add) => {
    const g = failing();
    const before = g.code("a", { needs: {}, run: () => 1 });
    add(g);
    const after = g.code("c", { needs: {}, run: () => 1 });
    const runtime = runtimeWith([place("small", new ScriptedModel(() => answer))]);
    const { run, events } = await watch(runtime, g.output({ before, after }), { input: {} });
    await expect(run.result).rejects.toMatchObject({ code: "STEP_FAILED", cause: boom, details: { step: "b" } });
    expectBalanced(events);
  });

  function failing() {
    return graph("failing", { input: z.object({}) });
  }

  it("that fails after another step ended does not leave the siblings waiting for ever", async () => {
    const g = failing();
    const first = g.code("first", { needs: {}, run: () => 1 });
    const left = g.code("left", { needs: { first }, run: () => 1 });
    const right = g.code("right", {
      needs: { first },
      run: () => 1,
      when: () => {
        throw boom;
      },
    });
    const runtime = runtimeWith([place("small", new ScriptedModel([]))]);
    const { run, events } = await watch(runtime, g.output({ left, right }), { input: {} });
    await expect(run.result).rejects.toMatchObject({ code: "STEP_FAILED", cause: boom });
    expectBalanced(events);
  });

  it("aborts its siblings' calls, and their cost stays on the books", async () => {
    const model = new ScriptedModel(({ messages }) =>
      messages[0]?.content === "prompt of a" ? { hangs: true } : { error: new TypeError("no") },
    );
    const { run, events } = await watch(runtimeWith([place("small", model)]), parallel(["a", "b"]), { input: {} });
    await expect(run.result).rejects.toMatchObject({ code: "PROVIDER_ERROR" });
    expect(model.calls.find(({ messages }) => messages[0]?.content === "prompt of a")?.signal?.aborted).toBe(true);
    expectBalanced(events);
    expect(events).toContainEqual(expect.objectContaining({ type: "step-end", step: "a", outcome: "cancelled" }));
    expect(run.ledger()).toMatchObject({ attempts: 2, reservedUsd: 0, complete: false });
  });

  it("books an answer on which the author's validate threw, and closes its attempt", async () => {
    const g = failing();
    const a = g.model("a", {
      needs: {},
      complexity: "generation",
      output: z.string(),
      prompt: () => "p",
      validate: () => {
        throw boom;
      },
    });
    const { run, events } = await watch(runtimeWith([place("small", new ScriptedModel([answer]))]), g.output(a), {
      input: {},
    });
    await expect(run.result).rejects.toMatchObject({ code: "STEP_FAILED", cause: boom });
    expectBalanced(events);
    expect(run.ledger()).toMatchObject({ attempts: 1, inputTokens: 10, outputTokens: 5, complete: true });
  });
});

describe("the money budget", () => {
  /** Worst case of one call: its bytes, the template's 256 tokens and 50 of output. */
  async function worstUsd(): Promise<number> {
    const { run, events } = await watch(runtimeWith([place("small", new ScriptedModel([answer]))]), parallel(["a"]), {
      input: {},
    });
    await run.result;
    const started = events.find((event) => event.type === "attempt-start");
    return ((started?.requestBytes ?? 0) + 256 + 50) * tokenUsd;
  }

  it("lets a call wait for its siblings to settle, first come first served", async () => {
    const replies = new Map(["a", "b", "c"].map((name) => [name, Promise.withResolvers<undefined>()]));
    const order: string[] = [];
    const model = new ScriptedModel(() => answer);
    const invoke = async (messages: { content: string }[]): Promise<unknown> => {
      const name = messages[0]!.content.at(-1)!;
      order.push(`call ${name}`);
      await replies.get(name)!.promise;
      return model.invoke(messages);
    };
    const held = endpoint("small", {
      class: "slm",
      location: "on-prem",
      price,
      model: () => ({ invoke }),
    });
    const cap = (await worstUsd()) * 1.5;
    const { run } = await watch(runtimeWith([held]), parallel(["a", "b", "c"]), {
      input: {},
      budget: { costUsd: cap },
    });
    for (const name of ["a", "b", "c"]) {
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      const { costUsd, reservedUsd } = run.ledger();
      expect(costUsd + reservedUsd).toBeLessThanOrEqual(cap);
      order.push(`reply ${name}`);
      replies.get(name)!.resolve(undefined);
    }
    const { ledger } = await run.result;
    expect(order).toEqual(["call a", "reply a", "call b", "reply b", "call c", "reply c"]);
    expect(ledger).toMatchObject({ costUsd: 45e-6, reservedUsd: 0, overshootUsd: 0, capUsd: cap });
  });

  it("decides again without an endpoint whose worst case does not fit, and says so", async () => {
    const dear = new ScriptedModel([]);
    const cheap = new ScriptedModel([answer]);
    const dearPrice = { inputPerMillionTokensUsd: 1_000, outputPerMillionTokensUsd: 1_000 };
    const runtime = runtimeWith([
      place("dear", dear, { price: dearPrice, class: "slm" }),
      place("cheap", cheap, { class: "llm" }),
    ]);
    const { run, events } = await watch(runtime, parallel(["a"]), { input: {}, budget: { costUsd: 0.01 } });
    const { decisions, ledger } = await run.result;
    expect(dear.calls).toHaveLength(0);
    expect(decisions["a"]?.map(({ ladder }) => ladder.map((rung) => rung.endpoint))).toEqual([
      ["dear", "cheap"],
      ["cheap"],
    ]);
    expect(decisions["a"]?.[1]?.refused).toEqual([
      { endpoint: "dear", rule: "excluded", reason: "budget: its worst case does not fit the money left" },
    ]);
    expect(events).toContainEqual(expect.objectContaining({ type: "attempt-start", attempt: 1, kind: "initial" }));
    expect(ledger).toMatchObject({ attempts: 1, escalations: 0, endpoints: ["cheap"] });
    expectBalanced(events);
  });

  it("ends the run with BudgetExceededError when nothing fits and nobody is left to wait for", async () => {
    const small = new ScriptedModel([]);
    const large = new ScriptedModel([]);
    const runtime = runtimeWith([place("small", small), place("large", large, { class: "llm" })]);
    const { run, events } = await watch(runtime, parallel(["a"]), { input: {}, budget: { costUsd: 1e-6 } });
    await expect(run.result).rejects.toMatchObject({
      code: "BUDGET_EXCEEDED",
      name: "BudgetExceededError",
      details: { step: "a" },
    });
    expect([...small.calls, ...large.calls]).toEqual([]);
    expect(events.some(({ type }) => type === "attempt-start")).toBe(false);
    expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "budget_exceeded", costUsd: 0 });
  });

  it("ends the run only after the sibling that was waited for has settled", async () => {
    const model = new ScriptedModel(() => ({ text: "ok", usage: { inputTokens: 200, outputTokens: 50 } }));
    const cap = (await worstUsd()) * 1.1;
    const { run, events } = await watch(runtimeWith([place("small", model)]), parallel(["a", "b"]), {
      input: {},
      budget: { costUsd: cap },
    });
    await expect(run.result).rejects.toMatchObject({ code: "BUDGET_EXCEEDED", details: { step: "b" } });
    expect(model.calls).toHaveLength(1);
    const ends = events.flatMap((event) => (event.type === "step-end" ? [`${event.step} ${event.outcome}`] : []));
    expect(ends).toEqual(["a completed", "b failed"]);
    expect(run.ledger().costUsd).toBeCloseTo(250e-6, 12);
  });

  it("leaves out an endpoint without a price, also as a fallback, and admits it when there is no budget", async () => {
    const unpriced = new ScriptedModel(() => answer);
    const priced = new ScriptedModel([{ error: new Error("down") }, answer]);
    const free = endpoint("free", { class: "slm", location: "on-prem", model: unpriced.factory });
    const runtime = runtimeWith([free, place("priced", priced, { class: "llm" })]);
    await expect(runtime.run(parallel(["a"]), empty, { budget: { costUsd: 1 } })).rejects.toMatchObject({
      code: "PROVIDER_ERROR",
    });
    expect(unpriced.calls).toHaveLength(0);
    const { ledger, decisions } = await runtime.run(parallel(["a"]), empty);
    expect(decisions["a"]?.[0]?.ladder[0]?.endpoint).toBe("free");
    expect(ledger).toMatchObject({ complete: false, costUsd: 0, inputTokens: 10, outputTokens: 5 });
  });

  it("refuses to start when no endpoint has a price", async () => {
    const free = endpoint("free", { class: "slm", location: "on-prem", model: new ScriptedModel([]).factory });
    await expect(runtimeWith([free]).run(parallel(["a"]), empty, { budget: { costUsd: 1 } })).rejects.toMatchObject({
      code: "NO_ELIGIBLE_ENDPOINT",
      message: expect.stringContaining("has no price, and a money budget is set") as string,
    });
  });

  it("reports by how much a provider that ignored its limit went over", async () => {
    const model = new ScriptedModel([{ text: "ok", usage: { inputTokens: 10, outputTokens: 10_000 } }]);
    const { ledger } = await runtimeWith([place("small", model)]).run(parallel(["a"]), empty, {
      budget: { costUsd: 0.001 },
    });
    expect(ledger).toMatchObject({ costUsd: 0.01001, overshootUsd: 0.00901, complete: false });
  });

  it.each<[string, { inputTokens: unknown; outputTokens: unknown } | "none", string]>([
    ["missing", "none", "missing"],
    ["negative", { inputTokens: -1, outputTokens: 1 }, "suspect"],
    ["a text", { inputTokens: "12", outputTokens: 1 }, "suspect"],
    ["not a number", { inputTokens: Number.NaN, outputTokens: 1 }, "suspect"],
    ["impossibly large", { inputTokens: 1e18, outputTokens: 1 }, "suspect"],
  ])("charges the bound for a usage that is %s", async (_what, usage, usageSource) => {
    const model = new ScriptedModel([{ text: "ok", usage }]);
    const { run, events } = await watch(runtimeWith([place("small", model)]), parallel(["a"]), {
      input: {},
      budget: { costUsd: 1 },
    });
    const { ledger } = await run.result;
    const started = events.find((event) => event.type === "attempt-start");
    expect(events).toContainEqual(expect.objectContaining({ type: "attempt-end", usageSource, outputTokens: 50 }));
    expect(ledger.complete).toBe(false);
    expect(ledger.inputTokens).toBeGreaterThanOrEqual(started!.requestBytes);
    expect(Number.isFinite(ledger.costUsd)).toBe(true);
  });
});

describe("the events of a run", () => {
  async function collect(run: AsyncIterable<RunEvent>): Promise<RunEvent[]> {
    const events: RunEvent[] = [];
    for await (const event of run) events.push(event);
    return events;
  }

  it("are all there for a reader that attaches after start: run-start first, run-end last", async () => {
    const runtime = runtimeWith([place("small", new ScriptedModel(() => answer))]);
    const run = await runtime.start(parallel(["a"]), empty);
    const events = await collect(run);
    expect(typesOf(events)).toEqual([
      "run-start",
      "step-start a",
      "policy-decision a",
      "attempt-start a",
      "attempt-end a",
      "step-end a",
      "run-end",
    ]);
    expect(events.every(({ runId }) => runId === run.id)).toBe(true);
    await run.result;
  });

  it("end at once for a reader that attaches after the end", async () => {
    const runtime = runtimeWith([place("small", new ScriptedModel(() => answer))]);
    const run = await runtime.start(parallel(["a"]), empty);
    await run.result;
    expect(await collect(run)).toEqual([]);
  });

  it("reach several readers alike, in a run without steps too", async () => {
    const g = graph("none", { input: z.object({}) });
    const runtime = runtimeWith([place("small", new ScriptedModel([]))]);
    const run = await runtime.start(g.output(g.input), {});
    const [one, two] = await Promise.all([collect(run), collect(run)]);
    expect(typesOf(one)).toEqual(["run-start", "run-end"]);
    expect(two).toEqual(one);
  });

  it("carry a failure to a caller who only iterates, without an unhandled rejection", async () => {
    const runtime = runtimeWith([place("small", new ScriptedModel([{ error: new Error("down") }]))]);
    const events = await collect(await runtime.start(parallel(["a"]), empty));
    expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "failed" });
    await new Promise(setImmediate);
  });

  it("end when the engine itself fails, and the run fails with a typed error", async () => {
    const cause = new Error("the engine's store is gone");
    const engine: Engine = {
      serve: () => Promise.resolve(),
      start: () => Promise.resolve("started"),
      signal: () => Promise.resolve("already"),
      cancel: () => Promise.resolve(),
      result: () => new Promise((_resolve, reject) => setImmediate(() => reject(cause))),
      drain: () => Promise.resolve(),
    };
    const runtime = runtimeWith([place("small", new ScriptedModel([]))], { engine });
    const run = await runtime.start(parallel(["a"]), empty);
    expect(typesOf(await collect(run))).toEqual(["run-end"]);
    await expect(run.result).rejects.toMatchObject({ code: "INTERNAL", cause });
    const refusing: Engine = { ...engine, start: () => Promise.reject(cause) };
    const refused = runtimeWith([place("small", new ScriptedModel([]))], { engine: refusing });
    await expect(refused.start(parallel(["a"]), empty, { runId: "x" })).rejects.toBe(cause);
    await expect(refused.start(parallel(["a"]), empty, { runId: "x" })).rejects.toBe(cause);
  });

  it("of two runs with one id are those of the first: the second does not start", async () => {
    const runtime = runtimeWith([place("small", new ScriptedModel(() => answer))]);
    const options = { runId: "order-1042" };
    const run = await runtime.start(parallel(["a"]), empty, options);
    const expected = {
      ...{ name: "TierwiseError", code: "RUN_EXISTS", details: { runId: "order-1042" } },
      message: "run options: there is a run order-1042 already; wait for it, or choose another runId",
    };
    await expect(runtime.start(parallel(["a"]), empty, options)).rejects.toMatchObject(expected);
    await expect(runtime.run(parallel(["a"]), empty, options)).rejects.toMatchObject(expected);
    await run.result;
    expect((await runtime.run(parallel(["a"]), empty, options)).runId).toBe("order-1042");
  });

  it("are refused by the engine as well, where another process has started that id", async () => {
    const engine: Engine = {
      serve: () => Promise.resolve(),
      start: () => Promise.resolve("exists"),
      signal: () => Promise.resolve("already"),
      cancel: () => Promise.resolve(),
      result: () => Promise.reject(new Error("unused")),
      drain: () => Promise.resolve(),
    };
    const runtime = runtimeWith([place("small", new ScriptedModel([]))], { engine });
    await expect(runtime.run(parallel(["a"]), empty, { runId: "x" })).rejects.toMatchObject({ code: "RUN_EXISTS" });
  });

  it("do not break the run when a listener throws; its error reaches the process as uncaught", async () => {
    const uncaught: unknown[] = [];
    const others = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.on("uncaughtException", (error) => void uncaught.push(error));
    try {
      const runtime = runtimeWith([place("small", new ScriptedModel(() => answer))]);
      const run = await runtime.start(parallel(["a"]), empty);
      const heard: string[] = [];
      run.on("*", () => {
        throw new Error("listener");
      });
      run.on("*", ({ type }) => void heard.push(type));
      await expect(run.result).resolves.toMatchObject({ output: { a: "ok" } });
      await new Promise(setImmediate);
      expect(heard).toHaveLength(7);
      expect(uncaught).toEqual(Array(7).fill(expect.objectContaining({ message: "listener" })));
    } finally {
      process.removeAllListeners("uncaughtException");
      for (const other of others) process.on("uncaughtException", other);
    }
  });

  it("work for a step that is called like a member of every object", async () => {
    const runtime = runtimeWith([place("small", new ScriptedModel(() => answer))]);
    const { output, decisions } = await runtime.run(parallel(["constructor", "toString", "valueOf"]), empty);
    expect(Object.values(output as object)).toEqual(["ok", "ok", "ok"]);
    expect(Object.keys(decisions)).toEqual(["constructor", "toString", "valueOf"]);
  });

  it("stop reaching a listener that was taken off", async () => {
    const runtime = runtimeWith([place("small", new ScriptedModel(() => answer))]);
    const run = await runtime.start(parallel(["a"]), empty);
    const heard: string[] = [];
    const stop = run.on("*", ({ type }) => {
      heard.push(type);
      stop();
    });
    await run.result;
    expect(heard).toEqual(["run-start"]);
  });

  /** Code steps in a chain: three events each (start, end and nothing else), so 200 steps are 400 events. */
  function chain(length: number, ran: { count: number }) {
    const g = graph("chain", { input: z.object({}) });
    let last = g.code("step-0", { needs: {}, run: () => (ran.count += 1) });
    for (let index = 1; index < length; index += 1) {
      last = g.code(`step-${index}`, { needs: { last }, run: () => (ran.count += 1) });
    }
    return g.output(last);
  }

  const idle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await new Promise(setImmediate);
  };

  it("hold the run back while an attached reader lags by 256, and let it go on as it reads", async () => {
    const ran = { count: 0 };
    const runtime = runtimeWith([place("small", new ScriptedModel([]))]);
    const run = await runtime.start(chain(400, ran), {});
    const iterator = run[Symbol.asyncIterator]();
    await idle();
    const held = ran.count;
    expect(held).toBeGreaterThan(100);
    expect(held).toBeLessThan(135);
    await idle();
    expect(ran.count).toBe(held);
    for (let index = 0; index < 10; index += 1) await iterator.next();
    await idle();
    expect(ran.count).toBeGreaterThan(held);
    expect(ran.count).toBeLessThan(held + 10);
    let last: RunEvent | undefined;
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next()) last = next.value;
    expect(last?.type).toBe("run-end");
    expect(ran.count).toBe(400);
  });

  it("do not hold the run back when nobody reads", async () => {
    const ran = { count: 0 };
    const run = await runtimeWith([place("small", new ScriptedModel([]))]).start(chain(400, ran), {});
    await run.result;
    expect(ran.count).toBe(400);
  });

  it("let the run go on when its reader leaves", async () => {
    const ran = { count: 0 };
    const run = await runtimeWith([place("small", new ScriptedModel([]))]).start(chain(400, ran), {});
    for await (const event of run) if (event.type === "step-start") break;
    await run.result;
    expect(ran.count).toBe(400);
  });

  it("wait for a reader that stopped reading until the deadline, no longer", async () => {
    const clock = new SimulatedClock();
    const ran = { count: 0 };
    const runtime = runtimeWith([place("small", new ScriptedModel([]))], { clock });
    const run = await runtime.start(chain(400, ran), {}, { budget: { durationMs: 1_000 } });
    const iterator = run[Symbol.asyncIterator]();
    await clock.advance(999);
    await idle();
    const held = ran.count;
    expect(held).toBeLessThan(135);
    await clock.advance(1);
    await expect(run.result).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(ran.count).toBe(held);
    expect(clock.pending).toBe(0);
    await iterator.return?.();
  });

  it("end for a reader that returns while it waits, and for reads that overlap", async () => {
    const clock = new SimulatedClock();
    const runtime = runtimeWith([place("small", new ScriptedModel(() => ({ hangs: true })))], { clock });
    const run = await runtime.start(parallel(["a"]), empty, { budget: { durationMs: 1_000 } });
    const iterator = run[Symbol.asyncIterator]();
    const overlapping = await Promise.all([iterator.next(), iterator.next(), iterator.next(), iterator.next()]);
    expect(overlapping.map(({ value }) => (value as RunEvent).type)).toEqual([
      "run-start",
      "step-start",
      "policy-decision",
      "attempt-start",
    ]);
    const waiting = [iterator.next(), iterator.next()];
    await iterator.return?.();
    expect(await Promise.all(waiting)).toEqual(Array(2).fill({ done: true, value: undefined }));
    expect(await iterator.next()).toEqual({ done: true, value: undefined });
    await clock.advance(1_000);
    await expect(run.result).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" });
  });
});
