import { FakeListChatModel } from "@langchain/core/utils/testing";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type RuntimeOptions } from "tierwise";
import { ScriptedModel } from "tierwise/testing";
import { beforeEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import * as budgets from "../examples/snippets/budgets.ts";
import * as concepts from "../examples/snippets/concepts.ts";
import * as events from "../examples/snippets/events.ts";
import * as agent from "../examples/snippets/migrate-agent.ts";
import * as langGraph from "../examples/snippets/migrate-graph.ts";
import * as tools from "../examples/snippets/own-tools.ts";
import * as testing from "../examples/snippets/testing.ts";

const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };

function catalogOf(model: ScriptedModel) {
  const declared = { location: "on-prem", clearance: "customer", model: model.factory, price } as const;
  return createCatalog([
    endpoint("small", { class: "slm", ...declared }),
    endpoint("large", { class: "llm", ...declared }),
  ]);
}

function runtimeOf(model: ScriptedModel, options: Partial<RuntimeOptions> = {}) {
  return createRuntime({ catalog: catalogOf(model), policy: defaultPolicy(), ...options });
}

function textGraph() {
  const g = graph("text", { input: z.string() });
  const spec = { complexity: "generation", output: z.string(), maxOutputTokens: 10 } as const;
  return g.output(g.model("say", { ...spec, needs: { text: g.input }, prompt: ({ text }) => text }));
}

// What a reader would see on a terminal is noise here.
beforeEach(() => {
  vi.spyOn(console, "log").mockReturnValue(undefined);
  vi.spyOn(process.stdout, "write").mockReturnValue(true);
});

describe("the guide of tools", () => {
  it("has a graph in which the model sets no order and no large amount, and a person is asked", async () => {
    const refund = (args: object) => ({ toolCalls: [{ name: "refund", args: { ...args } }] });
    const model = new ScriptedModel([refund({ amount: 99 }), refund({ amount: 20 }), { text: "done" }]);
    const asked: string[] = [];
    const runtime = tools.withPerson(catalogOf(model), defaultPolicy(), (text) => {
      asked.push(text);
      return Promise.resolve(true);
    });
    const { output } = await runtime.run(tools.returns(), { orderId: 7, complaint: "My mug is broken." });
    expect(output).toBe("done");
    expect(asked).toHaveLength(1);
    expect(asked[0]).toContain('"orderId":7');
    expect(asked[0]).toContain('"amount":20');
  });

  it("has a tool that reads its idempotency key", async () => {
    const keys: (string | undefined)[] = [];
    const refund = tools.keyedRefund({
      pay: (_order, { idempotencyKey }) => Promise.resolve(String(keys.push(idempotencyKey))),
    });
    const g = graph("pay", { input: z.string() });
    const paid = g.agent("paid", {
      needs: { text: g.input },
      tools: [{ tool: refund, untrustedArguments: { reason: "a test" } }],
      output: z.string(),
      prompt: ({ text }) => text,
    });
    const call = { toolCalls: [{ name: "refund", args: { orderId: 1, amount: 1 } }] };
    await runtimeOf(new ScriptedModel([call, { text: "paid" }])).run(g.output(paid), "pay");
    expect(keys).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/)]);
  });
});

describe("the guides of migration", () => {
  it("has the agent of LangChain as a step", async () => {
    const model = new ScriptedModel([
      { toolCalls: [{ name: "search_help", args: { query: "refunds" } }] },
      { text: '{ "text": "Two weeks.", "articles": ["refunds"] }' },
    ]);
    const { run } = agent.after({ small: model.factory, large: model.factory });
    expect(await run("How long does a refund take?")).toEqual({ text: "Two weeks.", articles: ["refunds"] });
  });

  it.each([
    { topic: "refund", reply: "of a mug", lookedUp: ["c1"] },
    { topic: "bug", reply: "an answer", lookedUp: [] },
  ])("has a graph that does for a $topic what LangGraph's does", async ({ topic, reply, lookedUp }) => {
    const asked: { before: string[]; after: string[] } = { before: [], after: [] };
    const ordersOf = (which: keyof typeof asked) => ({
      latest: (customerId: string) => {
        asked[which].push(customerId);
        return Promise.resolve({ item: "mug" });
      },
    });
    const input = { ticket: "It is broken.", customerId: "c1" };
    const before = langGraph.before(new FakeListChatModel({ responses: [topic, reply] }), ordersOf("before"));
    const state = await before.invoke(input, { configurable: { thread_id: "1" } });
    const model = new ScriptedModel([{ text: topic }, { text: reply }]);
    const { output } = await runtimeOf(model).run(langGraph.after(ordersOf("after")), input);
    expect(output).toEqual({ topic: { label: topic }, reply });
    expect({ topic: { label: state.topic }, reply: state.reply }).toEqual(output);
    expect(asked).toEqual({ before: lookedUp, after: lookedUp });
    const lastPrompt = model.calls.at(-1)?.messages.at(-1)?.content;
    expect(lastPrompt).toBe(topic === "refund" ? "Refund of mug: It is broken." : "Answer: It is broken.");
  });

  it("has a node for LangGraph", async () => {
    const runtime = runtimeOf(new ScriptedModel([{ text: "bug" }, { text: "an answer" }]));
    const desk = langGraph.after({ latest: () => Promise.resolve({ item: "mug" }) });
    const { reply } = await langGraph.aNode(runtime, desk).invoke({ ticket: "It is broken.", customerId: "c1" });
    expect(reply).toBe("an answer");
  });
});

describe("the pages on budgets", () => {
  it("show budgets that are kept", async () => {
    const say = new ScriptedModel(() => ({ text: "yes" }));
    expect((await budgets.ofARun(runtimeOf(say), textGraph(), "hello")).capCalls).toBe(30);
    const runtime = budgets.ofTenants(catalogOf(say), defaultPolicy());
    expect(await budgets.answered(runtime, textGraph(), { input: "hello", tenant: "acme" })).toMatchObject({
      body: "yes",
    });
    const full = runtimeOf(say, { budgets: { accounts: () => [{ name: "acme", per: "day", tokens: 1 }] } });
    expect(await budgets.answered(full, textGraph(), { input: "hello", tenant: "acme" })).toEqual({
      status: 429,
      retryAfterMs: expect.any(Number) as number,
    });
  });

  it("show steps that build", () => {
    const g = graph("steps", { input: z.string() });
    const lines = g.code("lines", { needs: { text: g.input }, run: ({ text }) => [text] });
    const parts = { request: g.input, lines, draft: textGraph(), refundTool: tools.searchHelp };
    expect(g.output(budgets.ofSteps(g, parts)).name).toBe("steps");
  });
});

describe("the pages on events", () => {
  const desk = () => {
    const g = graph("desk", { input: z.object({ ticket: z.string() }) });
    return g.output(events.streamed(g, g.input));
  };
  const runtime = () => runtimeOf(new ScriptedModel(() => ({ text: "yes" })));

  it("show a stream, listeners and an audit log that hold what they say", async () => {
    expect(await events.show(runtime(), desk(), { ticket: "hello" })).toBe("yes");
    const seen = await events.listen(runtime(), desk(), { ticket: "hello" });
    expect(seen[0]).toBe("reply: small accepted");
    const entries: object[] = [];
    const auditLog = { append: (entry: object) => void entries.push(entry) };
    await events.audited(runtime(), desk(), { input: { ticket: "hello" }, auditLog });
    expect(entries).toMatchObject([{ action: "placed" }, { action: "run-end" }]);
  });

  it("show server-sent events, and a run that ends when nobody listens", async () => {
    const written: string[] = [];
    let close = () => {};
    const response = {
      write: (text: string) => written.push(text) > 0,
      end: () => void written.push("end"),
      onClose: (listener: () => void) => void (close = listener),
    };
    await events.serverSentEvents(runtime(), desk(), { input: { ticket: "hello" }, response });
    expect(written.map((text) => text.split("\n")[0])).toEqual(["event: token", "event: step-end", "end"]);
    const cancelled = events.serverSentEvents(runtime(), desk(), { input: { ticket: "hello" }, response });
    close();
    await cancelled;
    expect(written.at(-2)).toContain("event: failed");
  });

  it("show how the pieces of one attempt are kept", async () => {
    const token = { type: "token", runId: "r", atMs: 0, step: "s" } as const;
    async function* pieces() {
      yield* [
        { ...token, attempt: 1, text: "wro" },
        { ...token, attempt: 2, text: "ri" },
      ];
      yield await Promise.resolve({ ...token, attempt: 2, text: "ght" });
    }
    const drawn: string[] = [];
    await events.ofOneAttempt(pieces(), (text) => void drawn.push(text));
    expect(drawn).toEqual(["wro", "ri", "right"]);
  });
});

describe("the guide of testing", () => {
  it("shows tests that pass", async () => {
    await testing.escalates();
    expect((await testing.faulty()).retries).toBe(2);
    await testing.matched(new ScriptedModel([{ text: '{ "title": "Water" }' }]));
  });
});

describe("the pages of concepts", () => {
  it("say what labels do, and show a rule that removes", () => {
    expect(concepts.labels()).toBe(false);
    const runtime = createRuntime({ catalog: catalogOf(new ScriptedModel([])), policy: concepts.ruled() });
    expect(runtime.plan(textGraph()).toTable()).toContain("small");
    const rows = Array.from({ length: 100 }, (_, index) => ({ confidence: index / 100, correct: index > 40 }));
    expect(concepts.threshold(rows).quality).toBeGreaterThanOrEqual(0.98);
  });
});
