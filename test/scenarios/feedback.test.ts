import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  ProviderError,
  type EndpointSpec,
  type RuntimeOptions,
} from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type Script, type ScriptedReply } from "../../src/testing/index.ts";

const quarterHourMs = 15 * 60_000;
const good: ScriptedReply = { text: '{"ok":true}' };
const weak: ScriptedReply = { text: "not JSON" };
const always = (reply: ScriptedReply) => (): ScriptedReply => reply;
const down: ScriptedReply = {
  error: new ProviderError("down", { retryable: true, errorType: "503", status: 503 }),
};

function oneStep(name: string, options: { maxLatencyMs?: number; timeoutMs?: number; validate?: () => boolean } = {}) {
  const g = graph(name, { input: z.object({}) });
  const reply = g.model("reply", {
    needs: { input: g.input },
    complexity: "generation",
    output: z.object({ ok: z.boolean() }),
    prompt: () => "p",
    ...options,
  });
  return g.output(reply);
}

interface Side extends Partial<EndpointSpec> {
  readonly script: Script;
  /** On the simulated clock. */
  readonly takesMs?: number;
}

/** A small and a large model; only the clock of the test tells the time. */
function open(sides: { small: Side; large: Side }, options: Partial<RuntimeOptions> = {}) {
  const clock = new SimulatedClock();
  const built = { small: build("slm", sides.small, clock), large: build("llm", sides.large, clock) };
  const catalog = createCatalog([endpoint("small", built.small.spec), endpoint("large", built.large.spec)]);
  const retry = { maxAttempts: 1 };
  const runtime = createRuntime({ catalog, policy: defaultPolicy(), clock, retry, ...options });
  const calls = (): readonly [number, number] => [built.small.model.calls.length, built.large.model.calls.length];
  return { clock, runtime, calls };
}

function build(endpointClass: "slm" | "llm", { script, takesMs = 0, ...spec }: Side, clock: SimulatedClock) {
  const model = new ScriptedModel(script);
  const slow = {
    invoke: async (messages: unknown, options: unknown) => {
      if (takesMs > 0) await clock.advance(takesMs);
      return model.invoke(messages, options);
    },
  };
  return { model, spec: { class: endpointClass, location: "on-prem" as const, model: () => slow, ...spec } };
}

/** Runs one after the other; the decision of each. */
async function decisionsOf(
  runtime: ReturnType<typeof open>["runtime"],
  started: ReturnType<typeof oneStep>,
  count: number,
) {
  const decisions = [];
  for (let index = 0; index < count; index += 1) {
    const result = await runtime.run(started, {});
    decisions.push(...(result.decisions["reply"] ?? []));
  }
  return decisions.map((decision) => ({ ...decision, order: decision.ladder.map((rung) => rung.endpoint).join(" ") }));
}

describe("an endpoint that is slower than it says", () => {
  const sides = {
    small: { script: always(good), takesMs: 900, latency: { p95Ms: 100 } },
    large: { script: always(good), takesMs: 200, latency: { p95Ms: 200 } },
  };
  const bounded = oneStep("bounded", { maxLatencyMs: 500 });

  it("is left out of a bounded step after 20 requests, by runs and plans alike", async () => {
    const { runtime, calls } = open(sides);
    const first = await decisionsOf(runtime, bounded, 20);
    expect(first.map(({ order }) => order)).toEqual(Array<string>(20).fill("small large"));
    expect(calls()).toEqual([20, 0]);
    const [next] = await decisionsOf(runtime, bounded, 1);
    expect(calls()).toEqual([20, 1]);
    const refusal = { endpoint: "small", rule: "latency", reason: expect.stringContaining("needs 900 ms") as string };
    expect(next).toMatchObject({ order: "large", refused: [refusal] });
    expect(runtime.plan(bounded).steps[0]?.decision).toMatchObject({
      ladder: [{ endpoint: "large" }],
      refused: [refusal],
    });
    const measured = { samples: 20, answered: 20, p95Ms: 900, failureRatio: 0 };
    expect(runtime.endpoints()).toMatchObject([
      { name: "small", class: "slm", location: "on-prem", measured, p95Ms: 900, p95Source: "measured" },
      {
        ...{ name: "large", class: "llm", location: "on-prem", p95Ms: 200, p95Source: "declared" },
        measured: { samples: 1, answered: 1, p95Ms: 200, failureRatio: 0 },
      },
    ]);
  });

  it("is asked again once it was not asked for 15 minutes", async () => {
    const { clock, runtime, calls } = open(sides);
    await decisionsOf(runtime, bounded, 21);
    expect(calls()).toEqual([20, 1]);
    // The first of its 20 requests is too old by then; the 19 others are too few to go by.
    await clock.advance(quarterHourMs);
    const [back] = await decisionsOf(runtime, bounded, 1);
    expect(back?.order).toBe("small large");
    expect(calls()).toEqual([21, 1]);
  });

  it("stays where there is no bound", async () => {
    const { runtime, calls } = open(sides);
    await decisionsOf(runtime, oneStep("unbounded"), 25);
    expect(calls()).toEqual([25, 0]);
  });
});

describe("an endpoint whose latency nobody declared", () => {
  it("may serve a bounded step once it was measured", async () => {
    const { runtime } = open({ small: { script: always(good), takesMs: 50 }, large: { script: always(good) } });
    const bounded = oneStep("bounded", { maxLatencyMs: 500 });
    await expect(runtime.run(bounded, {})).rejects.toMatchObject({ code: "NO_ELIGIBLE_ENDPOINT" });
    await decisionsOf(runtime, oneStep("unbounded"), 20);
    const [decision] = await decisionsOf(runtime, bounded, 1);
    expect(decision?.order).toBe("small");
  });
});

describe("an endpoint that fails", () => {
  it("is asked last from the fifth failure on, until 15 minutes are over", async () => {
    const { clock, runtime, calls } = open({ small: { script: always(down) }, large: { script: always(good) } });
    const started = oneStep("plain");
    const first = await decisionsOf(runtime, started, 5);
    expect(first.map(({ order }) => order)).toEqual(Array<string>(5).fill("small large"));
    expect(calls()).toEqual([5, 5]);
    const [next] = await decisionsOf(runtime, started, 1);
    expect(next).toMatchObject({ order: "large small", flags: ["unhealthy:small"] });
    expect(calls()).toEqual([5, 6]);
    await clock.advance(quarterHourMs + 1);
    const [back] = await decisionsOf(runtime, started, 1);
    expect(back).toMatchObject({ order: "small large", flags: [] });
  });
});

describe("a cascade that does not save", () => {
  const price = (usd: number) => ({ inputPerMillionTokensUsd: usd, outputPerMillionTokensUsd: usd });

  /** A tenth of the large model's price: it saves while less than 90 % of its answers are turned down. */
  function openWith(weakAnswers: number, options: Partial<RuntimeOptions> = {}) {
    let asked = 0;
    const script = (): ScriptedReply => ((asked += 1) <= weakAnswers ? weak : good);
    const small = { script, price: price(1) };
    return open({ small, large: { script: always(good), price: price(10) } }, options);
  }

  it.each([
    [26, "small large", []],
    [27, "large small", ["cost-guard"]],
  ] as const)("is turned round by %i weak answers of 30: %s", async (weakAnswers, order, flags) => {
    const { runtime, calls } = openWith(weakAnswers);
    const started = oneStep("guarded");
    const first = await decisionsOf(runtime, started, 30);
    expect(new Set(first.map((decision) => decision.order))).toEqual(new Set(["small large"]));
    expect(calls()).toEqual([30, weakAnswers]);
    const [next] = await decisionsOf(runtime, started, 1);
    expect(next).toMatchObject({ order, flags });
    expect(runtime.plan(started).steps[0]?.decision).toMatchObject({ flags });
  });

  it("is turned round on its own step only: another graph's step of the same name is another step", async () => {
    const { runtime } = openWith(30);
    const [guarded, other] = [oneStep("guarded"), oneStep("other")];
    await decisionsOf(runtime, guarded, 30);
    const [there] = await decisionsOf(runtime, other, 1);
    const [here] = await decisionsOf(runtime, guarded, 1);
    expect([there?.order, here?.order]).toEqual(["small large", "large small"]);
  });
});

describe("what counts as a sample", () => {
  const measuredSmall = ({ runtime }: ReturnType<typeof open>) => runtime.endpoints()[0]?.measured;
  const large = { script: always(good) };

  it("an attempt that timed out is a failure", async () => {
    const opened = open({ small: { script: always({ hangs: true }) }, large });
    const run = opened.runtime.run(oneStep("hangs", { timeoutMs: 1_000 }), {});
    await opened.clock.advance(1_000);
    await run;
    expect(measuredSmall(opened)).toEqual({ samples: 1, answered: 0, p95Ms: undefined, failureRatio: 1 });
  });

  it("a run that was cancelled, or ran out of time, is none", async () => {
    const opened = open({ small: { script: always({ hangs: true }) }, large });
    const run = await opened.runtime.start(oneStep("hangs"), {});
    const late = opened.runtime.run(oneStep("late"), {}, { budget: { durationMs: 500 } });
    await opened.clock.advance(100);
    run.cancel();
    await expect(run.result).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    await Promise.all([expect(late).rejects.toMatchObject({ code: "DEADLINE_EXCEEDED" }), opened.clock.advance(500)]);
    expect(opened.calls()[0]).toBe(2);
    expect(measuredSmall(opened)).toBeUndefined();
  });

  it("a request that was too long, or that never left, is none", async () => {
    const tooLong = Object.assign(new Error("too long"), { name: "ContextOverflowError" });
    const opened = open({ small: { script: always({ error: tooLong }) }, large });
    await opened.runtime.run(oneStep("long"), {});
    expect(opened.calls()).toEqual([1, 1]);
    expect(measuredSmall(opened)).toBeUndefined();
    const redact = (): string => {
      throw new Error("no");
    };
    const held = open({ small: { script: always(good), anonymiser: { name: "strict", redact } }, large });
    await held.runtime.run(oneStep("held"), {});
    expect(held.calls()).toEqual([0, 1]);
    expect(measuredSmall(held)).toBeUndefined();
  });

  it("an answer whose check threw is timed, and no failure", async () => {
    const validate = (): boolean => {
      throw new Error("no");
    };
    const opened = open({ small: { script: always(good), takesMs: 40 }, large });
    await expect(opened.runtime.run(oneStep("throws", { validate }), {})).rejects.toThrow("threw Error");
    expect(measuredSmall(opened)).toEqual({ samples: 1, answered: 1, p95Ms: 40, failureRatio: 0 });
  });
});

describe("feedback: false", () => {
  it("decides every run as the first, however slow, broken or weak the endpoint is, while it takes requests", async () => {
    const latency = { p95Ms: 100 };
    const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
    const large = { script: always(good), latency, price };
    for (const small of [
      { script: always(good), takesMs: 900, latency, price },
      { script: always(down), latency, price },
      { script: always(weak), latency, price },
    ]) {
      const { runtime } = open({ small, large }, { feedback: false });
      const planned = runtime.plan(oneStep("same", { maxLatencyMs: 500 })).steps[0]?.decision;
      const decisions = await decisionsOf(runtime, oneStep("same", { maxLatencyMs: 500 }), 40);
      // A circuit that opened is no opinion of a policy: the run finds its endpoint shut and decides again.
      const first = decisions.filter(({ refused }) => refused.length === 0);
      expect(first).toHaveLength(40);
      expect(new Set(first.map(({ id }) => id))).toEqual(new Set([planned?.id]));
      expect(runtime.endpoints()[0]).toMatchObject({
        ...{ name: "small", class: "slm", location: "on-prem" },
        ...{ measured: undefined, p95Ms: 100, p95Source: "declared" },
      });
    }
  });
});
