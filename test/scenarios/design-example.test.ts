import { beforeEach, describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  NoEligibleEndpointError,
  type ClearanceSpec,
  type RunEvent,
} from "../../src/index.ts";
import { ScriptedModel, type ScriptedCall, type ScriptedReply } from "../../src/testing/index.ts";
import * as example from "../design-example.ts";

const { support, runtime: real, toolCalls } = example;
const input = { ticket: "The mug broke, I want my money back", customerId: "c1" };

beforeEach(() => void toolCalls.splice(0));

describe("plan of the design's example", () => {
  const plan = real.plan(support);
  const ladders = plan.steps.map(({ step, decision }) => [
    step,
    decision.role ?? "-",
    decision.class,
    decision.ladder.map((rung) => rung.endpoint).join(" then "),
    decision.refused.map(({ endpoint: name, rule }) => `${name}: ${rule}`).join(", "),
  ]);

  it("puts each step on the smallest model that may see its data, and the agent on premises only", () => {
    expect(ladders).toEqual([
      ["triage", "-", "hybrid", "phi4 then gpt", ""],
      ["refund", "plan", "slm", "phi4", "gpt: clearance"],
      ["refund", "act", "slm", "phi4", "gpt: clearance"],
      ["reply", "-", "hybrid", "phi4 then gpt", ""],
    ]);
  });

  it("says what each step sees, and why the cloud model is refused", () => {
    const [triage, refund] = plan.steps.map(({ decision }) => decision);
    expect(triage?.label).toEqual({ level: "customer", compartments: ["pii"], integrity: "untrusted" });
    expect(refund?.label).toEqual({ level: "regulated", compartments: ["pci", "pii"], integrity: "trusted" });
    expect(refund?.flags).toEqual(["no-llm"]);
    expect(refund?.refused[0]?.reason).toBe(
      "is cleared for customer{pii}; the data is regulated{pci, pii}: level +1, pci",
    );
  });

  it("holds, is labelled and estimates nothing without a workload", () => {
    expect(plan.problems).toEqual([]);
    expect(() => plan.check()).not.toThrow();
    expect(plan.privacy).toBe("labelled");
    expect(plan.steps.map(({ decision }) => decision.estimate)).toEqual(Array(4).fill("unknown"));
    expect(plan.toTable()).toContain("phi4 (slm) then gpt (llm)");
  });

  it("keeps both ChatOpenAI endpoints under a money budget: their output limits can be set", () => {
    const capped = real.plan(support, { budget: { costUsd: 0.02 } });
    expect(capped.steps.map(({ decision }) => decision.ladder.length)).toEqual([2, 1, 1, 2]);
  });

  it("is refused before any call where the small model is not cleared for the order", async () => {
    const models = { phi4: new ScriptedModel([]), gpt: new ScriptedModel([]) };
    const narrow = runtimeOf(models, { level: "customer", compartments: ["pii"] });
    await expect(narrow.start(support, input)).rejects.toThrow(NoEligibleEndpointError);
    expect([...models.phi4.calls, ...models.gpt.calls]).toEqual([]);
  });
});

function runtimeOf(
  models: { phi4: ScriptedModel; gpt: ScriptedModel },
  clearance: ClearanceSpec = example.phi4.clearance,
) {
  const capabilities = { logprobs: true };
  return createRuntime({
    catalog: createCatalog([
      endpoint("phi4", { ...example.phi4, clearance, capabilities, model: models.phi4.factory }),
      endpoint("gpt", { ...example.gpt, capabilities, model: models.gpt.factory }),
    ]),
    policy: defaultPolicy({ acceptAt: 0.85 }),
    retry: { maxAttempts: 1 },
    telemetry: { content: "off" },
  });
}

/** The answer of a classifier that is sure of `label`. */
function label(text: string, probability: number): ScriptedReply {
  const rival = { token: "other", logprob: Math.log(1 - probability) };
  return { text, logprobs: [{ token: text, logprob: Math.log(probability), top_logprobs: [rival] }] };
}

/** A small model that obeys its context: it copies what it sees and tries to choose the order itself. */
function smallModel({ triage, reply }: { triage: ScriptedReply; reply: ScriptedReply }): ScriptedModel {
  const turns: readonly ScriptedReply[] = [
    { toolCalls: [{ name: "search_policies", args: { query: "refund of a broken mug" } }] },
    { toolCalls: [{ name: "issue_refund", args: { orderId: "o-evil", amount: 99 } }] },
    { toolCalls: [{ name: "issue_refund", args: { orderId: "o-evil", amount: -1 } }] },
    { toolCalls: [{ name: "issue_refund", args: { orderId: "o-evil", amount: 12.5 } }] },
    { text: '{ "amount": 12.5 }' },
  ];
  return new ScriptedModel((call) => {
    if (call.tools.length > 0) return turns[call.messages.filter(({ role }) => role === "tool").length] ?? {};
    return isTriage(call) ? triage : reply;
  });
}

const isTriage = ({ messages }: ScriptedCall): boolean =>
  messages.some(({ role, content }) => role === "system" && content.startsWith("Choose the one label"));

const textOf = ({ messages }: ScriptedCall): string => messages.map(({ content }) => content).join("\n");

async function runExample(models: { phi4: ScriptedModel; gpt: ScriptedModel }) {
  const run = await runtimeOf(models).start(support, input, { budget: { costUsd: 0.02, durationMs: 8_000 } });
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return { ...(await run.result), events };
}

describe("run of the design's example", () => {
  it("refunds, summarises and answers: what code pins and bounds is what the tool gets", async () => {
    const phi4 = smallModel({ triage: label("refund", 0.95), reply: { text: "Your money is on its way." } });
    const gpt = new ScriptedModel([]);
    const { output, ledger, decisions, events } = await runExample({ phi4, gpt });

    expect(output).toEqual({ reply: "Your money is on its way.", triage: { label: "refund" } });
    expect(toolCalls).toEqual([
      { tool: "search_policies", args: { query: "refund of a broken mug" } },
      { tool: "issue_refund", args: { orderId: "o-c1", amount: 12.5 } },
    ]);
    expect(gpt.calls).toEqual([]);
    expect(ledger.attempts).toBe(7);
    expect(ledger.endpoints).toEqual(Array(7).fill("phi4"));
    expect(ledger.costUsd).toBeGreaterThan(0);
    expect(ledger.baselineUsd).toBeGreaterThan(ledger.costUsd);
    expect(ledger.llmUsd).toBe(0);
    expect(Object.keys(decisions).sort()).toEqual(["refund", "reply", "triage"]);
    expect(decisions["refund"]?.map(({ role }) => role)).toEqual(["plan", "act", "plan", "plan", "act"]);
    expect(
      events.flatMap((event) => (event.type === "step-end" ? `${event.step}: ${event.outcome}` : [])).sort(),
    ).toEqual(["order: completed", "refund: completed", "reply: completed", "summary: completed", "triage: completed"]);
  });

  it("tells the model why an argument above its bound was refused, without the bound or the value", async () => {
    const phi4 = smallModel({ triage: label("refund", 0.95), reply: { text: "Done." } });
    await runExample({ phi4, gpt: new ScriptedModel([]) });
    const refusals = phi4.calls
      .flatMap(({ messages }) => messages)
      .filter(({ role, content }) => role === "tool" && content.includes("cannot be used"));
    expect(new Set(refusals.map(({ content }) => content))).toEqual(
      new Set(['The arguments cannot be used: "amount" is not a number from 0 to its bound.']),
    );
  });

  it("shows the model no argument that code pins", () => {
    const refund = support.definition.steps.find(({ name }) => name === "refund");
    const tools = refund?.kind === "agent" ? refund.tools : [];
    const shown = tools.map(({ shownParameters }) => Object.keys(shownParameters["properties"] ?? {}));
    expect(shown).toEqual([["query"], ["amount"]]);
  });

  it("lets nothing of the order past the redaction but what its schema declares, on either model", async () => {
    const phi4 = smallModel({ triage: label("refund", 0.95), reply: { text: " " } });
    const gpt = new ScriptedModel([{ text: "Your money is on its way." }]);
    const { output, ledger, events } = await runExample({ phi4, gpt });
    const replies = [...phi4.calls, ...gpt.calls].filter((call) => call.tools.length === 0 && !isTriage(call));

    expect(output.reply).toBe("Your money is on its way.");
    expect(replies).toHaveLength(2);
    for (const call of replies) {
      expect(textOf(call)).toBe(`Answer (refund) about {"item":"mug","total":12.5}: ${input.ticket}`);
    }
    expect(JSON.stringify(events)).not.toMatch(/CARD-4111|o-c1|broke/);
    // The reply. The two amounts that had to be put right were so by the model that wrote them.
    expect(ledger.escalations).toBe(1);
    gpt.assertDone();
  });

  it("drops what a careless map returns beyond the schema of its redaction", async () => {
    const g = graph("careless", {
      input: z.object({ id: z.string() }),
      label: { level: "customer", integrity: "trusted" },
      privacy: "regulated",
    });
    const order = g.code("order", {
      needs: { id: g.input },
      produces: { level: "regulated", compartments: ["pci"] },
      run: () => ({ item: "mug", card: { number: "CARD-4111" }, lines: [{ sku: "m1", card: "CARD-4111" }] }),
    });
    const summary = g.redact("summary", {
      from: order,
      output: z.object({ item: z.string(), lines: z.array(z.object({ sku: z.string() })) }),
      map: (everything) => everything,
      removes: ["pci"],
      to: "customer",
      reason: "what the customer may read about the order",
    });
    const gpt = new ScriptedModel([{ text: "Done." }]);
    const reply = g.model("reply", {
      needs: { summary },
      complexity: "generation",
      privacy: "customer",
      output: z.string(),
      prompt: ({ summary: seen }) => JSON.stringify(seen),
    });
    const runtime = runtimeOf({ phi4: new ScriptedModel([{ error: new Error("down") }]), gpt });
    const { output } = await runtime.run(g.output({ reply, summary }), { id: "c1" });
    expect(output.summary).toEqual({ item: "mug", lines: [{ sku: "m1" }] });
    expect(gpt.calls.map(textOf)).toEqual(['{"item":"mug","lines":[{"sku":"m1"}]}']);
  });

  it("records both openings in the audit: the redaction and the endorsed label", async () => {
    const phi4 = smallModel({ triage: label("refund", 0.95), reply: { text: "Done." } });
    const { events } = await runExample({ phi4, gpt: new ScriptedModel([]) });
    const opened = events.flatMap((event) =>
      event.type === "declassified" || event.type === "endorsed" ? [[event.type, event.step, event.reason]] : [],
    );
    expect(opened).toEqual(
      expect.arrayContaining([
        ["declassified", "summary", "what the customer may read about the order"],
        ["endorsed", "triage", "closed enum chooses a branch"],
      ]),
    );
    expect(opened).toHaveLength(2);
  });

  it("asks the large model where the small one wavers, and skips the agent when neither is sure", async () => {
    const phi4 = smallModel({ triage: label("refund", 0.6), reply: { text: "Please tell us more." } });
    const gpt = new ScriptedModel([label("bug", 0.55)]);
    const { output, events } = await runExample({ phi4, gpt });
    expect(output).toEqual({ reply: "Please tell us more.", triage: { uncertain: true } });
    expect(toolCalls).toEqual([]);
    expect(events.find((event) => event.type === "step-end" && event.step === "refund")).toMatchObject({
      outcome: "skipped",
    });
    gpt.assertDone();
  });
});
