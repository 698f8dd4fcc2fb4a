import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  diffPlans,
  endpoint,
  explain,
  graph,
  ProviderError,
  type DemandsSpec,
  type EndpointSpec,
  type Graph,
  type HumanRequest,
  type PolicyOptions,
  type RunEvent,
  type RuntimeOptions,
} from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type ScriptedReply } from "../../src/testing/index.ts";

interface Ticket {
  readonly text: string;
}
const ticket: Ticket = { text: "my money back" };
const labels = ["refund", "bug"] as const;

const good: ScriptedReply = { text: '{"total":3}' };
const weak: ScriptedReply = { text: "not JSON" };
const down: ScriptedReply = { error: new ProviderError("down", { retryable: true, errorType: "503", status: 503 }) };

const ticketGraph = (defaults?: DemandsSpec) =>
  graph("desk", { input: z.object({ text: z.string() }), ...(defaults && { defaults }) });

/** One answer that its schema judges. */
function modelGraph(demands: DemandsSpec = {}, defaults?: DemandsSpec): Graph<Ticket, { total: number }> {
  const g = ticketGraph(defaults);
  const step = g.model("step", {
    ...{ needs: { input: g.input }, complexity: "generation", output: z.object({ total: z.number() }) },
    prompt: ({ input }) => input.text,
    ...demands,
  });
  return g.output(step);
}

/** One label, judged by its log-probabilities where there are any. */
function classifyGraph(demands: DemandsSpec = {}) {
  const g = ticketGraph();
  return g.output(
    g.classify("step", { needs: { input: g.input }, labels, text: ({ input }) => input.text, ...demands }),
  );
}

const look = { name: "look", description: "looks", schema: z.object({ q: z.string() }), invoke: () => "found" };

/** A tool loop whose answer its schema judges. */
function agentGraph(demands: DemandsSpec = {}) {
  const g = ticketGraph();
  const step = g.agent("step", {
    ...{ needs: { input: g.input }, output: z.object({ total: z.number() }), tools: [{ tool: look, effect: "read" }] },
    prompt: ({ input }) => input.text,
    ...demands,
  });
  return g.output(step);
}

const lookUp = (q: string): ScriptedReply => ({ toolCalls: [{ name: "look", args: { q } }] });

/** A model that follows a script, and what is declared of its endpoint. */
interface Side {
  readonly name: string;
  readonly replies: readonly ScriptedReply[];
  readonly spec: Partial<EndpointSpec>;
}

const small = (name: string, ...replies: readonly ScriptedReply[]): Side => ({ name, replies, spec: {} });
const large = (name: string, ...replies: readonly ScriptedReply[]): Side =>
  but(small(name, ...replies), { class: "llm", location: "cloud" });

function but(side: Side, spec: Partial<EndpointSpec>): Side {
  return { ...side, spec: { ...side.spec, ...spec } };
}

interface Options extends Omit<Partial<RuntimeOptions>, "policy" | "catalog"> {
  readonly policy?: PolicyOptions;
}

/** A runtime on scripted models; `assertDone` fails where one was asked less often than its script says. */
function open(sides: readonly Side[], { policy, ...options }: Options = {}) {
  const models = sides.map(({ name, replies }) => new ScriptedModel(replies, { model: name }));
  const endpoints = sides.map(({ name, spec }, index) =>
    endpoint(name, { class: "slm", location: "on-prem", model: models[index]!.factory, ...spec }),
  );
  // What these steps demand is about whom to ask next, not about asking the same again.
  const once = { retry: { maxAttempts: 1 } };
  const runtime = createRuntime({
    catalog: createCatalog(endpoints),
    policy: defaultPolicy(policy),
    ...once,
    ...options,
  });
  const assertDone = () => models.forEach((model) => model.assertDone());
  return { runtime, models, assertDone };
}

/** Runs to whatever end: how each attempt ended, what came of it, and the events. */
async function observe<O>({ runtime, assertDone }: ReturnType<typeof open>, started: Graph<Ticket, O>, runId?: string) {
  const run = await runtime.start(started, ticket, runId === undefined ? {} : { runId });
  const events: RunEvent[] = [];
  run.on("*", (event) => void events.push(event));
  const ended = await run.result.then(
    ({ output, decisions, ledger }) => ({ output, decisions: decisions["step"], ledger, code: undefined, message: "" }),
    (error: unknown) => {
      const { code, message } = error as Error & { code: string };
      return { output: undefined, decisions: undefined, ledger: run.ledger(), code, message };
    },
  );
  assertDone();
  const ends = events.flatMap((event) =>
    event.type === "attempt-end"
      ? [`${event.kind} ${event.endpoint} ${event.outcome}`]
      : event.type === "attempt-error"
        ? [`${event.kind} ${event.endpoint} failed`]
        : [],
  );
  return { ...ended, events, ends };
}

const ofType = (events: readonly RunEvent[], type: RunEvent["type"]) => events.filter((event) => event.type === type);

describe('after a weak answer, escalation "never"', () => {
  const never = { escalation: "never" } as const;

  it("ends a classification with { uncertain: true }: no other model is asked", async () => {
    const setting = open([small("first", { text: "uncertain" }), small("second"), large("large")]);
    const { output, ends, decisions } = await observe(setting, classifyGraph(never));
    expect(output).toEqual({ uncertain: true });
    expect(ends).toEqual(["initial first rejected"]);
    expect(decisions?.[0]).toMatchObject({ class: "slm", escalation: "never" });
  });

  it("ends a model step with OUTPUT_INVALID", async () => {
    const { code, message, ends } = await observe(open([small("first", weak), large("large")]), modelGraph(never));
    expect(code).toBe("OUTPUT_INVALID");
    expect(message).toContain("the last one (first) was refused for schema_invalid: it is not JSON");
    expect(ends).toEqual(["initial first rejected"]);
  });

  it("asks no person either, wherever one is wired", async () => {
    const onHuman = { ask: () => Promise.reject(new Error("nobody is asked")) };
    const setting = open([small("first", weak), large("large")], { onHuman });
    const { code, events } = await observe(setting, modelGraph(never));
    expect(code).toBe("OUTPUT_INVALID");
    expect(ofType(events, "human-asked")).toEqual([]);
  });

  it("leaves an agent with its model, which is told what was wrong", async () => {
    const setting = open([small("first", weak, good), large("large", lookUp("1"))]);
    const { output, ends } = await observe(setting, agentGraph(never));
    expect(output).toEqual({ total: 3 });
    expect(ends).toEqual(["initial large accepted", "turn first rejected", "turn first accepted"]);
    expect(setting.models[0]?.calls[1]?.messages.at(-1)?.content).toBe(
      "That answer cannot be used: it is not JSON. Answer again.",
    );
  });

  it("does not hinder a fallback: after failures the other small one is asked, then the large one", async () => {
    const setting = open([small("first", down), small("second", down), large("large", good)]);
    const { output, ends } = await observe(setting, modelGraph(never));
    expect(output).toEqual({ total: 3 });
    expect(ends).toEqual(["initial first failed", "fallback second failed", "fallback large accepted"]);
  });

  it("holds for the fallback, too: its weak answer is the last", async () => {
    const setting = open([small("first", down), large("large", weak), large("larger")]);
    const { code, ends } = await observe(setting, modelGraph(never));
    expect(code).toBe("OUTPUT_INVALID");
    expect(ends).toEqual(["initial first failed", "fallback large rejected"]);
  });
});

describe('after a weak answer, escalation "human"', () => {
  const human = { escalation: "human" } as const;
  const answers = (answer: unknown, asked: HumanRequest[] = []) => ({
    clearance: "public" as const,
    ask: (request: HumanRequest) => {
      asked.push(request);
      return Promise.resolve(answer);
    },
  });

  it.each<[string, Graph<Ticket, unknown>, { reply: ScriptedReply; answer: unknown; output: unknown }]>([
    ["a model step", modelGraph(human), { reply: weak, answer: { total: 7 }, output: { total: 7 } }],
    [
      "a classification",
      classifyGraph(human),
      { reply: { text: "uncertain" }, answer: "bug", output: { label: "bug" } },
    ],
  ])("of %s asks the person, and no other model", async (_what, started, { reply, answer, output }) => {
    const asked: HumanRequest[] = [];
    const setting = open([small("small", reply), small("unasked"), large("large")], {
      onHuman: answers(answer, asked),
    });
    const result = await observe(setting, started);
    expect(result.output).toEqual(output);
    expect(result.ends).toEqual(["initial small rejected"]);
    expect(asked).toEqual([expect.objectContaining({ step: "step", prompt: ticket.text })]);
    expect(result.events).toContainEqual(expect.objectContaining({ type: "human-asked", step: "step" }));
  });

  it("of an agent asks the person as well", async () => {
    const setting = open([large("large", weak), small("small")], { onHuman: answers({ total: 7 }) });
    const { output, ends } = await observe(setting, agentGraph(human));
    expect(output).toEqual({ total: 7 });
    expect(ends).toEqual(["initial large rejected"]);
  });

  it.each<[string, Graph<Ticket, unknown>]>([
    ["a model step", modelGraph(human)],
    ["a classification", classifyGraph(human)],
    ["an agent", agentGraph(human)],
  ])("of %s does not start where nobody is wired", async (_what, started) => {
    const message =
      'step "step" sends weak answers to a person (escalation: "human"), and nobody is wired: createRuntime({ onHuman: { clearance, ask } })';
    const { runtime } = open([large("large")]);
    const plan = runtime.plan(started);
    expect(plan.problems).toEqual([{ code: "HUMAN_REQUIRED", path: "steps.step.escalation", message }]);
    const told = [plan.toTable(), plan.explain(), plan.explain("table")];
    expect(told.map((text) => text.split("\n").at(-1))).toEqual([`! ${message}`, `! ${message}`, `! ${message}`]);
    expect(JSON.parse(plan.explain("json"))).toHaveLength(plan.steps.length);
    await expect(runtime.run(started, ticket)).rejects.toMatchObject({ code: "HUMAN_REQUIRED", message });
  });

  it("is found in a graph inside another as well, and beside other problems", () => {
    const g = graph("outer", { input: z.object({ text: z.string() }) });
    const inner = g.subgraph("inner", { input: g.input, graph: classifyGraph(human) });
    const asked = g.approve("asked", { needs: { inner }, question: () => "go on?" });
    const { problems } = open([large("large")]).runtime.plan(g.output({ inner, asked }));
    expect(problems.map(({ path }) => path)).toEqual(["steps.inner/step.escalation", "steps.asked"]);
  });

  it("does not start where the person may not see the data, and says what would help", async () => {
    const asked: HumanRequest[] = [];
    const g = graph("desk", { input: z.object({ text: z.string() }), label: "customer" });
    const step = g.classify("step", { needs: { input: g.input }, labels, text: ({ input }) => input.text, ...human });
    const cleared = but(small("small", { text: "uncertain" }), { clearance: "customer" });
    const setting = open([cleared], { onHuman: answers("bug", asked) });
    await expect(setting.runtime.run(g.output(step), ticket)).rejects.toMatchObject({
      code: "HUMAN_REQUIRED",
      message:
        'step "step" sends weak answers to a person (escalation: "human"), and the person (onHuman) is cleared for public{}; the question is customer{}: level +2. Clear the person if they may see it',
    });
    expect(asked).toEqual([]);
  });

  it("does not hinder a fallback: a failure asks the next model", async () => {
    const asked: HumanRequest[] = [];
    const setting = open([small("small", down), large("large", good)], { onHuman: answers({ total: 7 }, asked) });
    const { output, ends } = await observe(setting, modelGraph(human));
    expect([output, ends, asked]).toEqual([{ total: 3 }, ["initial small failed", "fallback large accepted"], []]);
  });
});

describe("an allowed escalation", () => {
  const sides = (first: ScriptedReply, next: "second" | "large") => [
    small("first", first),
    small("second", ...(next === "second" ? [good] : [])),
    large("large", ...(next === "large" ? [good] : [])),
  ];

  it("goes from a weak answer of a small model to the large one, not to a second small one", async () => {
    const { output, ends, ledger } = await observe(open(sides(weak, "large")), modelGraph());
    expect(output).toEqual({ total: 3 });
    expect(ends).toEqual(["initial first rejected", "escalation large accepted"]);
    expect(ledger.escalations).toBe(1);
  });

  it("is none after a failure: then the second small one stands in", async () => {
    const { ends, ledger } = await observe(open(sides(down, "second")), modelGraph());
    expect(ends).toEqual(["initial first failed", "fallback second accepted"]);
    expect(ledger.escalations).toBe(0);
  });

  it("that fails falls back to the second small one, as a last resort", async () => {
    const setting = open([small("first", weak), small("second", good), large("large", down)]);
    const { ends } = await observe(setting, modelGraph({ escalation: "allowed" }));
    expect(ends).toEqual(["initial first rejected", "escalation large failed", "fallback second accepted"]);
  });
});

describe("the threshold of an answer", () => {
  /** An in-process classifier that is as sure as told. */
  const sure = (probability: number) =>
    endpoint("intents", {
      ...{ class: "slm", location: "in-process" },
      model: {
        ...{ kind: "classifier", name: "intents", version: "1", labels: [...labels] },
        classify: () => ({ label: "bug", rawProbability: probability, probability }),
      },
    });

  it.each<[string, DemandsSpec, PolicyOptions, number, boolean]>([
    ["the policy's routeAt", {}, { acceptAt: 0.5, routeAt: 0.9 }, 0.89, false],
    ["the policy's routeAt", {}, { acceptAt: 0.99, routeAt: 0.9 }, 0.9, true],
    ["its acceptAt where it has no other", {}, { acceptAt: 0.8 }, 0.8, true],
    ["the step's own, above the policy's", { acceptAt: 0.95 }, { routeAt: 0.5 }, 0.94, false],
    ["the step's own, below the policy's", { acceptAt: 0.3 }, { routeAt: 0.9 }, 0.3, true],
  ])("of a label is %s (%j, %j): at %d it is accepted: %s", async (...[, demands, policy, probability, accepted]) => {
    const catalog = createCatalog([sure(probability)]);
    const { output, decisions } = await createRuntime({ catalog, policy: defaultPolicy(policy) }).run(
      classifyGraph(demands),
      ticket,
    );
    expect(output).toEqual(accepted ? { label: "bug" } : { uncertain: true });
    const { acceptAt } = demands;
    expect(decisions["step"]?.[0]?.acceptAt).toBe(acceptAt ?? policy.routeAt ?? policy.acceptAt);
  });

  it("of other steps is the policy's acceptAt, or the step's own", () => {
    const { runtime } = open([small("small")], { policy: { acceptAt: 0.6, routeAt: 0.9 } });
    const thresholdOf = (demands: DemandsSpec) => runtime.plan(modelGraph(demands)).steps[0]?.decision.acceptAt;
    expect([thresholdOf({}), thresholdOf({ acceptAt: 0.7 }), thresholdOf({ acceptAt: 0 })]).toEqual([0.6, 0.7, 0]);
  });
});

describe("the review sample", () => {
  const reviewed = (policy: PolicyOptions, ...sides: readonly Side[]) => open(sides, { policy });
  const always = (reply: ScriptedReply) => Array<ScriptedReply>(400).fill(reply);
  const runIds = Array.from({ length: 400 }, (_, index) => `run-${index}`);

  async function sampledOf(setting: ReturnType<typeof open>, started = modelGraph()): Promise<readonly string[]> {
    const sampled: string[] = [];
    for (const runId of runIds) {
      const run = await setting.runtime.start(started, ticket, { runId });
      run.on("review-sampled", (event) => void sampled.push(event.runId));
      await run.result.catch(() => undefined);
    }
    return sampled;
  }

  it("has about the declared share, the same runs every time, and says who answered and why", async () => {
    const sampled = await sampledOf(reviewed({ reviewRatio: 0.2 }, small("small", ...always(good))));
    // Four standard deviations around 80 of 400.
    expect(sampled.length).toBeGreaterThan(48);
    expect(sampled.length).toBeLessThan(112);
    expect(await sampledOf(reviewed({ reviewRatio: 0.2 }, small("other", ...always(good))))).toEqual(sampled);
    const more = await sampledOf(reviewed({ reviewRatio: 0.4 }, small("small", ...always(good))));
    expect(more).toEqual(expect.arrayContaining([...sampled]));
    const { events } = await observe(reviewed({ reviewRatio: 0.2 }, small("small", good)), modelGraph(), sampled[0]);
    expect(ofType(events, "review-sampled")).toEqual([
      expect.objectContaining({ step: "step", endpoint: "small", reason: "0.2 of the answers are reviewed" }),
    ]);
  });

  it("has every answer at 1, and none by default", async () => {
    const all = await observe(reviewed({ reviewRatio: 1 }, small("small", good)), modelGraph());
    expect(ofType(all.events, "review-sampled")).toHaveLength(1);
    expect(all.decisions?.[0]?.obligations).toContainEqual({
      ...{ type: "sample-for-review", ratio: 1, reason: "1 of the answers are reviewed" },
    });
    const none = await observe(reviewed({}, small("small", good)), modelGraph());
    expect(ofType(none.events, "review-sampled")).toEqual([]);
  });

  it("never has a rejected answer, only the one that was accepted in its place", async () => {
    const accepted = await observe(
      reviewed({ reviewRatio: 1 }, small("small", weak), large("large", good)),
      modelGraph(),
    );
    expect(ofType(accepted.events, "review-sampled")).toEqual([expect.objectContaining({ endpoint: "large" })]);
    const rejected = await observe(
      reviewed({ reviewRatio: 1 }, small("small", weak), large("large", weak)),
      modelGraph(),
    );
    expect(rejected.code).toBe("OUTPUT_INVALID");
    expect(ofType(rejected.events, "review-sampled")).toEqual([]);
    const failed = await observe(reviewed({ reviewRatio: 1 }, small("small", down)), modelGraph());
    expect(ofType(failed.events, "review-sampled")).toEqual([]);
  });

  it("has the final answer of an agent, not its turns", async () => {
    const setting = reviewed({ reviewRatio: 1 }, large("large", lookUp("1")), small("small", lookUp("2"), good));
    const { events } = await observe(setting, agentGraph());
    expect(ofType(events, "review-sampled")).toEqual([expect.objectContaining({ endpoint: "small" })]);
  });
});

describe("under a latency bound", () => {
  /** Models that take as long as told, on a clock of the test's own. */
  function timed(...sides: readonly (Side & { readonly takesMs?: number })[]) {
    const clock = new SimulatedClock();
    const slowed = sides.map(({ takesMs = 0, ...side }) => {
      const scripted = new ScriptedModel(side.replies);
      const invoke = async (messages: unknown, given: unknown) => {
        await clock.advance(takesMs);
        return scripted.invoke(messages, given);
      };
      return but({ ...side, replies: [] }, { model: () => ({ invoke }) });
    });
    return open(slowed, { clock });
  }

  const fast = { maxLatencyMs: 500 } as const;
  const p95 = (p95Ms: number) => ({ latency: { p95Ms } });
  const quick = (reply: ScriptedReply, takesMs: number) => ({ ...but(small("small", reply), p95(300)), takesMs });
  const slow = (...replies: readonly ScriptedReply[]) => but(large("large", ...replies), p95(250));

  it("a weak answer that left no time is reported, for somebody to ask the large model later", async () => {
    const { code, ends, events } = await observe(timed(quick(weak, 300), slow()), modelGraph(fast));
    expect(code).toBe("OUTPUT_INVALID");
    expect(ends).toEqual(["initial small rejected"]);
    expect(ofType(events, "escalation-deferred")).toEqual([
      expect.objectContaining({ step: "step", endpoints: ["large"], reason: "no time to ask a large model" }),
    ]);
  });

  it("nothing is reported where the draft left time after all: the large model is asked", async () => {
    const { output, ends, events } = await observe(timed(quick(weak, 200), slow(good)), modelGraph(fast));
    expect(output).toEqual({ total: 3 });
    expect(ends).toEqual(["initial small rejected", "escalation large accepted"]);
    expect(ofType(events, "escalation-deferred")).toEqual([]);
  });

  it.each<[string, ScriptedReply, DemandsSpec]>([
    ["the answer was accepted", good, fast],
    ["the model failed", down, fast],
    ["nobody may be asked after a weak answer", weak, { ...fast, escalation: "never" }],
    ["there is no bound", weak, {}],
  ])("nothing is reported where %s", async (_where, reply, demands) => {
    const setting = timed(quick(reply, 300), slow(weak));
    const { events, decisions } = await observe(setting, modelGraph(demands));
    expect(ofType(events, "escalation-deferred")).toEqual([]);
    if (reply === good) expect(decisions?.[0]?.class).toBe("hybrid");
  });

  it("real-time asks small local models only, and defers nothing after a weak answer", async () => {
    const setting = timed(
      but(small("hosted"), { ...p95(10), location: "cloud" }),
      { ...but(small("local", weak), { ...p95(40), location: "edge" }), takesMs: 10 },
      but(small("slow"), { ...p95(60), location: "edge" }),
      but(small("unknown"), { location: "in-process" }),
      but(large("large"), { ...p95(5), location: "on-prem" }),
    );
    const started = modelGraph({ latency: "real-time" });
    const decision = setting.runtime.plan(started).steps[0]!.decision;
    expect(decision).toMatchObject({ class: "slm", ladder: [{ endpoint: "local" }] });
    expect(decision.refused.map(({ endpoint: name, rule }) => `${name}: ${rule}`)).toEqual(
      ["hosted", "large", "slow", "unknown"].map((name) => `${name}: latency`),
    );
    const { code, ends, events } = await observe(setting, started);
    expect([code, ends]).toEqual(["OUTPUT_INVALID", ["initial local rejected"]]);
    expect(ofType(events, "escalation-deferred")).toEqual([]);
  });
});

describe("an agent's conversation", () => {
  const priced = (input: number, output: number, cacheRead = input) => ({
    price: {
      inputPerMillionTokensUsd: input,
      outputPerMillionTokensUsd: output,
      cacheReadPerMillionTokensUsd: cacheRead,
    },
  });
  const long: ScriptedReply = { ...lookUp("1"), usage: { inputTokens: 100_000, outputTokens: 100 } };

  it("stays with the model whose prompt cache holds it where a change would cost more", async () => {
    const setting = open([but(large("large", long, good), priced(2, 8, 0.2)), but(small("small"), priced(1, 1))]);
    const { ends, decisions } = await observe(setting, agentGraph());
    expect(ends).toEqual(["initial large accepted", "turn large accepted"]);
    expect(decisions?.[1]).toMatchObject({ role: "act", flags: ["warm-cache:large"] });
    expect(decisions?.[1]?.ladder.map((rung) => rung.endpoint)).toEqual(["large", "small"]);
  });

  it("changes where that costs less", async () => {
    const setting = open([but(large("large", long), priced(2, 8, 0.2)), but(small("small", good), priced(0.1, 0.1))]);
    const { ends, decisions } = await observe(setting, agentGraph());
    expect(ends).toEqual(["initial large accepted", "turn small accepted"]);
    expect(decisions?.[1]?.flags).toEqual([]);
  });

  it("does not keep a small model, however cheap its cache, where a turn plans anew or an answer is repaired", async () => {
    const broken = { ...look, invoke: () => Promise.reject(new Error("no luck")) };
    const g = ticketGraph();
    const step = g.agent("step", {
      ...{ needs: { input: g.input }, output: z.object({ total: z.number() }) },
      tools: [
        { tool: look, effect: "read" as const },
        { tool: { ...broken, name: "fail" }, effect: "read" as const },
      ],
      prompt: ({ input }) => input.text,
    });
    const failing: ScriptedReply = { ...long, toolCalls: [{ name: "fail", args: { q: "1" } }] };
    const setting = open([
      but(large("large", long, lookUp("2"), good), priced(10, 10)),
      but(small("small", failing, weak), priced(0.1, 0.1, 0.01)),
    ]);
    const { output, ends, decisions } = await observe(setting, g.output(step));
    expect(output).toEqual({ total: 3 });
    expect(ends).toEqual([
      ...["initial large accepted", "turn small accepted"],
      // The tool failed: the large model plans anew. Then the small one's final answer is weak.
      ...["turn large accepted", "turn small rejected", "escalation large accepted"],
    ]);
    expect(decisions?.map(({ role }) => role)).toEqual(["plan", "act", "plan", "act", "plan"]);
  });
});

describe("defaults of a graph", () => {
  const defaults = {
    ...{ latency: "interactive", escalation: "human", acceptAt: 0.7, minQuality: 0.5 },
    ...{ domain: { name: "law", specificity: "specific" }, volume: { requestsPerDay: 100 } },
    ...{ requires: { languages: ["de"] }, workload: { inputTokens: 100, outputTokens: 10 } },
  } as const satisfies DemandsSpec;

  it("reach every step, each of which may say otherwise", () => {
    const g = ticketGraph(defaults);
    const draft = { needs: { input: g.input }, prompt: () => "p", output: z.string() };
    const steps = {
      write: g.model("write", { ...draft, complexity: "generation" }),
      think: g.model("think", { ...draft, complexity: "reasoning", escalation: "never", maxLatencyMs: 60_000 }),
      sort: g.classify("sort", { needs: { input: g.input }, labels, text: () => "t", acceptAt: 0.9 }),
      work: g.agent("work", { ...draft, tools: [] }),
    };
    const all = { p95Ms: 1_500 };
    const known = { capabilities: { languages: ["de"] }, quality: 0.9, latency: all, price: undefined };
    const { runtime } = open([
      but(small("small"), { ...known, price: { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 } }),
      but(large("large"), { ...known, price: { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 } }),
      but(large("slow"), {
        ...known,
        latency: { p95Ms: 2_500 },
        price: { inputPerMillionTokensUsd: 9, outputPerMillionTokensUsd: 9 },
      }),
      but(large("unmeasured"), { latency: all, capabilities: { languages: ["de"] } }),
      but(large("english"), { quality: 0.9, latency: all, capabilities: { languages: ["en"] } }),
    ]);
    const plan = runtime.plan(g.output(steps));
    expect(
      plan.steps.map(({ step, decision }) => [
        decision.role === undefined ? step : `${step} (${decision.role})`,
        ...[decision.escalation, decision.acceptAt, decision.ladder.map(({ endpoint: name }) => name).join(" ")],
      ]),
    ).toEqual([
      ["write", "human", 0.7, "small"],
      ["think", "never", 0.7, "large slow"],
      ["sort", "human", 0.9, "small"],
      ["work (plan)", "human", 0.7, "large"],
      // Few tokens a month: complex work goes to the large model alone.
      ["work (act)", "human", 0.7, "large"],
    ]);
    for (const { step, decision, scorecard } of plan.steps) {
      expect(decision.estimate, step).not.toBe("unknown");
      expect(scorecard, step).toBeDefined();
      const refused = Object.fromEntries(decision.refused.map(({ endpoint: name, rule }) => [name, rule]));
      expect(refused, step).toMatchObject({ english: "capability", unmeasured: "quality" });
    }
  });
});

describe("the estimates of a plan", () => {
  const usd = { inputPerMillionTokensUsd: 10, outputPerMillionTokensUsd: 10 };
  const sides = () => [but(small("small"), { price: usd, latency: { p95Ms: 100 } })];

  /** One step that declares its workload, one that reads the input alone, and one that reads another. */
  function threeSteps() {
    const g = ticketGraph();
    const draft = { complexity: "generation", output: z.string(), maxOutputTokens: 100 } as const;
    const declared = g.model("declared", {
      ...{ ...draft, needs: { input: g.input }, prompt: () => "p" },
      workload: { inputTokens: { low: 100, high: 300 }, outputTokens: 100 },
    });
    const read = g.model("read", { ...draft, needs: { input: g.input }, prompt: ({ input }) => input.text });
    const later = g.model("later", { ...draft, needs: { read }, prompt: ({ read: text }) => text });
    return g.output({ declared, read, later });
  }

  const estimatesOf = (options: { sample?: Ticket } = {}) =>
    open(sides())
      .runtime.plan(threeSteps(), options)
      .steps.map(({ decision: { estimate } }) => (estimate === "unknown" ? estimate : estimate.costUsd));

  it("come from the declared workload, else from the sample, else they are unknown", () => {
    const declared = { low: 0.002, high: 0.004 };
    expect(estimatesOf()).toEqual([declared, "unknown", "unknown"]);
    // 60 bytes are 10 to 30 tokens, and 1 to 100 come out.
    const read = { low: expect.closeTo(110e-6, 12) as number, high: expect.closeTo(1_300e-6, 12) as number };
    expect(estimatesOf({ sample: { text: "x".repeat(60) } })).toEqual([declared, read, "unknown"]);
  });

  it("stand in the table and in the words of the plan", () => {
    const plan = open(sides()).runtime.plan(threeSteps());
    const column = plan.toTable().split("\n").slice(3).map((line) => /small \(slm\) +(.*?) +-$/.exec(line)?.[1]); // prettier-ignore
    expect(column).toEqual(["$0.0020 to $0.0040", "unknown", "unknown"]);
    expect(plan.explain()).toContain("  estimate: $0.0020 to $0.0040 a run (expected $0.0030), 100 ms");
  });

  it("a sample that does not fit the input is refused", () => {
    const { runtime } = open(sides());
    expect(() => runtime.plan(threeSteps(), { sample: { text: 7 } as never })).toThrow(
      expect.objectContaining({ name: "InputError" }),
    );
  });
});

describe("a plan explained", () => {
  it("is every decision in the asked format", () => {
    const g = ticketGraph();
    const draft = {
      needs: { input: g.input },
      complexity: "generation",
      output: z.string(),
      prompt: () => "p",
    } as const;
    const { runtime } = open([small("small"), large("large")]);
    const plan = runtime.plan(g.output({ a: g.model("a", draft), b: g.model("b", { ...draft, escalation: "never" }) }));
    const decisions = plan.steps.map(({ decision }) => decision);
    expect(plan.explain()).toBe(decisions.map((decision) => explain(decision)).join("\n"));
    expect(plan.explain("table")).toBe(
      [
        'step "a" on public{}: hybrid',
        "endpoint  fate      rule  why",
        `--------  --------  ----  ${"-".repeat(70)}`,
        "small     asked 1.  -     slm, on-prem; no confidence signal: a valid answer is accepted ungated",
        "large     asked 2.  -     llm, cloud; no confidence signal: a valid answer is accepted ungated",
        "",
        'step "b" on public{}: slm',
        "endpoint  fate      rule        why",
        `--------  --------  ----------  ${"-".repeat(70)}`,
        "small     asked 1.  -           slm, on-prem; no confidence signal: a valid answer is accepted ungated",
        'large     refused   escalation  the step\'s escalation is "never"',
      ].join("\n"),
    );
    expect(JSON.parse(plan.explain("json"))).toEqual(decisions);
  });

  it("differs from that of another runtime where endpoints or thresholds do", () => {
    const planned = modelGraph();
    const now = open([small("small")]).runtime.plan(planned);
    const then = open([small("small"), large("large")], { policy: { acceptAt: 0.5 } }).runtime.plan(planned);
    expect(diffPlans(now, now).toTable()).toBe("no differences");
    expect(diffPlans(now, then).toTable()).toBe(
      [
        "step  data      what                                  before            after",
        `----  --------  ------------------------------------  ----------------  ${"-".repeat(36)}`,
        "step  public{}  class, ladder, acceptAt, obligations  slm: small (slm)  hybrid: small (slm) then large (llm)",
      ].join("\n"),
    );
  });
});

describe("the trace of such decisions", () => {
  it("tells who was asked, why not the others, and keeps to its attributes", async () => {
    const exporter = new InMemorySpanExporter();
    const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    const anonymiser = { name: "mask", redact: (text: string) => text };
    const clock = new SimulatedClock();
    const setting = open(
      [
        but(small("small", weak), { latency: { p95Ms: 400 }, anonymiser }),
        but(large("large"), { latency: { p95Ms: 900 } }),
      ],
      { clock, telemetry: { tracerProvider: provider }, policy: { reviewRatio: 1 } },
    );
    const demands = { maxLatencyMs: 500, acceptAt: 0.5, workload: { inputTokens: 1, outputTokens: 1 } };
    await observe(setting, modelGraph(demands));
    await provider.forceFlush();
    const step = exporter.getFinishedSpans().find(({ name }) => name === "step step");
    const reported = Object.entries(step?.attributes ?? {}).filter(([name]) => name.startsWith("tierwise.policy."));
    const attributes = {
      "tierwise.policy.rule": "tier-ladder",
      "tierwise.policy.version": "default@2",
      "tierwise.policy.reason": "generation on public{}: small (slm, on-prem)",
      "tierwise.policy.class": "hybrid",
      "tierwise.policy.model": "small",
      "tierwise.policy.rejected": ["large: latency: needs 900 ms (p95), the step has 500 ms left"],
    };
    expect(Object.fromEntries(reported)).toEqual(attributes);
    const [event] = step?.events ?? [];
    expect([event?.name, event?.attributes]).toEqual(["tierwise.policy.decision", attributes]);
  });
});
