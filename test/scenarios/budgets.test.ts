import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  BudgetExceededError,
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  type TierwiseError,
  type Endpoint,
  type Graph,
  type RunEvent,
  type RunOptions,
  type RuntimeOptions,
  type StepBudget,
} from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type ScriptedReply } from "../../src/testing/index.ts";
import { price, priced } from "../support/priced-models.ts";

const answer: ScriptedReply = { text: "ok", usage: { inputTokens: 10, outputTokens: 5 } };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function runtimeOf(endpoints: readonly Endpoint[], options: Partial<RuntimeOptions> = {}) {
  const own = { policy: defaultPolicy(), retry: { maxAttempts: 1 } };
  return createRuntime({ catalog: createCatalog(endpoints), ...own, ...options });
}

/** Steps side by side, each one question. */
function asking(names: readonly string[], budget?: StepBudget) {
  const g = graph("asking", { input: z.object({}) });
  const spec = { needs: {}, complexity: "generation", output: z.string(), maxOutputTokens: 50 } as const;
  const own = budget === undefined ? {} : { budget };
  return g.output(
    Object.fromEntries(names.map((name) => [name, g.model(name, { ...spec, ...own, prompt: () => `p ${name}` })])),
  );
}

/** The most one call of `asking` can take, as the runtime sees it. */
async function worstTokens(): Promise<number> {
  const run = await runtimeOf([priced("small", new ScriptedModel([answer]))]).start(asking(["a"]), {});
  let bytes = 0;
  run.on("attempt-start", ({ requestBytes }) => (bytes = requestBytes));
  await run.result;
  return bytes + 256 + 50;
}

async function failing<I>(
  runtime: ReturnType<typeof runtimeOf>,
  started: Graph<I, unknown>,
  { input, ...options }: RunOptions & { input: NoInfer<I> },
) {
  const run = await runtime.start(started, input, options);
  const events: RunEvent[] = [];
  run.on("*", (event) => void events.push(event));
  const error = await run.result.then(
    () => undefined,
    (thrown: unknown) => thrown as TierwiseError,
  );
  return { error, events, ledger: run.ledger() };
}

describe("a run's budget", () => {
  it("of calls ends the run before one more, whatever endpoints there are", async () => {
    const [small, large] = [new ScriptedModel(() => answer), new ScriptedModel([])];
    const runtime = runtimeOf([priced("small", small), priced("large", large, { class: "llm" })]);
    const { error, ledger } = await failing(runtime, asking(["a", "b", "c"]), { input: {}, budget: { calls: 2 } });
    expect(error).toBeInstanceOf(BudgetExceededError);
    expect(error).toMatchObject({
      code: "BUDGET_EXCEEDED",
      message:
        'step "c": the worst case of the next call fits no endpoint within the calls left to the run; raise budget.calls of the run',
      details: { step: "c", scope: "run", dimension: "calls", limit: 2 },
    });
    expect(small.calls).toHaveLength(2);
    expect(large.calls).toHaveLength(0);
    expect(ledger).toMatchObject({ attempts: 2, capCalls: 2, reservedCalls: 0 });
  });

  it("of calls counts retries", async () => {
    const model = new ScriptedModel(() => ({ error: Object.assign(new Error("busy"), { status: 503 }) }));
    const clock = new SimulatedClock();
    const runtime = runtimeOf([priced("small", model)], { retry: { maxAttempts: 5 }, clock, random: () => 0 });
    const failed = failing(runtime, asking(["a"]), { input: {}, budget: { calls: 3 } });
    for (let step = 0; step < 20; step += 1) await clock.advance(1_000);
    expect((await failed).error).toMatchObject({ code: "BUDGET_EXCEEDED", details: { dimension: "calls" } });
    expect(model.calls).toHaveLength(3);
  });

  it("of tokens admits the worst case exactly, and not one token less", async () => {
    const worst = await worstTokens();
    const model = new ScriptedModel([answer]);
    const runtime = runtimeOf([priced("small", model)]);
    const { error } = await failing(runtime, asking(["a"]), { input: {}, budget: { tokens: worst - 1 } });
    expect(error?.message).toBe(
      'step "a": the worst case of the next call fits no endpoint within the tokens left to the run; raise budget.tokens of the run or lower maxOutputTokens',
    );
    expect(model.calls).toHaveLength(0);
    const { ledger } = await runtime.run(asking(["a"]), {}, { budget: { tokens: worst } });
    expect(ledger).toMatchObject({ capTokens: worst, inputTokens: 10, outputTokens: 5, reservedTokens: 0 });
  });

  it("of tokens lets siblings wait for each other, and settles what was used", async () => {
    const worst = await worstTokens();
    const model = new ScriptedModel(() => answer);
    const runtime = runtimeOf([priced("small", model)]);
    const names = ["a", "b", "c", "d"];
    const { ledger } = await runtime.run(asking(names), {}, { budget: { tokens: worst + 45 } });
    expect(ledger).toMatchObject({ attempts: 4, overshootTokens: 0 });
    await expect(runtime.run(asking(names), {}, { budget: { tokens: worst + 44 } })).rejects.toMatchObject({
      code: "BUDGET_EXCEEDED",
    });
  });

  it.each<[string, NonNullable<ScriptedReply["usage"]>, number]>([
    ["missing", "none", 0],
    ["NaN", { inputTokens: Number.NaN, outputTokens: 5 }, 0],
    ["negative", { inputTokens: 10, outputTokens: -5 }, 0],
    ["a text", { inputTokens: "10", outputTokens: 5 }, 0],
    ["1e18", { inputTokens: 1e18, outputTokens: 5 }, 0],
    ["more cached than sent", { inputTokens: 10, outputTokens: 5, cacheReadTokens: 11 }, 0],
    ["above the limit that was sent", { inputTokens: 10, outputTokens: 2_000 }, 2_000],
  ])("of tokens charges a usage that is %s, and stays a number", async (_what, usage, least) => {
    const worst = await worstTokens();
    const runtime = runtimeOf([priced("small", new ScriptedModel(() => ({ text: "ok", usage })))]);
    const { ledger } = await runtime.run(asking(["a"]), {}, { budget: { tokens: worst } });
    const used = ledger.inputTokens + ledger.outputTokens;
    expect(used).toBeGreaterThanOrEqual(least === 0 ? worst : least);
    expect(ledger.overshootTokens).toBe(Math.max(0, used - worst));
    // What was charged leaves no room for another.
    const more = await failing(runtime, asking(["a", "b"]), { input: {}, budget: { tokens: worst + 10 } });
    expect(more.error).toMatchObject({ code: "BUDGET_EXCEEDED", details: { dimension: "tokens" } });
  });

  it("of tokens or money keeps out an endpoint whose output limit cannot be set, also in the plan", async () => {
    const fixed = endpoint("fixed", {
      ...{ class: "slm", location: "on-prem", price },
      model: { invoke: () => Promise.resolve({ content: "ok" }) },
    });
    const runtime = runtimeOf([fixed]);
    const { problems } = runtime.plan(asking(["a"]), { budget: { tokens: 1_000_000 } });
    expect(problems[0]?.message).toContain("its output limit cannot be set, and a token budget is set");
    expect(problems[0]?.message).toContain("drop the token budget");
    expect(runtime.plan(asking(["a"], { tokens: 1_000_000 })).problems).toHaveLength(1);
    expect(runtime.plan(asking(["a"], { calls: 1 })).problems).toEqual([]);
    await expect(runtime.run(asking(["a"]), {}, { budget: { tokens: 9 } })).rejects.toMatchObject({
      code: "NO_ELIGIBLE_ENDPOINT",
    });
  });
});

describe("a step's budget", () => {
  it("bounds one execution of the step, not its siblings", async () => {
    const model = new ScriptedModel(() => answer);
    const { ledger } = await runtimeOf([priced("small", model)]).run(asking(["a", "b", "c"], { calls: 1 }), {});
    expect(ledger.attempts).toBe(3);
    expect(ledger.capCalls).toBeUndefined();
  });

  it("is named when it is what has no room, and the next endpoint is decided upon without the dear one", async () => {
    const worst = await worstTokens();
    const dear = new ScriptedModel([]);
    const dearPrice = { inputPerMillionTokensUsd: 1_000, outputPerMillionTokensUsd: 1_000 };
    const cheap = priced("cheap", new ScriptedModel([answer]), { class: "llm" });
    const runtime = runtimeOf([priced("dear", dear, { price: dearPrice }), cheap]);
    const { decisions } = await runtime.run(asking(["a"], { costUsd: worst * 1e-6 }), {});
    expect(decisions["a"]?.at(-1)?.refused).toEqual([
      { endpoint: "dear", rule: "excluded", reason: 'budget: its worst case does not fit the money left to step "a"' },
    ]);
    expect(dear.calls).toHaveLength(0);
    const { error } = await failing(runtime, asking(["a"], { costUsd: 1e-6 }), { input: {}, budget: { costUsd: 1 } });
    expect(error).toMatchObject({
      message:
        'step "a": the worst case of the next call fits no endpoint within the money left to step "a"; raise budget.costUsd of step "a" or lower maxOutputTokens',
      details: { step: "a", scope: "step", dimension: "costUsd", limit: 1e-6, budgetOf: "a" },
    });
  });

  it("counts escalations and rejected drafts", async () => {
    const [weak, strong] = [
      new ScriptedModel(() => ({ text: "  ", usage: { inputTokens: 10, outputTokens: 5 } })),
      new ScriptedModel([]),
    ];
    const runtime = runtimeOf([priced("weak", weak), priced("strong", strong, { class: "llm" })]);
    const { error } = await failing(runtime, asking(["a"], { calls: 1 }), { input: {} });
    expect(error).toMatchObject({ code: "BUDGET_EXCEEDED", details: { scope: "step", dimension: "calls" } });
    expect([weak.calls.length, strong.calls.length]).toEqual([1, 0]);
  });

  /** Items that each ask once, in a map that may have a budget. */
  function listOf(budget: { readonly map?: StepBudget; readonly item?: StepBudget }) {
    const inner = graph("inner", { input: z.number() });
    const spec = {
      needs: { item: inner.input },
      complexity: "generation",
      output: z.string(),
      maxOutputTokens: 50,
    } as const;
    const own = budget.item === undefined ? {} : { budget: budget.item };
    const each = inner.output(inner.model("ask", { ...spec, ...own, prompt: ({ item }) => `p ${item}` }));
    const g = graph("list", { input: z.array(z.number()) });
    const around = budget.map === undefined ? {} : { budget: budget.map };
    return g.output(g.map("items", { over: g.input, each, concurrency: 100, ...around }));
  }

  it("of a map bounds all its items together, of a step inside each item", async () => {
    const model = new ScriptedModel(() => answer);
    const runtime = runtimeOf([priced("small", model)]);
    const input = Array.from({ length: 50 }, (_, index) => index);
    const { error, ledger } = await failing(runtime, listOf({ map: { calls: 20 } }), { input });
    expect(error).toMatchObject({ details: { scope: "step", dimension: "calls", budgetOf: "items" } });
    expect(ledger.attempts).toBe(20);
    const each = await runtime.run(listOf({ item: { calls: 1 }, map: { calls: 50 } }), input);
    expect(each.ledger.attempts).toBe(50);
  });

  it("of a loop bounds its iterations together, of a step inside each iteration", async () => {
    const model = new ScriptedModel(() => answer);
    const runtime = runtimeOf([priced("small", model)]);
    const looping = (outer: StepBudget, inner: StepBudget) => {
      const body = graph("body", { input: z.string() });
      const spec = { needs: { state: body.input }, complexity: "generation", output: z.string() } as const;
      const next = body.output(body.model("next", { ...spec, prompt: ({ state }) => state, budget: inner }));
      const g = graph("looping", { input: z.string() });
      const until = (_state: string, iteration: number) => iteration === 5;
      return g.output(g.loop("refine", { start: g.input, body: next, until, maxIterations: 9, budget: outer }));
    };
    expect((await runtime.run(looping({ calls: 5 }, { calls: 1 }), "x")).ledger.attempts).toBe(5);
    const { error } = await failing(runtime, looping({ calls: 4 }, { calls: 1 }), { input: "x" });
    expect(error).toMatchObject({ details: { step: "refine[4]/next", budgetOf: "refine" } });
  });

  it("of a subgraph pays for tools, too", async () => {
    const calls: string[] = [];
    const look = {
      ...{
        name: "look",
        description: "looks",
        schema: { type: "object", properties: {}, additionalProperties: false },
      },
      invoke: () => Promise.resolve(`found ${calls.push("look")}`),
    };
    const inner = graph("inner", { input: z.object({}) });
    const tools = [{ tool: look, effect: "read" as const, cost: { perCallUsd: 0.4 } }];
    const work = inner.agent("work", { needs: {}, output: z.string(), prompt: () => "p", tools });
    const g = graph("outer", { input: z.object({}) });
    const done = g.subgraph("done", { input: g.input, graph: inner.output(work), budget: { costUsd: 0.5 } });
    const model = new ScriptedModel(() => ({ toolCalls: [{ name: "look", args: {} }] }));
    const { error } = await failing(runtimeOf([priced("one", model, { class: "llm" })]), g.output(done), { input: {} });
    expect(error).toMatchObject({
      code: "BUDGET_EXCEEDED",
      message:
        'step "done/work": the money left to step "done" cannot pay for the tool that the model goes on to call; raise budget.costUsd of step "done"',
      details: { scope: "step", budgetOf: "done" },
    });
    expect(calls).toHaveLength(1);
  });

  it("of money keeps an endpoint without a price out: in the plan, inside a step, and as a fallback", async () => {
    const free = endpoint("free", { class: "slm", location: "on-prem", model: new ScriptedModel([]).factory });
    const runtime = runtimeOf([free]);
    const says = "has no price, and a money budget is set";
    expect(runtime.plan(asking(["a"], { costUsd: 1 })).problems[0]?.message).toContain(says);
    expect(runtime.plan(listOf({ map: { costUsd: 1 } })).problems[0]?.message).toContain(says);
    expect(runtime.plan(listOf({ map: { calls: 1 } })).problems).toEqual([]);
    const dead = priced("dead", new ScriptedModel([{ error: new Error("down") }]));
    const both = runtimeOf([dead, free]);
    const { events } = await failing(both, listOf({ map: { costUsd: 1 } }), { input: [1] });
    expect(events.flatMap((event) => (event.type === "attempt-start" ? [event.endpoint] : []))).toEqual(["dead"]);
    const decided = events.flatMap((event) => (event.type === "policy-decision" ? [event.decision] : []));
    for (const { refused } of decided)
      expect(refused).toContainEqual({ endpoint: "free", rule: "money", reason: says });
  });
});

describe("the deadline of a run", () => {
  it("reaches models of graphs inside, and what is left of it their decisions", async () => {
    const clock = new SimulatedClock();
    const left: (number | undefined)[] = [];
    const rule = {
      name: "noted",
      version: "1",
      apply: (_candidates: unknown, facts: { remainingMs?: number }) => {
        left.push(facts.remainingMs);
        return {};
      },
    };
    const inner = graph("inner", { input: z.object({}) });
    const waited = inner.code("waited", {
      needs: {},
      run: async () => {
        await new Promise<void>((resolve) => clock.setTimer(400, resolve));
        return 1;
      },
    });
    const spec = { complexity: "generation", output: z.string(), prompt: () => "p" } as const;
    const asked = inner.output(inner.model("asked", { needs: { waited }, ...spec }));
    const g = graph("outer", { input: z.object({}) });
    const built = g.output(g.subgraph("done", { input: g.input, graph: asked }));
    const model = new ScriptedModel([{ hangs: true }]);
    const policy = defaultPolicy();
    const noted = { ...policy, rules: [...policy.rules, rule as never] };
    const failed = failing(runtimeOf([priced("small", model)], { clock, policy: noted }), built, {
      input: {},
      budget: { durationMs: 1_000 },
    });
    await turn();
    left.length = 0;
    for (let step = 0; step < 12; step += 1) await clock.advance(100);
    expect((await failed).error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(left).toEqual([600]);
    expect(model.calls[0]?.signal?.aborted).toBe(true);
  });

  it("aborts code of a graph inside", async () => {
    const clock = new SimulatedClock();
    const reasons: unknown[] = [];
    const inner = graph("inner", { input: z.object({}) });
    const stuck = inner.code("stuck", {
      needs: {},
      run: (_values, { signal }) =>
        new Promise<number>(() => signal.addEventListener("abort", () => reasons.push(signal.reason))),
    });
    const g = graph("outer", { input: z.object({}) });
    const built = g.output(g.subgraph("done", { input: g.input, graph: inner.output(stuck) }));
    const options = { input: {}, budget: { durationMs: 1_000 } };
    const failed = failing(runtimeOf([priced("small", new ScriptedModel([]))], { clock }), built, options);
    await clock.advance(1_000);
    expect((await failed).error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
    expect(reasons).toMatchObject([{ code: "DEADLINE_EXCEEDED" }]);
    expect(clock.pending).toBe(0);
  });
});
