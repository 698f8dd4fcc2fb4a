import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  endpoint,
  graph,
  slmWithEscalation,
  type Endpoint,
  type EscalationOptions,
  type LabelModel,
} from "../index.ts";
import { ScriptedModel, type Script } from "../testing/index.ts";

const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
const small = (script: Script = []) =>
  endpoint("small", { class: "slm", location: "on-prem", model: new ScriptedModel(script), price });
const large = (script: Script = []) =>
  endpoint("large", { class: "llm", location: "cloud", model: new ScriptedModel(script), price });

function oneStep(options: { escalation?: "never" | "human"; complexity?: "reasoning" } = {}) {
  const g = graph("one", { input: z.object({}) });
  const output = z.object({ ok: z.boolean() });
  return g.output(g.model("reply", { needs: {}, complexity: "generation", output, prompt: () => "p", ...options }));
}

function planned(endpoints: readonly Endpoint[], options?: EscalationOptions, step?: Parameters<typeof oneStep>[0]) {
  const policy = slmWithEscalation(options);
  return createRuntime({ catalog: createCatalog(endpoints), policy }).plan(oneStep(step));
}

describe("slmWithEscalation", () => {
  it("puts the large model behind the small one, without a flag", () => {
    const decision = planned([large(), small()]).steps[0]?.decision;
    expect(decision).toMatchObject({ class: "hybrid", flags: [], acceptAt: 0.85 });
    expect(decision?.ladder.map((rung) => rung.endpoint)).toEqual(["small", "large"]);
  });

  it.each([
    ["no-llm", [small()]],
    ["no-slm", [large()]],
  ])("flags a step with one class as %s", (flag, endpoints) => {
    const plan = planned(endpoints);
    expect(plan.steps[0]?.decision.flags).toEqual([flag]);
    expect(plan.problems).toEqual([]);
    expect(plan.toTable()).toContain(flag);
  });

  it.each([[[small()]], [[large()]]])("refuses it with requireBoth, before anything is asked", (endpoints) => {
    const plan = planned(endpoints, { requireBoth: true });
    expect(plan.steps[0]?.decision.refused).toMatchObject([{ rule: "both-classes" }]);
    expect(() => plan.check()).toThrow(expect.objectContaining({ code: "NO_ELIGIBLE_ENDPOINT" }));
  });

  it.each([
    ["may not escalate", { escalation: "never" }],
    ["goes to a person", { escalation: "human" }],
    ["is no cascade", { complexity: "reasoning" }],
  ] as const)("asks no second class of a step that %s", (_why, step) => {
    const decision = planned([small(), large()], { requireBoth: true }, step).steps[0]?.decision;
    expect(decision).toMatchObject({ flags: [] });
    expect(decision?.ladder).toHaveLength(1);
  });

  it("escalates a weak answer although only the large model is then left", async () => {
    const endpoints = [small([{ text: "not JSON" }]), large([{ text: '{"ok":true}' }])];
    const policy = slmWithEscalation({ requireBoth: true });
    const { output, ledger } = await createRuntime({ catalog: createCatalog(endpoints), policy }).run(oneStep(), {});
    expect(output).toEqual({ ok: true });
    expect(ledger.escalations).toBe(1);
  });

  it.each([
    [0.8499, ["intents", "large"]],
    [0.85, ["intents"]],
  ])("with a confidence of %d asks %j", async (probability, asked) => {
    const model: LabelModel = {
      ...{ kind: "classifier", name: "fixed", version: "1", labels: ["a", "b"] },
      classify: () => ({ label: "a", rawProbability: probability, probability }),
    };
    const intents = endpoint("intents", { class: "slm", location: "in-process", model });
    const g = graph("one", { input: z.object({}) });
    const step = g.output(g.classify("route", { needs: {}, labels: ["a", "b"], text: () => "t" }));
    const catalog = createCatalog([intents, large(() => ({ text: "b" }))]);
    const { ledger } = await createRuntime({ catalog, policy: slmWithEscalation() }).run(step, {});
    expect(ledger.endpoints).toEqual(asked);
  });

  it("keeps the options of a policy and refuses others", () => {
    expect(slmWithEscalation({ acceptAt: 0.9 })).toMatchObject({ acceptAt: 0.9, routeAt: 0.9 });
    const wrong = (options: object) => () => slmWithEscalation(options);
    expect(wrong({ requireboth: true })).toThrow("policy.requireboth: unknown option");
    expect(wrong({ requireBoth: "yes" })).toThrow('policy.requireBoth: expected true or false, found "yes"');
  });
});
