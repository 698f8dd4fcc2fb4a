import { tool as langchainTool } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, ProviderError } from "../../src/index.ts";
import type { ClearanceSpec, Endpoint, RunEvent, RuntimeOptions, ToolBinding } from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type ScriptedReply } from "../../src/testing/index.ts";

const canary = "CANARY-4711";
const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 2 };

type Calls = NonNullable<ScriptedReply["toolCalls"]>;
type Script = ConstructorParameters<typeof ScriptedModel>[0];

/** A turn that calls tools, and the plain final answer. */
const calls = (...toolCalls: Calls): ScriptedReply => ({ toolCalls });
const call = (name: string, args: object = {}) => ({ name, args: args as Record<string, unknown> });
const done: ScriptedReply = { text: "done" };

function place(
  name: string,
  model: ScriptedModel,
  spec: { class: "slm" | "llm"; clearance?: ClearanceSpec },
): Endpoint {
  const location = spec.class === "slm" ? "on-prem" : "cloud";
  return endpoint(name, { location, price, model: model.factory, ...spec });
}

function runtimeWith(endpoints: readonly Endpoint[], options: Partial<RuntimeOptions> = {}) {
  return createRuntime({
    catalog: createCatalog(endpoints),
    policy: defaultPolicy(),
    retry: { maxAttempts: 1 },
    ...options,
  });
}

interface RecordedCall {
  readonly args: unknown;
  readonly key: string;
  readonly signal: AbortSignal;
}

/** A tool that writes down its calls; `answer` may be a function of the arguments. */
function recorded(name: string, answer: unknown, schema: unknown = z.object({ q: z.string().optional() })) {
  const seen: RecordedCall[] = [];
  const invoke = (args: unknown, config: { signal: AbortSignal; configurable: { idempotencyKey: string } }) => {
    seen.push({ args, key: config.configurable.idempotencyKey, signal: config.signal });
    return typeof answer === "function" ? (answer as (args: unknown) => unknown)(args) : answer;
  };
  return { tool: { name, description: name, schema, invoke }, seen };
}

const anything = "classified" as const;

/** A graph of one agent step that answers in text, with a trusted `limit` and an untrusted `note` to read. */
function agentGraph(tools: readonly ToolBinding<{ limit: number; note: string }>[], maxTurns = 8) {
  const g = graph("desk", {
    input: z.object({ limit: z.number(), note: z.string() }),
    fields: { limit: { integrity: "trusted" } },
  });
  const work = g.agent("work", {
    needs: { limit: g.input.field("limit"), note: g.input.field("note") },
    output: z.string(),
    prompt: ({ note }) => `Do: ${note}`,
    tools,
    maxTurns,
    timeoutMs: 5_000,
  });
  return g.output(work);
}

const input = { limit: 100, note: "hello" };

/** Runs one agent on one large model. */
async function runAgent(
  script: Script,
  tools: readonly ToolBinding<{ limit: number; note: string }>[],
  options: { maxTurns?: number; runId?: string } = {},
) {
  const model = new ScriptedModel(script);
  const events: RunEvent[] = [];
  const runtime = runtimeWith([place("gpt", model, { class: "llm" })]);
  const { runId } = options;
  const run = await runtime.start(agentGraph(tools, options.maxTurns), input, runId === undefined ? {} : { runId });
  run.on("*", (event) => void events.push(event));
  const result = await run.result.then(
    ({ output, ledger }) => ({ output, ledger, error: undefined }),
    (error: unknown) => ({ output: undefined, ledger: run.ledger(), error: error as Error & { code: string } }),
  );
  return { ...result, model, events };
}

/** What the model read as the results of its tool calls, in order, in its latest request. */
function toolMessages(model: ScriptedModel): string[] {
  const { messages } = model.calls.at(-1)!;
  return messages.filter(({ role }) => role === "tool").map(({ content }) => content);
}

describe("the tool loop", () => {
  it("runs the calls of one turn in parallel and hands the results back in the order of the calls", async () => {
    const order: string[] = [];
    const gates = { slow: Promise.withResolvers<string>(), fast: Promise.withResolvers<string>() };
    const gated = (name: "slow" | "fast") => {
      const invoke = async () => {
        order.push(`start ${name}`);
        if (order.length === 2) gates.fast.resolve("fast result");
        const result = await gates[name].promise;
        order.push(`end ${name}`);
        if (name === "fast") gates.slow.resolve("slow result");
        return result;
      };
      return { tool: { name, schema: z.object({}), invoke }, effect: "read" as const };
    };
    const { output, model } = await runAgent([calls(call("slow"), call("fast")), done], [gated("slow"), gated("fast")]);
    expect(order).toEqual(["start slow", "start fast", "end fast", "end slow"]);
    expect(toolMessages(model)).toEqual(["slow result", "fast result"]);
    expect(output).toBe("done");
    model.assertDone();
  });

  it("asks the large model to plan, the small one to act, and the large one again after a tool failed", async () => {
    const large = new ScriptedModel([calls(call("look", { q: "1" })), done]);
    const small = new ScriptedModel([calls(call("look", { q: "2" })), calls(call("fail"))]);
    const look = recorded("look", "found");
    const fail = recorded("fail", () => {
      throw new Error("no luck");
    });
    const runtime = runtimeWith([place("large", large, { class: "llm" }), place("small", small, { class: "slm" })]);
    const g = agentGraph([
      { tool: look.tool, effect: "read" },
      { tool: fail.tool, effect: "read" },
    ]);
    const { output, decisions, ledger } = await runtime.run(g, input);
    expect(output).toBe("done");
    expect(decisions["work"]?.map(({ role, ladder }) => [role, ladder[0]?.endpoint])).toEqual([
      ["plan", "large"],
      ["act", "small"],
      ["act", "small"],
      ["plan", "large"],
    ]);
    expect(ledger.endpoints).toEqual(["large", "small", "small", "large"]);
    large.assertDone();
    small.assertDone();
  });

  it("flags which class is missing when one takes both roles", async () => {
    const model = new ScriptedModel([done]);
    const { decisions } = await runtimeWith([place("small", model, { class: "slm" })]).run(agentGraph([]), input);
    expect(decisions["work"]?.[0]).toMatchObject({ class: "slm", flags: ["no-llm"] });
  });

  it("works with the tools that LangChain makes, and gives them the idempotency key and a signal", async () => {
    let config: { configurable?: Record<string, unknown>; signal?: AbortSignal } = {};
    const add = langchainTool(
      ({ a, b }: { a: number; b: number }, given: typeof config) => {
        config = given;
        return a + b;
      },
      { name: "add", description: "adds", schema: z.object({ a: z.number(), b: z.number() }) },
    );
    const { output, model } = await runAgent(
      [calls(call("add", { a: 2, b: 40 })), done],
      [{ tool: add, effect: "read" }],
    );
    expect(output).toBe("done");
    expect(toolMessages(model)).toEqual(["42"]);
    expect(config.configurable?.["idempotencyKey"]).toMatch(/^[0-9a-f]{32}$/);
    expect(config.signal).toBeInstanceOf(AbortSignal);
  });

  it("hands a LangChain tool message to the model as its bare content", async () => {
    const answer = { content: "the content", tool_call_id: "x", artifact: canary };
    const { model } = await runAgent(
      [calls(call("look")), done],
      [{ tool: recorded("look", answer).tool, effect: "read" }],
    );
    expect(toolMessages(model)).toEqual(["the content"]);
  });
});

describe("labels in the tool loop", () => {
  const regulated = { level: "regulated", compartments: ["pii"] } as const;

  /** The input is internal; `read` returns regulated data. */
  function raisingGraph(read: ToolBinding<object>, output = z.string()) {
    const g = graph("raise", { input: z.object({ note: z.string() }), label: "internal" });
    const work = g.agent("work", {
      needs: { input: g.input },
      privacy: "regulated",
      output,
      prompt: ({ input: { note } }) => note,
      tools: [{ effect: "read", accepts: regulated, returns: regulated, ...read }],
    });
    return g.output(work, { clearance: regulated });
  }

  it("moves the next turn to the cleared endpoint, and the uncleared one never sees the result", async () => {
    const cloud = new ScriptedModel([calls(call("read"))]);
    const onPrem = new ScriptedModel([calls(call("read", { q: "more" })), { text: `answer with ${canary}` }]);
    const read = recorded("read", `record ${canary}`);
    const runtime = runtimeWith([
      place("cloud", cloud, { class: "llm", clearance: "internal" }),
      place("premises", onPrem, { class: "slm", clearance: regulated }),
    ]);
    const { output, decisions, ledger } = await runtime.run(raisingGraph({ tool: read.tool }), { note: "hello" });
    expect(output).toContain(canary);
    expect(JSON.stringify(onPrem.calls)).toContain(canary);
    expect(JSON.stringify(cloud.calls)).not.toContain(canary);
    expect(ledger.endpoints).toEqual(["cloud", "premises", "premises"]);
    expect(decisions["work"]?.map(({ label }) => label.level)).toEqual(["internal", "regulated", "regulated"]);
    expect(decisions["work"]?.[1]?.refused).toEqual([
      expect.objectContaining({ endpoint: "cloud", rule: "clearance" }),
    ]);
    cloud.assertDone();
    onPrem.assertDone();
  });

  it("stays above the label of what it has read: a failing cleared endpoint is no reason to widen", async () => {
    const cloud = new ScriptedModel([calls(call("read"))]);
    const onPrem = new ScriptedModel([
      { error: new ProviderError("down", { retryable: true, errorType: "503", status: 503 }) },
    ]);
    const runtime = runtimeWith([
      place("cloud", cloud, { class: "llm", clearance: "internal" }),
      place("premises", onPrem, { class: "slm", clearance: regulated }),
    ]);
    const read = recorded("read", canary);
    const running = runtime.run(raisingGraph({ tool: read.tool }), { note: "hello" });
    await expect(running).rejects.toMatchObject({ code: "PROVIDER_ERROR", status: 503 });
    expect(cloud.calls).toHaveLength(1);
    expect(JSON.stringify(cloud.calls)).not.toContain(canary);
  });

  it("raises the next turn's label for a tool that failed too, and passes on nothing of what it threw", async () => {
    const cloud = new ScriptedModel([calls(call("read"))]);
    const onPrem = new ScriptedModel([done]);
    const runtime = runtimeWith([
      place("cloud", cloud, { class: "llm", clearance: "internal" }),
      place("premises", onPrem, { class: "slm", clearance: regulated }),
    ]);
    const read = recorded("read", () => {
      throw new Error(`row ${canary} is locked`);
    });
    const { decisions } = await runtime.run(raisingGraph({ tool: read.tool }), { note: "hello" });
    expect(decisions["work"]?.map(({ label }) => label.level)).toEqual(["internal", "regulated"]);
    expect(JSON.stringify([onPrem.calls, cloud.calls])).not.toContain(canary);
  });

  it("does not start when no endpoint could take a turn after the tool", async () => {
    const cloud = new ScriptedModel([done]);
    const runtime = runtimeWith([place("cloud", cloud, { class: "llm", clearance: "internal" })]);
    const running = runtime.run(raisingGraph({ tool: recorded("read", "x").tool }), { note: "hello" });
    await expect(running).rejects.toMatchObject({ code: "NO_ELIGIBLE_ENDPOINT" });
    expect(cloud.calls).toHaveLength(0);
  });

  it("keeps a tool's lower label from lowering what the turn already holds", async () => {
    const onPrem = new ScriptedModel([calls(call("read")), done]);
    const runtime = runtimeWith([place("premises", onPrem, { class: "llm", clearance: anything })]);
    const g = graph("keep", { input: z.object({ note: z.string() }), label: "customer" });
    const work = g.agent("work", {
      needs: { input: g.input },
      output: z.string(),
      prompt: ({ input: { note } }) => note,
      tools: [{ tool: recorded("read", "x").tool, effect: "read", accepts: "customer", returns: "public" }],
    });
    const { decisions } = await runtime.run(g.output(work), { note: "hello" });
    expect(decisions["work"]?.map(({ label }) => label.level)).toEqual(["customer", "customer"]);
  });
});

describe("arguments that a model writes", () => {
  it("are refused without running the tool when they are no JSON object, and the model may try again", async () => {
    const look = recorded("look", "found");
    const bad = (args: unknown): ScriptedReply => ({ toolCalls: [{ name: "look", args: args as never }] });
    const { output, model, events } = await runAgent(
      [bad("{ truncated"), bad(["an", "array"]), bad({ q: "x" }), done],
      [{ tool: look.tool, effect: "read" }],
    );
    expect(output).toBe("done");
    const refusal = "The arguments are not a JSON object.";
    expect(toolMessages(model)).toEqual([refusal, refusal, "found"]);
    expect(look.seen).toHaveLength(1);
    expect(events.filter(({ type }) => type === "tool-start")).toHaveLength(1);
    model.assertDone();
  });

  it("name the known tools when the tool is unknown, even one called like a member of every object", async () => {
    const { output, model } = await runAgent(
      [calls(call("nope"), call("constructor"), call("toString"), call("")), done],
      [{ tool: recorded("look", "found").tool, effect: "read" }],
    );
    expect(output).toBe("done");
    expect(toolMessages(model)).toEqual(Array(4).fill("There is no such tool. Tools: look."));
  });

  it("are checked against the tool's schema before it runs, and the answer names places, never values", async () => {
    const look = recorded("look", "found", z.object({ id: z.number() }));
    const { model } = await runAgent(
      [calls(call("look", { id: canary })), done],
      [{ tool: look.tool, effect: "read" }],
    );
    expect(look.seen).toEqual([]);
    expect(toolMessages(model)[0]).toContain('"id" is not number');
    expect(toolMessages(model)[0]).not.toContain(canary);
  });

  it("are overridden by a pin, which the model is not shown", async () => {
    const pay = recorded("pay", "paid", z.object({ to: z.string(), amount: z.number() }));
    const pin = { to: ({ limit }: { limit: number }) => `account-${limit}` };
    const max = { amount: ({ limit }: { limit: number }) => limit };
    const g = agentGraph([{ tool: pay.tool, effect: "write", pin, max }]);
    const model = new ScriptedModel([calls(call("pay", { to: "thief", amount: 5 })), done]);
    await runtimeWith([place("gpt", model, { class: "llm" })]).run(g, input);
    expect(pay.seen.map(({ args }) => args)).toEqual([{ to: "account-100", amount: 5 }]);
    const [step] = g.definition.steps;
    expect(step).toMatchObject({ tools: [{ shownParameters: { required: ["amount"] } }] });
    expect(JSON.stringify(step?.kind === "agent" && step.tools[0]?.shownParameters)).not.toContain('"to"');
  });

  it.each([
    ["above the bound", 101],
    ["negative", -1],
    ["not a number", Number.NaN],
    ["infinite", Number.POSITIVE_INFINITY],
    ["a text", "5"],
    ["missing", undefined],
  ])("are refused when bounded and %s", async (_what, amount) => {
    const pay = recorded("pay", "paid", z.object({ amount: z.coerce.number().default(1e6) }));
    const max = { amount: ({ limit }: { limit: number }) => limit };
    const { model } = await runAgent(
      [calls(call("pay", { amount })), done],
      [{ tool: pay.tool, effect: "irreversible", max }],
    );
    expect(pay.seen).toEqual([]);
    expect(toolMessages(model)[0]).toContain('"amount" is not a number from 0 to its bound');
  });

  it("are refused when code computes no bound", async () => {
    const pay = recorded("pay", "paid", z.object({ amount: z.number() }));
    const { model } = await runAgent(
      [calls(call("pay", { amount: 1 })), done],
      [{ tool: pay.tool, effect: "write", max: { amount: () => Number.NaN } }],
    );
    expect(pay.seen).toEqual([]);
    expect(toolMessages(model)[0]).toContain('"amount"');
  });

  it("end the run when a pin of an effectful tool reads what an outsider wrote", async () => {
    const pay = recorded("pay", "paid", z.object({ to: z.string() }));
    const { error } = await runAgent(
      [calls(call("pay", {})), done],
      [{ tool: pay.tool, effect: "write", pin: { to: ({ note }) => note } }],
    );
    expect(error).toMatchObject({ code: "PRIVACY_ACTION_UNTRUSTED", details: { step: "work", tool: "pay" } });
    expect(pay.seen).toEqual([]);
  });

  it("may come from what an outsider wrote for a tool without effect", async () => {
    const find = recorded("find", "found", z.object({ to: z.string() }));
    const { output } = await runAgent(
      [calls(call("find", {})), done],
      [{ tool: find.tool, effect: "read", pin: { to: ({ note }) => note } }],
    );
    expect(output).toBe("done");
    expect(find.seen.map(({ args }) => args)).toEqual([{ to: "hello" }]);
  });

  it("end the run with the author's error as cause when a pin throws", async () => {
    const cause = new Error("no account");
    const pay = recorded("pay", "paid", z.object({ to: z.string() }));
    const pin = {
      to: () => {
        throw cause;
      },
    };
    const { error } = await runAgent([calls(call("pay", {})), done], [{ tool: pay.tool, effect: "write", pin }]);
    expect(error).toMatchObject({ code: "STEP_FAILED", cause });
    expect(pay.seen).toEqual([]);
  });

  it("are let through openly, with an event, when the author accepts untrusted arguments", async () => {
    const mail = recorded("mail", "sent", z.object({ body: z.string() }));
    const { events } = await runAgent(
      [calls(call("mail", { body: "hi" })), done],
      [{ tool: mail.tool, effect: "write", untrustedArguments: { reason: "a draft" } }],
    );
    expect(mail.seen).toHaveLength(1);
    expect(events).toContainEqual(expect.objectContaining({ type: "endorsed", what: "arguments", reason: "a draft" }));
  });

  it.each([
    ["a zod schema", z.object({ q: z.string() })],
    ["a JSON Schema", { type: "object", properties: { q: { type: "string" } } }],
  ])("cannot reach a prototype through %s", async (_what, schema) => {
    const look = recorded("look", "found", schema);
    const args = JSON.parse('{"q":"x","__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}}');
    const { output, model } = await runAgent(
      [{ toolCalls: [{ name: "look", args }] }, calls(call("look", { q: "x" })), done],
      [{ tool: look.tool, effect: "read", pin: { q: () => "pinned" } }],
    );
    expect(output).toBe("done");
    expect(toolMessages(model)[0]).toBe("The arguments cannot be used: the value has unknown members.");
    expect(look.seen.map((seen) => seen.args)).toEqual([{ q: "pinned" }]);
    expect(Object.getPrototypeOf(look.seen[0]?.args)).toBe(Object.prototype);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  it("may become anything in the tool's own schema, also what JSON cannot hold", async () => {
    const schema = z.object({ id: z.string().transform((id) => BigInt(id)) });
    const look = recorded("look", "found", schema);
    const { output, error } = await runAgent(
      [calls(call("look", { id: "42" })), done],
      [{ tool: look.tool, effect: "read" }],
    );
    expect(error).toBeUndefined();
    expect(output).toBe("done");
    expect(look.seen[0]?.args).toEqual({ id: 42n });
  });
});

describe("the end of a tool loop", () => {
  it("comes at the third identical call with an identical result", async () => {
    const look = recorded("look", "same");
    const { error, model } = await runAgent(
      () => calls(call("look", { q: "x" })),
      [{ tool: look.tool, effect: "read" }],
    );
    expect(error).toMatchObject({ code: "TOOL_LOOP_LIMIT", details: { tool: "look" } });
    expect(model.calls).toHaveLength(3);
    expect(look.seen).toHaveLength(3);
  });

  it("comes for two calls that alternate, whatever the order of their members", async () => {
    const look = recorded("look", "same", z.object({ a: z.number(), b: z.number() }));
    const variants = [
      { a: 1, b: 2 },
      { a: 9, b: 9 },
      { b: 2, a: 1 },
      { b: 9, a: 9 },
    ];
    const { error, model } = await runAgent(
      ({ messages }) => calls(call("look", variants[messages.filter(({ role }) => role === "tool").length % 4])),
      [{ tool: look.tool, effect: "read" }],
    );
    expect(error).toMatchObject({ code: "TOOL_LOOP_LIMIT" });
    expect(model.calls).toHaveLength(5);
  });

  it("does not come while the result changes, until maxTurns", async () => {
    let count = 0;
    const look = recorded("look", () => `result ${(count += 1)}`);
    const { error, model } = await runAgent(
      () => calls(call("look", { q: "x" })),
      [{ tool: look.tool, effect: "read" }],
      { maxTurns: 5 },
    );
    expect(error).toMatchObject({ code: "TOOL_LOOP_LIMIT", message: expect.stringContaining("5 turns") as string });
    expect(model.calls).toHaveLength(5);
  });

  it("counts refused calls as repeats too", async () => {
    const { error, model } = await runAgent(() => calls(call("nope")), []);
    expect(error).toMatchObject({ code: "TOOL_LOOP_LIMIT" });
    expect(model.calls).toHaveLength(3);
  });

  it("runs at most 16 of the calls of one turn", async () => {
    const look = recorded("look", ({ q }: { q: string }) => `result ${q}`);
    const many = Array.from({ length: 500 }, (_item, index) => call("look", { q: String(index) }));
    const { output, model } = await runAgent([calls(...many), done], [{ tool: look.tool, effect: "read" }]);
    expect(output).toBe("done");
    expect(look.seen).toHaveLength(16);
    expect(toolMessages(model)).toHaveLength(17);
    expect(toolMessages(model)[16]).toBe("Not called, nor were the 483 calls after it: a turn may have 16 calls.");
  });

  it("repairs a final answer that does not fit, naming the places and keeping the draft's cost", async () => {
    const g = graph("desk", { input: z.object({ note: z.string() }) });
    const work = g.agent("work", {
      needs: { input: g.input },
      output: z.object({ amount: z.number() }),
      prompt: ({ input: { note } }) => note,
      tools: [],
    });
    const usage = { inputTokens: 10, outputTokens: 10 };
    const large = new ScriptedModel([
      { text: "I think five", usage },
      { text: '{"amount":"five"}', usage },
      { text: '```json\n{"amount":5}\n```', usage },
    ]);
    const run = await runtimeWith([place("gpt", large, { class: "llm" })]).start(g.output(work), { note: "hi" });
    const kinds: string[] = [];
    run.on("attempt-end", ({ kind, outcome, rejectReason }) => void kinds.push(`${kind} ${outcome} ${rejectReason}`));
    const { output, ledger } = await run.result;
    expect(output).toEqual({ amount: 5 });
    expect(kinds).toEqual([
      "initial rejected schema_invalid",
      "turn rejected schema_invalid",
      "turn accepted undefined",
    ]);
    expect(ledger).toMatchObject({ attempts: 3, inputTokens: 30, outputTokens: 30, costUsd: 90e-6, complete: true });
    expect(large.calls[1]?.messages.at(-1)).toEqual({
      role: "user",
      content: "That answer cannot be used: it is not JSON. Answer again.",
    });
    expect(large.calls[2]?.messages.at(-1)?.content).toContain('"amount" is not number');
  });

  it("is bounded by maxTurns when no answer ever fits", async () => {
    const { error, model } = await runAgent(() => ({ text: "   " }), [], { maxTurns: 3 });
    expect(error).toMatchObject({ code: "TOOL_LOOP_LIMIT" });
    expect(model.calls).toHaveLength(3);
  });
});

describe("what a tool returns", () => {
  const cyclic: Record<string, unknown> = {};
  cyclic["self"] = cyclic;
  const throwing = {
    toJSON() {
      throw new Error("never");
    },
  };

  it.each<[string, unknown, string]>([
    ["a text", "plain", "plain"],
    ["an object", { a: [1, "two"] }, '{"a":[1,"two"]}'],
    ["nothing", undefined, ""],
    ["null", null, "null"],
    ["a bigint", 42n, "42"],
    ["a bigint inside", { id: 42n }, '{"id":42}'],
    ["a lone surrogate, which UTF-8 cannot hold, as an escape", "a\ud800b", '"a\\ud800b"'],
  ])("is text for the model: %s", async (_what, result, expected) => {
    const look = recorded("look", () => result);
    const { output, model, events } = await runAgent(
      [calls(call("look")), done],
      [{ tool: look.tool, effect: "read" }],
    );
    expect(output).toBe("done");
    expect(toolMessages(model)).toEqual([expected]);
    expect(events).toContainEqual(expect.objectContaining({ type: "tool-end", outcome: "completed" }));
  });

  it.each<[string, unknown, string]>([
    ["a function", () => undefined, "holds a function"],
    ["a cycle", cyclic, "holds a cycle"],
    ["a toJSON that throws", throwing, "could not be read"],
    ["a buffer", Buffer.from(canary), "holds binary data"],
    ["a hundred megabytes", "x".repeat(1e8), "is longer than 16777216 bytes"],
  ])("is refused, and told so, where there is no text for it: %s", async (_what, result, why) => {
    const look = recorded("look", () => result);
    const { output, model, events } = await runAgent(
      [calls(call("look")), done],
      [{ tool: look.tool, effect: "read" }],
    );
    expect(output).toBe("done");
    expect(toolMessages(model)).toEqual([`The tool ran, but its result ${why}, so it is not shown.`]);
    const end = { type: "tool-end", outcome: "failed", errorType: "result_unusable" };
    expect(events).toContainEqual(expect.objectContaining(end));
  });

  it("is cut at 64 KiB without cutting a character in two, and says how much is missing", async () => {
    const look = recorded("look", "é".repeat(500_000) /* 1 MB */);
    const { output, model, events } = await runAgent(
      [calls(call("look")), done],
      [{ tool: look.tool, effect: "read" }],
    );
    expect(output).toBe("done");
    const [content = ""] = toolMessages(model);
    const [, kept = "", note = ""] = /^(é+)(\n\[.*\])$/.exec(content) ?? [];
    expect(note).toBe(`\n[The result was cut here: ${1_000_000 - Buffer.byteLength(kept)} bytes are left out.]`);
    const bytes = Buffer.byteLength(content);
    expect(bytes).toBeLessThanOrEqual(65_536);
    expect(bytes).toBeGreaterThan(65_530);
    expect(events).toContainEqual(expect.objectContaining({ type: "tool-end", resultBytes: bytes }));
  });

  it.each<[string, () => unknown]>([
    ["an error", () => Promise.reject(new Error(`row ${canary} is locked`))],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- tools do this
    ["a text", () => Promise.reject(canary)],
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- tools do this
    ["nothing", () => Promise.reject(undefined)],
    ["one of our errors", () => Promise.reject(new ProviderError(canary, { retryable: true, errorType: "503" }))],
  ])("is a failure that the model hears of, without what was thrown, when it throws %s", async (_what, fail) => {
    const { output, model, events } = await runAgent(
      [calls(call("look")), done],
      [{ tool: recorded("look", fail).tool, effect: "read" }],
    );
    expect(output).toBe("done");
    expect(toolMessages(model)).toEqual(["The tool failed."]);
    const end = { type: "tool-end", outcome: "failed", errorType: "tool_error" };
    expect(events).toContainEqual(expect.objectContaining(end));
    expect(JSON.stringify(events)).not.toContain(canary);
  });

  it("is not waited for beyond the step's timeout", async () => {
    const clock = new SimulatedClock();
    const model = new ScriptedModel([calls(call("look")), done]);
    const look = recorded("look", () => new Promise(() => undefined));
    const runtime = runtimeWith([place("gpt", model, { class: "llm" })], { clock });
    const running = runtime.run(agentGraph([{ tool: look.tool, effect: "read" }]), input);
    await clock.advance(4_999);
    expect(look.seen[0]?.signal.aborted).toBe(false);
    expect(model.calls).toHaveLength(1);
    await clock.advance(1);
    expect(look.seen[0]?.signal.aborted).toBe(true);
    await expect(running).resolves.toMatchObject({ output: "done" });
    expect(toolMessages(model)).toEqual(["The tool did not answer in time."]);
    expect(clock.pending).toBe(0);
  });
});

describe("the idempotency key of a tool call", () => {
  const script: Script = [
    calls(call("look", { q: "same" }), call("look", { q: "same" })),
    calls(call("look", { q: "same" }), call("look", { q: "other" })),
    done,
  ];

  async function keys(runId: string): Promise<string[]> {
    let count = 0;
    const look = recorded("look", () => `result ${(count += 1)}`);
    await runAgent(script, [{ tool: look.tool, effect: "read" }], { runId });
    return look.seen.map(({ key }) => key);
  }

  it("is 32 hexadecimal digits, another for every call of a run, even an identical one", async () => {
    const found = await keys("run-1");
    expect(found).toHaveLength(4);
    for (const key of found) expect(key).toMatch(/^[0-9a-f]{32}$/);
    expect(new Set(found).size).toBe(4);
  });

  it("is the same for the same call of the same run, and another in another run", async () => {
    const found = await keys("run-1");
    expect(await keys("run-1")).toEqual(found);
    expect((await keys("run-2")).filter((key) => found.includes(key))).toEqual([]);
  });
});
