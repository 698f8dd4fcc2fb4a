import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, ProviderError } from "../../src/index.ts";
import type {
  Endpoint,
  EndpointSpec,
  Graph,
  HumanRequest,
  LabelModel,
  RunEvent,
  RuntimeOptions,
} from "../../src/index.ts";
import { ScriptedModel, type ScriptedReply } from "../../src/testing/index.ts";

const canary = "CANARY-4711";
const usage = { inputTokens: 100, outputTokens: 10 };
const slmPrice = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
const llmPrice = { inputPerMillionTokensUsd: 10, outputPerMillionTokensUsd: 10 };
const slmUsd = 110e-6;
const llmUsd = 1_100e-6;

const say = (text: string, more: ScriptedReply = {}): ScriptedReply => ({ text, usage, ...more });
const down = (status = 503): ScriptedReply => ({
  error: new ProviderError("down", { retryable: true, errorType: String(status), status }),
});

function slm(model: ScriptedModel, spec: Partial<EndpointSpec> = {}): Endpoint {
  return endpoint("small", { class: "slm", location: "on-prem", price: slmPrice, model: model.factory, ...spec });
}

function llm(model: ScriptedModel, spec: Partial<EndpointSpec> = {}): Endpoint {
  return endpoint("large", { class: "llm", location: "cloud", price: llmPrice, model: model.factory, ...spec });
}

function runtimeWith(endpoints: readonly Endpoint[], options: Partial<RuntimeOptions> = {}) {
  const policy = defaultPolicy({ acceptAt: 0.8 });
  return createRuntime({ catalog: createCatalog(endpoints), policy, retry: { maxAttempts: 1 }, ...options });
}

async function observe<O>(runtime: ReturnType<typeof runtimeWith>, started: Graph<Ticket, O>) {
  const run = await runtime.start(started, ticket);
  const events: RunEvent[] = [];
  run.on("*", (event) => void events.push(event));
  const outcome = await run.result.then(
    ({ output, ledger, decisions }) => ({ output, ledger, decisions, error: undefined }),
    (error: unknown) => ({ output: undefined, ledger: run.ledger(), decisions: undefined, error: error as Error }),
  );
  const ends = events.flatMap((event) =>
    event.type === "attempt-end"
      ? [`${event.kind} ${event.endpoint} ${event.rejectReason ?? event.basis}`]
      : event.type === "attempt-error"
        ? [`${event.kind} ${event.endpoint} ${event.errorType}`]
        : [],
  );
  return { ...outcome, events, ends };
}

interface Ticket {
  text: string;
}
const ticket: Ticket = { text: "my money back" };
const labels = ["refund", "bug", "other"] as const;

function classifyGraph() {
  const g = graph("triage", { input: z.object({ text: z.string() }) });
  return g.output(g.classify("triage", { needs: { input: g.input }, labels, text: ({ input }) => input.text }));
}

function answerGraph(validate?: (answer: { total: number }) => boolean) {
  const g = graph("answer", { input: z.object({ text: z.string() }) });
  return g.output(
    g.model("answer", {
      needs: { input: g.input },
      complexity: "generation",
      output: z.object({ total: z.number() }),
      prompt: ({ input }) => input.text,
      ...(validate && { validate }),
    }),
  );
}

function textGraph(complexity: "generation" | "reasoning" = "generation") {
  const g = graph("text", { input: z.object({ text: z.string() }) });
  return g.output(
    g.model("text", {
      needs: { input: g.input },
      complexity,
      output: z.string(),
      prompt: ({ input }) => input.text,
    }),
  );
}

/** Log-probabilities of a one-token answer and of its rivals. */
function certain(token: string, probability: number, rivals: Record<string, number> = {}): ScriptedReply {
  const listed = Object.entries({ [token]: probability, ...rivals });
  const top_logprobs = listed.map(([name, p]) => ({ token: name, logprob: Math.log(p) }));
  return say(token, { logprobs: [{ token, logprob: Math.log(probability), top_logprobs }] });
}

/** An in-process classifier that is as sure as told. */
function classifier(label: string, probability: number): LabelModel {
  const answer = { label, rawProbability: probability, probability };
  return { kind: "classifier", name: "intents", version: "1", labels: [...labels], classify: () => answer };
}

function embedded(label: string, probability: number): Endpoint {
  return endpoint("intents", { class: "slm", location: "in-process", model: classifier(label, probability) });
}

describe("a small model that is sure enough", () => {
  it("is accepted, and the large one is not asked", async () => {
    const large = new ScriptedModel([]);
    const { output, ledger, ends } = await observe(runtimeWith([embedded("refund", 0.8), llm(large)]), classifyGraph());
    expect(output).toEqual({ label: "refund" });
    expect(ends).toEqual(["initial intents calibrated"]);
    expect(large.calls).toEqual([]);
    expect(ledger).toMatchObject({ costUsd: 0, escalations: 0, complete: true });
    expect(ledger.baselineUsd).toBeGreaterThan(0);
  });

  it("is judged by the margin of its label over the best rival when it returns log-probabilities", async () => {
    const small = new ScriptedModel([certain("refund", 0.9, { bug: 0.09 })]);
    const { output, events } = await observe(
      runtimeWith([slm(small, { capabilities: { logprobs: true } }), llm(new ScriptedModel([]))]),
      classifyGraph(),
    );
    expect(output).toEqual({ label: "refund" });
    const end = events.find((event) => event.type === "attempt-end");
    expect(end).toMatchObject({ basis: "uncalibrated", confidence: { kind: "label-margin" } });
    expect(end?.confidence.raw).toBeCloseTo(0.81, 6);
  });

  it("is accepted ungated without log-probabilities, and recorded so", async () => {
    const small = new ScriptedModel([say("refund")]);
    const { output, ends, decisions } = await observe(
      runtimeWith([slm(small), llm(new ScriptedModel([]))]),
      classifyGraph(),
    );
    expect(output).toEqual({ label: "refund" });
    expect(ends).toEqual(["initial small ungated"]);
    expect(decisions?.["triage"]?.[0]?.ladder[0]?.signal).toBe("unavailable");
  });

  it("may wrap its JSON in a Markdown fence, and white space around a label", async () => {
    const fenced = new ScriptedModel([say('```json\n{ "total": 3 }\n```')]);
    expect((await observe(runtimeWith([slm(fenced)]), answerGraph())).output).toEqual({ total: 3 });
    const spaced = new ScriptedModel([say(" refund\n")]);
    expect((await observe(runtimeWith([slm(spaced)]), classifyGraph())).output).toEqual({ label: "refund" });
  });
});

describe("a weak answer", () => {
  const escalating: [string, ScriptedReply, string][] = [
    ["its margin is too small", certain("refund", 0.5, { bug: 0.4 }), "low_confidence"],
    ["it says uncertain", say("uncertain"), "uncertain"],
    ["it is no label", say("Refund, I think"), "schema_invalid"],
    ["it is no label but a member of every object", say("constructor"), "schema_invalid"],
    ["it is empty", say(""), "schema_invalid"],
    ["it was cut", say("refund", { finishReason: "length" }), "length"],
    ["it was filtered", say("refund", { finishReason: "content_filter" }), "content_filter"],
    ["its probability is no number", certain("refund", Number.NaN), "low_confidence"],
    ["its probability is null, as JSON writes NaN", withNull(), "low_confidence"],
    ["its probability is impossible", certain("refund", 400), "low_confidence"],
    ["its rival's probability is no number", certain("refund", 0.99, { bug: Number.NaN }), "low_confidence"],
  ];

  function withNull(): ScriptedReply {
    return say("refund", { logprobs: [{ token: "refund", logprob: null as never, top_logprobs: [] }] });
  }

  it.each(escalating)("of a classification escalates when %s", async (_what, reply, reason) => {
    const small = new ScriptedModel([reply]);
    const large = new ScriptedModel([say("bug")]);
    const { output, ends, ledger } = await observe(
      runtimeWith([slm(small, { capabilities: { logprobs: true } }), llm(large)]),
      classifyGraph(),
    );
    expect(output).toEqual({ label: "bug" });
    expect(ends).toEqual([`initial small ${reason}`, "escalation large ungated"]);
    expect(ledger).toMatchObject({ attempts: 2, escalations: 1, endpoints: ["small", "large"] });
    small.assertDone();
    large.assertDone();
  });

  it.each([Number.NaN, 0.799_999, -1])("of a classifier escalates at probability %d", async (probability) => {
    const { output, ends } = await observe(
      runtimeWith([embedded("refund", probability), llm(new ScriptedModel([say("bug")]))]),
      classifyGraph(),
    );
    expect(output).toEqual({ label: "bug" });
    expect(ends).toEqual(["initial intents low_confidence", "escalation large ungated"]);
  });

  it.each<[string, ScriptedReply, string]>([
    ["is no JSON", say("three"), "schema_invalid"],
    ["does not fit the schema", say('{"total":"three"}'), "schema_invalid"],
    ["fails the author's check", say('{"total":-1}'), "validator"],
    ["was cut, even if what is there would fit", say('{"total":3}', { finishReason: "length" }), "length"],
  ])("of a model step escalates when it %s, and its cost stays on the books", async (_what, reply, reason) => {
    const { output, ends, ledger, events } = await observe(
      runtimeWith([slm(new ScriptedModel([reply])), llm(new ScriptedModel([say('{"total":3}')]))]),
      answerGraph(({ total }) => total >= 0),
    );
    expect(output).toEqual({ total: 3 });
    expect(ends).toEqual([`initial small ${reason}`, "escalation large check"]);
    expect(ledger).toMatchObject({ attempts: 2, escalations: 1, complete: true });
    expect(ledger.slmUsd).toBeCloseTo(slmUsd, 12);
    expect(ledger.llmUsd).toBeCloseTo(llmUsd, 12);
    expect(ledger.costUsd).toBeCloseTo(slmUsd + llmUsd, 12);
    expect(ledger.baselineUsd).toBeCloseTo(llmUsd, 12);
    expect(events).toContainEqual(expect.objectContaining({ type: "step-end", costUsd: ledger.costUsd }));
  });

  it("of a text step escalates when it is empty", async () => {
    const { output, ends } = await observe(
      runtimeWith([slm(new ScriptedModel([say("  \n")])), llm(new ScriptedModel([say("hello")]))]),
      textGraph(),
    );
    expect(output).toBe("hello");
    expect(ends).toEqual(["initial small schema_invalid", "escalation large ungated"]);
  });

  it("from every endpoint ends a classification with { uncertain: true }, not with an error", async () => {
    const runtime = runtimeWith([slm(new ScriptedModel([say("uncertain")])), llm(new ScriptedModel([say("dunno")]))]);
    const { output, ledger } = await observe(runtime, classifyGraph());
    expect(output).toEqual({ uncertain: true });
    expect(ledger).toMatchObject({ attempts: 2 });
    expect(ledger.baselineUsd).toBeCloseTo(llmUsd, 12);
  });

  it("and then a failure still ends a classification with { uncertain: true }", async () => {
    const runtime = runtimeWith([slm(new ScriptedModel([say("uncertain")])), llm(new ScriptedModel([down()]))]);
    expect((await observe(runtime, classifyGraph())).output).toEqual({ uncertain: true });
  });

  it("from every endpoint ends a model step with OUTPUT_INVALID that names places, never values", async () => {
    const bad = say(`{"total":"${canary}"}`);
    const runtime = runtimeWith([slm(new ScriptedModel([bad])), llm(new ScriptedModel([bad]))]);
    const { error, ledger } = await observe(runtime, answerGraph());
    expect(error).toMatchObject({ name: "StepFailedError", code: "OUTPUT_INVALID", details: { step: "answer" } });
    expect(error?.message).toContain('"total" is not number');
    expect(`${error?.message} ${error?.stack} ${JSON.stringify(error)}`).not.toContain(canary);
    expect(ledger.costUsd).toBeCloseTo(slmUsd + llmUsd, 12);
  });
});

describe("a failing endpoint", () => {
  it("is followed by the next one as a fallback, and a weak answer after it is an escalation", async () => {
    const endpoints = [
      slm(new ScriptedModel([down(429)])),
      endpoint("middle", {
        class: "slm",
        location: "edge",
        price: { inputPerMillionTokensUsd: 2, outputPerMillionTokensUsd: 2 },
        model: new ScriptedModel([say("not json")]).factory,
      }),
      llm(new ScriptedModel([say('{"total":3}')])),
    ];
    const { output, ends, ledger } = await observe(runtimeWith(endpoints), answerGraph());
    expect(output).toEqual({ total: 3 });
    expect(ends).toEqual(["initial small 429", "fallback middle schema_invalid", "escalation large check"]);
    expect(ledger).toMatchObject({ attempts: 3, escalations: 1, slmUsd: 220e-6 });
  });

  it("costs nothing when it refused before it began, and its worst case when it may have been billed", async () => {
    const refused = await observe(
      runtimeWith([slm(new ScriptedModel([down(503)])), llm(new ScriptedModel([say("hi")]))]),
      textGraph(),
    );
    expect(refused.ledger).toMatchObject({ slmUsd: 0, complete: true });
    const cut = new ScriptedModel([{ error: new TypeError("terminated") }]);
    const lost = await observe(runtimeWith([slm(cut), llm(new ScriptedModel([say("hi")]))]), textGraph());
    expect(lost.ledger.slmUsd).toBeGreaterThan(1_024e-6);
    expect(lost.ledger.complete).toBe(false);
    expect(lost.output).toBe("hi");
  });

  it("never widens the places that may see the data: the uncleared one gets no call at all", async () => {
    const customer = { level: "customer", compartments: ["pii"] } as const;
    const cleared = new ScriptedModel([down()]);
    const second = new ScriptedModel([down()]);
    const uncleared = new ScriptedModel(() => say("hi"));
    const g = graph("private", { input: z.object({ text: z.string() }), label: customer });
    const reply = g.model("reply", {
      needs: { input: g.input },
      complexity: "generation",
      output: z.string(),
      prompt: ({ input }) => input.text,
    });
    const runtime = runtimeWith([
      slm(cleared, { clearance: customer }),
      endpoint("second", {
        class: "llm",
        location: "on-prem",
        clearance: customer,
        price: llmPrice,
        model: second.factory,
      }),
      llm(uncleared, { clearance: "customer" }),
    ]);
    const { error, ends } = await observe(runtime, g.output(reply));
    expect(error).toMatchObject({ code: "PROVIDER_ERROR", status: 503 });
    expect(ends).toEqual(["initial small 503", "fallback second 503"]);
    expect(uncleared.calls).toEqual([]);
  });

  it("does not stop a classification's weak answer from being tried elsewhere within the clearance only", async () => {
    const uncleared = new ScriptedModel(() => say("bug"));
    const g = graph("private", { input: z.object({ text: z.string() }), label: "regulated" });
    const triage = g.classify("triage", { needs: { input: g.input }, labels, text: ({ input }) => input.text });
    const runtime = runtimeWith([
      slm(new ScriptedModel([say("uncertain")]), { clearance: "regulated" }),
      llm(uncleared, { clearance: "customer" }),
    ]);
    const { output } = await observe(runtime, g.output(triage));
    expect(output).toEqual({ uncertain: true });
    expect(uncleared.calls).toEqual([]);
  });

  it("and no other left ends the run with its typed error, without any text of the provider", async () => {
    const leak = Object.assign(new Error(`invalid prompt: ${canary}`), { status: 400, error: { message: canary } });
    const { error } = await observe(runtimeWith([slm(new ScriptedModel([{ error: leak }]))]), textGraph());
    expect(error).toMatchObject({ name: "ProviderError", code: "PROVIDER_ERROR", status: 400, retryable: false });
    expect(error?.cause).toBeUndefined();
    expect(`${error?.message} ${error?.stack} ${JSON.stringify(error)}`).not.toContain(canary);
  });

  it("is a typed error too when the client throws what is no error or answers what is no message", async () => {
    const odd: unknown[] = [undefined, null, "text", 42, {}];
    for (const thrown of odd) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- clients do this
      const model = () => ({ invoke: () => Promise.reject(thrown) });
      const runtime = runtimeWith([endpoint("odd", { class: "slm", location: "on-prem", model })]);
      expect((await observe(runtime, textGraph())).error).toMatchObject({ code: "PROVIDER_ERROR" });
    }
    for (const answered of [undefined, null, "text", 42]) {
      const model = () => ({ invoke: () => Promise.resolve(answered) });
      const runtime = runtimeWith([endpoint("odd", { class: "slm", location: "on-prem", model })]);
      expect((await observe(runtime, textGraph())).error).toMatchObject({ code: "PROVIDER_ERROR" });
    }
  });

  it("that throws before it returns a promise fails like any other", async () => {
    const model = () => ({
      invoke: () => {
        throw new TypeError("sync");
      },
    });
    const broken = endpoint("odd", { class: "slm", location: "on-prem", model });
    const runtime = runtimeWith([broken, llm(new ScriptedModel([say("hi")]))]);
    expect((await observe(runtime, textGraph())).output).toBe("hi");
  });
});

describe("a person", () => {
  const answers = (answer: unknown, asked: HumanRequest[] = []) => ({
    clearance: "customer" as const,
    ask: (request: HumanRequest) => {
      asked.push(request);
      return Promise.resolve(answer);
    },
  });

  it("is required where only a small model is left and the tier does not trust it: nothing is called", async () => {
    const small = new ScriptedModel([]);
    await expect(runtimeWith([slm(small)]).run(textGraph("reasoning"), ticket)).rejects.toMatchObject({
      name: "NoEligibleEndpointError",
      code: "HUMAN_REQUIRED",
    });
  });

  it("answers instead when one is wired, and sees what the model would have seen", async () => {
    const asked: HumanRequest[] = [];
    const runtime = runtimeWith([slm(new ScriptedModel([]))], { onHuman: answers("by hand", asked) });
    const { output, events, decisions } = await observe(runtime, textGraph("reasoning"));
    expect(output).toBe("by hand");
    expect(decisions?.["text"]?.[0]?.class).toBe("human");
    expect(asked).toEqual([expect.objectContaining({ step: "text", prompt: ticket.text })]);
    expect(events).toContainEqual(expect.objectContaining({ type: "human-asked", step: "text" }));
  });

  it("answers when every endpoint failed or answered weakly", async () => {
    const runtime = runtimeWith([slm(new ScriptedModel([down()])), llm(new ScriptedModel([say("no json")]))], {
      onHuman: answers({ total: 7 }),
    });
    expect((await observe(runtime, answerGraph())).output).toEqual({ total: 7 });
  });

  it("is not asked for what is above their clearance", async () => {
    const asked: HumanRequest[] = [];
    const g = graph("private", { input: z.object({ text: z.string() }), label: "regulated" });
    const reply = g.model("reply", {
      needs: { input: g.input },
      complexity: "generation",
      output: z.string(),
      prompt: ({ input }) => input.text,
    });
    const runtime = runtimeWith([slm(new ScriptedModel([down()]), { clearance: "regulated" })], {
      onHuman: answers("by hand", asked),
    });
    const { error } = await observe(runtime, g.output(reply));
    expect(error).toMatchObject({ code: "PROVIDER_ERROR" });
    expect(asked).toEqual([]);
  });

  it.each<[string, Graph<Ticket, unknown>, { answer: unknown; expected: unknown }]>([
    ["a label of the set", classifyGraph(), { answer: "bug", expected: { label: "bug" } }],
    ["a value of the schema", answerGraph(), { answer: { total: 1 }, expected: { total: 1 } }],
  ])("answers with %s", async (_what, started, { answer, expected }) => {
    const runtime = runtimeWith([llm(new ScriptedModel([down()]))], { onHuman: answers(answer) });
    expect((await observe(runtime, started)).output).toEqual(expected);
  });

  it.each<[string, Graph<Ticket, unknown>, unknown]>([
    ["another label", classifyGraph(), canary],
    ["the member of every object", classifyGraph(), "constructor"],
    ["another shape", answerGraph(), { total: canary }],
  ])("who answers with %s fails the step without being quoted", async (_what, started, answer) => {
    const runtime = runtimeWith([llm(new ScriptedModel([down()]))], { onHuman: answers(answer) });
    const { error } = await observe(runtime, started);
    expect(error).toMatchObject({ code: "OUTPUT_INVALID" });
    expect(error?.message).not.toContain(canary);
  });

  it("who cannot be reached fails the step with the cause", async () => {
    const cause = new Error("nobody there");
    const ask = (): never => {
      throw cause;
    };
    const runtime = runtimeWith([llm(new ScriptedModel([down()]))], { onHuman: { ask } });
    const { error } = await observe(runtime, textGraph());
    expect(error).toMatchObject({ code: "STEP_FAILED", cause });
  });

  it("who takes too long is cut off by a cancellation", async () => {
    let request: HumanRequest | undefined;
    const asked = Promise.withResolvers<undefined>();
    const ask = (given: HumanRequest): Promise<never> => {
      request = given;
      asked.resolve(undefined);
      return new Promise(() => undefined);
    };
    const runtime = runtimeWith([llm(new ScriptedModel([down()]))], { onHuman: { ask } });
    const run = await runtime.start(textGraph(), ticket);
    await asked.promise;
    run.cancel("enough");
    await expect(run.result).rejects.toMatchObject({ code: "RUN_CANCELLED", cause: "enough" });
    expect(request?.signal.aborted).toBe(true);
  });
});

describe("steps that were skipped", () => {
  /** Two branches of which one runs, each redacted, then joined. */
  function branches() {
    const g = graph("branches", {
      input: z.object({ text: z.string() }),
      label: { level: "customer", compartments: ["pii"], integrity: "trusted" },
    });
    const branch = (name: string, word: string) => {
      const raw = g.code(name, {
        needs: { input: g.input },
        when: ({ input }) => input.text.includes(word),
        run: () => ({ kind: word, secret: canary }),
      });
      return g.redact(`${name}-redacted`, {
        from: raw,
        output: z.object({ kind: z.string() }),
        map: ({ kind }) => ({ kind }),
        removes: ["pii"],
        to: "internal",
        reason: "only the kind of branch",
      });
    };
    const money = branch("money", "money");
    const other = branch("other", "other");
    return { g, money, other };
  }

  it("stay skipped through a redaction, so that joining alternatives finds the one that ran", async () => {
    const { g, money, other } = branches();
    const joined = g.firstOf("joined", [other, money]);
    const { output, events } = await observe(runtimeWith([slm(new ScriptedModel([]))]), g.output({ joined, other }));
    expect(output).toEqual({ joined: { kind: "money" }, other: undefined });
    expect(events).toContainEqual(
      expect.objectContaining({ type: "step-end", step: "other-redacted", outcome: "skipped" }),
    );
    expect(events.filter(({ type }) => type === "declassified")).toHaveLength(1);
  });

  it("skip what requires them, and give others their fallback", async () => {
    const { g, other } = branches();
    const ran: string[] = [];
    const required = g.code("required", {
      needs: { other: g.required(other) },
      run: () => void ran.push("required"),
    });
    const fallback = g.code("fallback", {
      needs: { other: g.orElse(other, { kind: "none" }) },
      run: ({ other: found }) => found.kind,
    });
    const plain = g.code("plain", { needs: { other }, run: ({ other: found }) => found === undefined });
    const { output } = await observe(
      runtimeWith([slm(new ScriptedModel([]))]),
      g.output({ required, fallback, plain }),
    );
    expect(output).toEqual({ required: undefined, fallback: "none", plain: true });
    expect(ran).toEqual([]);
  });

  it("fail a join when all alternatives are among them", async () => {
    const { g, other } = branches();
    const joined = g.firstOf("joined", [other]);
    const { error } = await observe(runtimeWith([slm(new ScriptedModel([]))]), g.output({ joined }));
    expect(error).toMatchObject({ code: "STEP_FAILED", details: { step: "joined" } });
  });
});
