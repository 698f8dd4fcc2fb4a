/** What spans tell of a run beside its tree: where work went, what it waited for, whom it asked, how near its caps were. */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  graph,
  NoEligibleEndpointError,
  ProviderError,
  type EndpointSpec,
  type Graph,
  type RunOptions,
  type RuntimeOptions,
} from "../src/index.ts";
import { errorTypeOf } from "../src/runtime/trace-step.ts";
import { ScriptedModel, SimulatedClock, type Script, type ScriptedReply } from "../src/testing/index.ts";
import { priced, say, usage } from "./support/priced-models.ts";
import { Recorder } from "./support/span-recorder.ts";

const input = { text: "hello" };
const schema = z.object({ text: z.string() });
const down: ScriptedReply = { error: new ProviderError("down", { retryable: true, errorType: "503", status: 503 }) };

interface Lab {
  readonly small?: Script;
  readonly large?: Script;
  readonly spec?: Partial<EndpointSpec>;
  readonly options?: Partial<RuntimeOptions>;
  readonly run?: RunOptions;
}

async function traced(built: Graph<{ text: string }, unknown>, lab: Lab): Promise<Recorder> {
  const { small = [], large = [], spec, options, run: runOptions } = lab;
  const recorder = new Recorder();
  const clock = new SimulatedClock();
  const place = (name: string, script: Script, where: Pick<EndpointSpec, "class" | "location">) => {
    const model = new ScriptedModel(script, { model: `${name}-model`, clock });
    return priced(name, model, { ...where, ...spec });
  };
  const runtime = createRuntime({
    catalog: createCatalog([
      place("small", small, { class: "slm", location: "on-prem" }),
      place("large", large, { class: "llm", location: "cloud" }),
    ]),
    policy: defaultPolicy(),
    retry: { maxAttempts: 1 },
    telemetry: { tracerProvider: recorder.provider },
    random: () => 0,
    clock,
    ...options,
  });
  const run = await runtime.start(built, input, runOptions);
  const ended = run.result.catch(() => undefined);
  await clock.advance(10_000);
  await ended;
  await recorder.expectWellFormed();
  return recorder;
}

function answering(validate?: (text: string) => boolean, name = "answer") {
  const g = graph("reply", { input: schema });
  const spec = {
    complexity: "generation",
    output: z.string(),
    prompt: () => "p",
    ...(validate && { validate }),
  } as const;
  return g.output(g.model(name, { needs: { input: g.input }, ...spec }));
}

const isRight = (text: string): boolean => text === "right";

describe("the escalation path of a step", () => {
  const path = async (lab: Lab): Promise<unknown> =>
    (await (await traced(answering(isRight), lab)).named("step answer")).attributes["tierwise.step.escalation_path"];

  it("is the endpoint that answered", async () => {
    expect(await path({ small: [say("right")] })).toEqual(["small"]);
  });

  it("goes on with whom a weak answer led to", async () => {
    expect(await path({ small: [say("wrong")], large: [say("right")] })).toEqual(["small", "large"]);
  });

  it("has a fallback in the place of who failed, and nothing of a retry", async () => {
    expect(await path({ small: [down], large: [say("right")] })).toEqual(["large"]);
    const retrying = { options: { retry: { maxAttempts: 2 } } };
    expect(await path({ small: [down, say("wrong")], large: [say("right")], ...retrying })).toEqual(["small", "large"]);
  });

  it("of a tool loop starts an escalation where the last turn was", async () => {
    const g = graph("desk", { input: schema });
    const look = { name: "look", schema: z.object({}), invoke: () => "found" };
    const spec = { output: z.object({ total: z.number() }), prompt: () => "p" };
    const work = g.agent("work", { needs: {}, ...spec, tools: [{ tool: look, effect: "read" }] });
    const large = [{ toolCalls: [{ name: "look", args: {} }], usage }, say('{"total":1}')];
    const recorder = await traced(g.output(work), { small: [say("no JSON")], large });
    expect((await recorder.named("step work")).attributes["tierwise.step.escalation_path"]).toEqual([
      ...["large", "small", "large"],
    ]);
  });
});

it("a step tells how long its requests waited for a place, all together", async () => {
  const g = graph("two", { input: schema });
  const spec = { complexity: "generation", output: z.string(), prompt: () => "p", stream: true } as const;
  const [a, b] = ["a", "b"].map((name) => g.model(name, { needs: { input: g.input }, ...spec }));
  const slow: ScriptedReply = { chunks: ["x", "y"], everyMs: 250, usage };
  const recorder = await traced(g.output({ a: a!, b: b! }), {
    small: () => slow,
    spec: { limits: { concurrency: 1, queue: 5 } },
  });
  const waits = await Promise.all(["step a", "step b"].map((name) => recorder.named(name)));
  expect(waits.map(({ attributes }) => attributes["tierwise.step.queue_ms"])).toEqual([0, 250]);
});

it("a list tells what its items took, also a list in a list", async () => {
  const inner = graph("inner", { input: schema });
  const words = inner.code("words", { needs: {}, run: () => [input, input] });
  const list = inner.output(inner.map("draft", { over: words, each: answering(undefined, "write"), concurrency: 2 }));
  const g = graph("outer", { input: schema });
  const items = g.code("items", { needs: {}, run: () => [input, input, input] });
  const recorder = await traced(g.output(g.map("all", { over: items, each: list, concurrency: 3 })), {
    small: () => say("x"),
  });
  const totals = (await recorder.spans())
    .filter(({ name }) => name.startsWith("fanout"))
    .map(({ name, attributes }) => [
      name,
      attributes["tierwise.fanout.size"],
      attributes["tierwise.step.attempts"],
      attributes["tierwise.step.cost_usd"],
      attributes["tierwise.step.tokens.input"],
    ]);
  const part = ["fanout all/draft", 2, 2, 0.00022, 200];
  expect(totals).toEqual([part, part, part, ["fanout all", 3, 6, 0.00066, 600]]);
});

describe("a warning of a budget", () => {
  const warnings = async (lab: Lab, built: Graph<{ text: string }, unknown> = answering(isRight)) =>
    (await (await traced(built, lab)).spans())
      .filter(({ name }) => name.startsWith("invoke_workflow"))
      .flatMap(({ events }) => events)
      .filter(({ name }) => name === "tierwise.budget.warning")
      .map(({ attributes }) => attributes);

  it("comes once for each dimension that is four fifths used up, settled and reserved together", async () => {
    const script = { small: [say("wrong")], large: [say("right")] };
    expect(await warnings({ ...script, run: { budget: { calls: 2, costUsd: 1 } } })).toEqual([
      { "tierwise.budget.dimension": "calls", "tierwise.budget.scope": "run" },
    ]);
    expect(await warnings({ ...script, run: { budget: { calls: 3, costUsd: 1 } } })).toEqual([]);
    const retrying = { small: [down, down, down, say("right")], options: { retry: { maxAttempts: 4 } } };
    expect(await warnings({ ...retrying, run: { budget: { calls: 4 } } })).toHaveLength(1);
    expect(await warnings({ ...retrying, run: { budget: { calls: 5 } } })).toHaveLength(1);
    const often = { small: [down, down, say("wrong")], large: [down, say("right")] };
    const options = { retry: { maxAttempts: 3 } };
    expect(await warnings({ ...often, options, run: { budget: { calls: 5 } } })).toHaveLength(1);
  });

  it("comes of a step's own cap, too", async () => {
    const g = graph("reply", { input: schema });
    const spec = { complexity: "generation", output: z.string(), prompt: () => "p", budget: { calls: 1 } } as const;
    const built = g.output(g.model("answer", { needs: {}, ...spec }));
    expect(await warnings({ small: [say("x")] }, built)).toEqual([
      {
        "tierwise.budget.dimension": "calls",
        "tierwise.budget.scope": "step",
        "tierwise.step.name": "answer",
      },
    ]);
  });
});

it("a person who is asked is an event of the run, without what was asked", async () => {
  const g = graph("asking", { input: schema });
  const ok = g.approve("ok", { needs: { input: g.input }, question: () => "CANARY?" });
  const pay = { name: "pay", schema: z.object({ to: z.string() }), invoke: () => "paid" };
  const tools = [
    { tool: pay, effect: "write", approve: { reason: "money" }, untrustedArguments: { reason: "test" } },
  ] as const;
  const work = g.agent("work", { needs: { ok }, output: z.string(), prompt: () => "p", tools });
  const recorder = await traced(g.output(work), {
    small: [say("done")],
    large: [{ toolCalls: [{ name: "pay", args: { to: "CANARY" } }], usage }],
    options: { onHuman: { ask: () => Promise.resolve(true) } },
  });
  const { events } = await recorder.named("invoke_workflow asking");
  expect(events.map(({ name, attributes }) => [name, attributes])).toEqual([
    ["tierwise.interrupt", { "tierwise.step.name": "ok", "tierwise.interrupt.kind": "approval" }],
    [
      "tierwise.interrupt",
      { "tierwise.step.name": "work", "tierwise.interrupt.kind": "approve-tool", "gen_ai.tool.name": "pay" },
    ],
  ]);
});

it("the rule of a decision is the last that removed or ordered anybody, or the gate that left nobody", async () => {
  const ruled = await traced(answering(), { small: [say("x")] });
  expect((await ruled.named("step answer")).attributes["tierwise.policy.rule"]).toBe("tier-ladder");
  const denied = await traced(answering(), { run: { budget: { costUsd: 1e-6 } } });
  expect((await denied.named("step answer")).attributes["tierwise.policy.rule"]).toBe("excluded");
});

it("a step that needed a person who was not there was denied by policy", () => {
  expect(errorTypeOf(new NoEligibleEndpointError("HUMAN_REQUIRED", "nobody"))).toBe("policy_denied");
});
