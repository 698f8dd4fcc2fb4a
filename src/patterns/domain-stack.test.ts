import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  type DefinitionError,
  domainStack,
  endpoint,
  graph,
  slmOnly,
  type DomainStackSpec,
  type LabelModel,
  type Privacy,
} from "../index.ts";
import { trainClassifier } from "../models/embedded/index.ts";
import { ScriptedModel } from "../testing/index.ts";

type Name = "legal" | "medical";

/** A detector of fixed confidence: `0.9` is surely in the domain, `-0.9` surely out of it. */
function detector(domain: Name, sureness: number) {
  const probability = Math.abs(sureness);
  const label = sureness > 0 ? domain : `not ${domain}`;
  const model: LabelModel = {
    ...{ kind: "classifier", name: "fixed", version: "1", labels: [domain, `not ${domain}`] },
    classify: () => ({ label, rawProbability: probability, probability }),
  };
  return endpoint(`is-${domain}`, { class: "slm", location: "in-process", clearance: "classified", model });
}

function buildStack(options: { label?: Privacy; spec?: Partial<DomainStackSpec<Name, string>> } = {}) {
  const g = graph("desk", { input: z.object({ request: z.string() }), label: options.label ?? "public" });
  const stack = domainStack(g, {
    text: g.input.field("request"),
    domains: ["legal", "medical"],
    output: z.string(),
    prompt: ({ text, domain }) => `${domain ?? "general"} answer to ${text}`,
    ...options.spec,
  });
  return g.output({ domain: stack.domain, answer: stack.answer, detected: stack.detected });
}

interface Setting {
  readonly legal: number;
  readonly medical: number;
  /** What the large model answers when it has to choose. */
  readonly choice?: string;
  readonly detectAt?: number;
}

async function ask({ legal, medical, choice, detectAt }: Setting) {
  const small = (name: string) => new ScriptedModel(() => ({ text: `answer of ${name}` }));
  const large = new ScriptedModel(choice === undefined ? [] : [{ text: JSON.stringify({ domain: choice }) }]);
  const catalog = createCatalog([
    detector("legal", legal),
    detector("medical", medical),
    endpoint("law-7b", { class: "slm", location: "on-prem", model: small("law-7b"), domains: ["legal"] }),
    endpoint("med-7b", { class: "slm", location: "on-prem", model: small("med-7b"), domains: ["medical"] }),
    endpoint("small", { class: "slm", location: "on-prem", model: small("small") }),
    endpoint("large", { class: "llm", location: "cloud", model: large }),
  ]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy() });
  const built = buildStack({ spec: detectAt === undefined ? {} : { detectAt } });
  const { output, ledger } = await runtime.run(built, { request: "q" });
  large.assertDone();
  return { output, endpointsOf: (step: string) => ledger.steps[step]?.endpoints, large };
}

describe("domainStack", () => {
  it("answers one domain by the model trained for it, without the large one", async () => {
    const { output, endpointsOf, large } = await ask({ legal: 0.95, medical: -0.95 });
    expect(output).toEqual({
      ...{ domain: "legal", answer: "answer of law-7b" },
      detected: { certain: ["legal"], uncertain: [] },
    });
    expect(endpointsOf("answer-legal")).toEqual(["law-7b"]);
    expect(endpointsOf("answer-medical")).toBeUndefined();
    expect(large.calls).toEqual([]);
  });

  it("lets the large model choose between two domains", async () => {
    const { output, endpointsOf } = await ask({ legal: 0.95, medical: 0.9, choice: "medical" });
    expect(output).toMatchObject({ domain: "medical", answer: "answer of med-7b" });
    expect(output.detected.certain).toEqual(["legal", "medical"]);
    expect(endpointsOf("disambiguate")).toEqual(["large"]);
  });

  it("asks it also when no domain was found, and takes the general answer", async () => {
    const { output, endpointsOf } = await ask({ legal: -0.95, medical: -0.95, choice: "general" });
    expect(output).toMatchObject({ domain: "general", answer: "answer of small" });
    expect(endpointsOf("disambiguate")).toEqual(["large"]);
  });

  it.each([
    [{ legal: 0.79, medical: -0.95 }, ["legal"], true],
    [{ legal: 0.8, medical: -0.95 }, [], false],
    [{ legal: 0.95, medical: -0.79 }, ["medical"], true],
    [{ legal: 0.95, medical: -0.8 }, [], false],
  ])("of %j is unsure of %j: the large model is asked: %s", async (sureness, uncertain, isAsked) => {
    const { output, endpointsOf } = await ask({ ...sureness, ...(isAsked ? { choice: "legal" } : {}) });
    expect(output).toMatchObject({ domain: "legal", detected: { uncertain } });
    expect(endpointsOf("disambiguate")).toEqual(isAsked ? ["large"] : undefined);
  });

  it("has a threshold of its own", async () => {
    const { output } = await ask({ legal: 0.79, medical: -0.95, detectAt: 0.75 });
    expect(output).toMatchObject({ domain: "legal", detected: { uncertain: [] } });
  });

  it("does not ask a chat model once more for each unsure detector", async () => {
    const { endpointsOf } = await ask({ legal: 0.5, medical: 0.5, choice: "legal" });
    expect(endpointsOf("is-legal")).toEqual(["is-legal"]);
    expect(endpointsOf("is-medical")).toEqual(["is-medical"]);
  });

  it("rejects a choice that is none of the domains", async () => {
    await expect(ask({ legal: 0.5, medical: 0.5, choice: "cooking" })).rejects.toMatchObject({
      code: "OUTPUT_INVALID",
    });
  });

  it("is served by embedded classifiers trained on these labels", () => {
    const rows = (domain: Name, own: readonly string[], other: readonly string[]) => [
      ...own.map((text) => ({ text, label: domain })),
      ...other.map((text) => ({ text, label: `not ${domain}` })),
    ];
    const law = ["the tenant broke the contract", "sue the landlord", "is this clause valid", "a court ruling"];
    const health = ["my knee hurts", "which dose of the pill", "a rash on the arm", "fever since monday"];
    const classifiers = [trainClassifier(rows("legal", law, health)), trainClassifier(rows("medical", health, law))];
    const catalog = createCatalog([
      ...classifiers.map((model, index) => endpoint(`c${index}`, { class: "slm", location: "in-process", model })),
      endpoint("large", { class: "llm", location: "cloud", model: new ScriptedModel([]) }),
    ]);
    const plan = createRuntime({ catalog, policy: defaultPolicy() }).plan(buildStack());
    const first = Object.fromEntries(plan.steps.map(({ step, decision }) => [step, decision.ladder[0]?.endpoint]));
    expect(first).toMatchObject({ "is-legal": "c0", "is-medical": "c1", disambiguate: "large" });
  });

  it("wants a person to disambiguate where no large model may", () => {
    const catalog = createCatalog([
      detector("legal", 1),
      detector("medical", 1),
      endpoint("small", { class: "slm", location: "on-prem", clearance: "regulated", model: new ScriptedModel([]) }),
      endpoint("large", { class: "llm", location: "cloud", model: new ScriptedModel([]) }),
    ]);
    for (const [policy, label] of [
      [defaultPolicy(), "regulated"],
      [slmOnly(), "public"],
    ] as const) {
      const plan = createRuntime({ catalog, policy }).plan(buildStack({ label }));
      expect(plan.problems).toMatchObject([{ code: "HUMAN_REQUIRED", path: "steps.disambiguate" }]);
    }
  });

  it("lists every mistake at once", () => {
    const spec = { domains: ["general", "legal", "legal", "2nd"], detectAt: 80, acceptAt: 1, prompt: "p" };
    let error: unknown;
    try {
      buildStack({ spec: spec as unknown as Partial<DomainStackSpec<Name, string>> });
    } catch (thrown) {
      error = thrown;
    }
    expect((error as DefinitionError).problems.map(({ path }) => path)).toEqual([
      ...["domainStack.acceptAt", "domainStack.domains", "domainStack.domains", "domainStack.domains"],
      ...["domainStack.prompt", "domainStack.detectAt"],
    ]);
    expect(() => buildStack({ spec: { domains: [] } })).toThrow("expected at least one domain");
  });
});
