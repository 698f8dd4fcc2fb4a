import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  type Graph,
  type RunEvent,
  type RuntimeOptions,
} from "../../src/index.ts";
import { ScriptedModel, SimulatedClock } from "../../src/testing/index.ts";

const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };

function setUp(options: Partial<RuntimeOptions> & { readonly answer?: (prompt: string) => string } = {}) {
  const { answer = (prompt: string) => prompt.toUpperCase(), ...rest } = options;
  const model = new ScriptedModel(({ messages }) => ({ text: answer(messages.at(-1)?.content ?? "") }));
  const catalog = createCatalog([
    endpoint("small", { class: "slm", location: "on-prem", clearance: "classified", model: model.factory, price }),
  ]);
  return { model, runtime: createRuntime({ catalog, policy: defaultPolicy(), ...rest }) };
}

/** One model step that shouts its input. */
function shout(name = "shout") {
  const g = graph(name, { input: z.string() });
  const said = g.model("said", {
    needs: { word: g.input },
    complexity: "generation",
    output: z.string(),
    prompt: ({ word }) => word,
  });
  return g.output(said);
}

async function eventsOf<I, O>(runtime: ReturnType<typeof createRuntime>, built: Graph<I, O>, input: NoInfer<I>) {
  const run = await runtime.start(built, input);
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return { events, result: await run.result.catch((error: unknown) => error) };
}

describe("map", () => {
  const over = (options: object = {}) => {
    const g = graph("words", { input: z.array(z.string()) });
    const shouted = g.map("each", { over: g.input, each: shout(), ...options });
    return g.output(shouted);
  };

  it("gives values in the order of the items, however many run at once", async () => {
    const words = Array.from({ length: 40 }, (_, index) => `w${index}`);
    const { runtime, model } = setUp();
    const { output, ledger } = await runtime.run(over({ concurrency: 7 }), words);
    expect(output).toEqual(words.map((word) => word.toUpperCase()));
    expect(model.calls).toHaveLength(40);
    expect(Object.keys(ledger.steps)).toEqual(["each/said"]);
    expect(ledger.steps["each/said"]).toMatchObject({ attempts: 40, complete: true });
  });

  it("is empty over an empty list, and refuses one that is too long before anything is paid for", async () => {
    const { runtime, model } = setUp();
    expect((await runtime.run(over(), [])).output).toEqual([]);
    await expect(runtime.run(over({ maxItems: 2 }), ["a", "b", "c"])).rejects.toThrow(
      'step "each": the list has 3 items, more than 2 (maxItems)',
    );
    expect(model.calls).toHaveLength(0);
  });

  it("never runs more items at once than it says", async () => {
    const clock = new SimulatedClock();
    let open = 0;
    let most = 0;
    const g = graph("items", { input: z.number() });
    const slow = g.code("slow", {
      needs: { item: g.input },
      run: async ({ item }) => {
        open += 1;
        most = Math.max(most, open);
        await new Promise<void>((resolve) => clock.setTimer(10 + item, resolve));
        open -= 1;
        return item;
      },
    });
    const each = g.output(slow);
    const outer = graph("outer", { input: z.array(z.number()) });
    const built = outer.output(outer.map("each", { over: outer.input, each, concurrency: 3 }));
    const { runtime } = setUp({ clock });
    const result = runtime.run(built, [5, 4, 3, 2, 1, 0, 9]);
    await clock.advance(100);
    expect((await result).output).toEqual([5, 4, 3, 2, 1, 0, 9]);
    expect(most).toBe(3);
  });

  it("fails with its first failing item and starts no more, unless it collects", async () => {
    const answer = (prompt: string): string => (prompt === "b" ? "" : prompt.toUpperCase());
    const failing = setUp({ answer });
    const { events, result } = await eventsOf(failing.runtime, over({ concurrency: 1 }), ["a", "b", "c"]);
    expect(result).toMatchObject({ code: "OUTPUT_INVALID" });
    expect(failing.model.calls).toHaveLength(2);
    expect(
      events.filter((event) => event.type === "step-end").map(({ step, outcome }) => `${step} ${outcome}`),
    ).toEqual(["each[0]/said completed", "each[1]/said failed", "each failed"]);
    const g = graph("words", { input: z.array(z.string()) });
    const collected = g.output(g.map("each", { over: g.input, each: shout(), onItemError: "collect" }));
    const { output } = await setUp({ answer }).runtime.run(collected, ["a", "b", "c"]);
    expect(output).toEqual([
      { ok: true, value: "A" },
      { ok: false, error: { code: "OUTPUT_INVALID", message: expect.stringContaining('"each[1]/said"') as string } },
      { ok: true, value: "C" },
    ]);
  });
});

describe("loop", () => {
  const counting = (options: object = {}) => {
    const inner = graph("add", { input: z.number() });
    const body = inner.output(inner.code("plus", { needs: { n: inner.input }, run: ({ n }) => n + 1 }));
    const g = graph("count", { input: z.number() });
    const counted = g.loop("again", { start: g.input, body, until: (n) => n >= 5, maxIterations: 10, ...options });
    return g.output(counted);
  };

  it("goes on from state to state until it is told to stop, perhaps at once", async () => {
    const { runtime } = setUp();
    expect((await runtime.run(counting(), 0)).output).toBe(5);
    expect((await runtime.run(counting(), 7)).output).toBe(7);
  });

  it("ends at its limit: as a failure, or with the state as it is", async () => {
    const { runtime } = setUp();
    await expect(runtime.run(counting({ maxIterations: 3 }), 0)).rejects.toThrow("not over after 3 iterations");
    expect((await runtime.run(counting({ maxIterations: 3, onLimit: "accept" }), 0)).output).toBe(3);
  });
});

describe("subgraph", () => {
  it("runs another graph as one step, its input whole or field by field", async () => {
    const inner = graph("greet", { input: z.object({ first: z.string(), last: z.string() }) });
    const joined = inner.output(
      inner.code("join", { needs: { all: inner.input }, run: ({ all }) => `${all.first} ${all.last}` }),
    );
    const g = graph("outer", { input: z.object({ first: z.string(), last: z.string() }) });
    const whole = g.subgraph("whole", { input: g.input, graph: joined });
    const fields = g.subgraph("fields", {
      input: { first: g.input.field("last"), last: g.input.field("first") },
      graph: joined,
    });
    const { output } = await setUp().runtime.run(g.output({ whole, fields }), { first: "Ada", last: "Byron" });
    expect(output).toEqual({ whole: "Ada Byron", fields: "Byron Ada" });
  });

  it("nests as deep as graphs do", async () => {
    let built = shout("level0");
    for (let level = 1; level <= 5; level += 1) {
      const g = graph(`level${level}`, { input: z.string() });
      built = g.output(g.subgraph("down", { input: g.input, graph: built }));
    }
    const { runtime } = setUp();
    expect((await runtime.run(built, "deep")).output).toBe("DEEP");
    expect(runtime.plan(built).steps.map(({ step }) => step)).toEqual(["down/down/down/down/down/said"]);
  });

  it("is refused when it is handed more than its input is declared for, and carries its label on", () => {
    const g = graph("outer", { input: z.string(), label: { level: "customer", compartments: ["pii"] } });
    const said = g.subgraph("said", { input: g.input, graph: shout() });
    expect(() => g.output(said)).toThrow(
      /hands graph "shout" customer\{pii\} untrusted, whose input is declared public/,
    );
    const inner = graph("high", { input: z.string(), label: "customer" });
    const raised = inner.output(
      inner.code("raise", { needs: { x: inner.input }, produces: { level: "regulated" }, run: ({ x }) => x }),
      { clearance: "regulated" },
    );
    const outer = graph("outer", { input: z.string(), label: "internal" });
    const result = outer.subgraph("inner", { input: outer.input, graph: raised });
    expect(() => outer.output(result)).toThrow(/payload regulated/);
  });
});

describe("a failure", () => {
  const failing = (): string => {
    throw new Error("CANARY");
  };

  it("becomes a declared value, and the run says so", async () => {
    const g = graph("fallback", { input: z.string() });
    const got = g.code("got", { needs: { x: g.input }, run: failing, onError: { value: "none" } });
    const { events, result } = await eventsOf(setUp().runtime, g.output(got), "x");
    expect(result).toMatchObject({ output: "none" });
    expect(events.find(({ type }) => type === "step-recovered")).toMatchObject({ code: "STEP_FAILED", with: "value" });
    expect(JSON.stringify(events)).not.toContain("CANARY");
  });

  it("becomes a skipped step, so that the next alternative is taken", async () => {
    const g = graph("alternative", { input: z.string() });
    const first = g.code("first", { needs: { x: g.input }, run: failing, onError: "skip" });
    const second = g.code("second", { needs: { x: g.input }, run: ({ x }) => `${x}!` });
    const { output } = await setUp().runtime.run(g.output(g.firstOf("either", [first, second])), "x");
    expect(output).toBe("x!");
  });

  it("of a graph inside is one of the step that runs it", async () => {
    const inner = graph("inner", { input: z.string() });
    const broken = inner.output(inner.code("broken", { needs: { x: inner.input }, run: failing }));
    const g = graph("outer", { input: z.string() });
    const got = g.subgraph("got", { input: g.input, graph: broken, onError: { value: "none" } });
    expect((await setUp().runtime.run(g.output(got), "x")).output).toBe("none");
  });

  it("of the budget is never recovered", async () => {
    const g = graph("poor", { input: z.string() });
    const said = g.model("said", {
      needs: { word: g.input },
      complexity: "generation",
      output: z.string(),
      prompt: ({ word }) => word,
      onError: { value: "none" },
    });
    const run = setUp().runtime.run(g.output(said), "x", { budget: { costUsd: 1e-9 } });
    await expect(run).rejects.toMatchObject({ code: "BUDGET_EXCEEDED" });
  });
});

describe("approve", () => {
  const asking = (label: "public" | "customer" = "public") => {
    const g = graph("ask", { input: z.string(), label });
    const decided = g.approve("decided", { needs: { x: g.input }, question: ({ x }) => `May ${x}?` });
    return g.output(decided);
  };

  it.each([
    [true, { approved: true }],
    [false, { approved: false }],
    [
      { approved: true, by: "ada", reason: "fine", extra: 1 },
      { approved: true, by: "ada", reason: "fine" },
    ],
  ])("with %j is %j", async (answer, approval) => {
    const asked: unknown[] = [];
    const onHuman = { ask: (request: unknown) => (asked.push(request), Promise.resolve(answer as unknown)) };
    expect((await setUp({ onHuman }).runtime.run(asking(), "I")).output).toEqual(approval);
    expect(asked).toMatchObject([{ kind: "approval", step: "decided", prompt: "May I?" }]);
  });

  it("cannot be started where nobody may be asked", async () => {
    await expect(setUp().runtime.run(asking(), "x")).rejects.toMatchObject({ code: "HUMAN_REQUIRED" });
    const onHuman = { clearance: "internal" as const, ask: () => Promise.resolve(true) };
    await expect(setUp({ onHuman }).runtime.run(asking("customer"), "x")).rejects.toThrow(
      "the person (onHuman) is cleared for internal{}; the question is customer{}: level +1",
    );
  });

  it("fails on an answer that is neither", async () => {
    const onHuman = { ask: () => Promise.resolve("yes") };
    await expect(setUp({ onHuman }).runtime.run(asking(), "x")).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
  });
});

describe("cancellation", () => {
  it("ends everything inside, however deep, and nothing starts after", async () => {
    const g = graph("item", { input: z.number() });
    let started = 0;
    const waits = g.code("waits", {
      needs: { item: g.input },
      run: (_values, { signal }) => {
        started += 1;
        return new Promise<number>((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
        });
      },
    });
    const each = g.output(waits);
    const outer = graph("outer", { input: z.array(z.number()) });
    const built = outer.output(outer.map("each", { over: outer.input, each, concurrency: 3 }));
    const run = await setUp().runtime.start(built, [1, 2, 3, 4, 5]);
    const ended: string[] = [];
    run.on("step-end", ({ step, outcome }) => ended.push(`${step} ${outcome}`));
    run.on("step-start", ({ step }) => step === "each[2]/waits" && run.cancel("enough"));
    await expect(run.result).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect(started).toBeLessThanOrEqual(3);
    expect(ended.filter((line) => line.endsWith("cancelled"))).toHaveLength(4);
  });
});
