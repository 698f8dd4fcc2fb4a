import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog } from "../../catalog/catalog.ts";
import { endpoint, type Endpoint, type EndpointSpec } from "../../catalog/endpoint.ts";
import { graph } from "../../graph/graph.ts";
import type { Graph } from "../../graph/types/graph.ts";
import type { DemandsSpec } from "../../graph/types/demands.ts";
import { defaultPolicy, type PolicyOptions } from "../../policy/policy.ts";
import { ScriptedModel } from "../../testing/scripted-model.ts";
import { diffPlans } from "./diff-plans.ts";
import type { Plan } from "./plan.ts";
import { createRuntime } from "../runtime.ts";

/** A plan calls nothing. */
const model = new ScriptedModel([]).factory;
const regulated = { level: "regulated", compartments: ["pii"] } as const;

function place(name: string, spec: Partial<EndpointSpec> = {}): Endpoint {
  return endpoint(name, { class: "slm", location: "on-prem", model, ...spec });
}

const phi = place("phi", { clearance: regulated });
const gpt = place("gpt", { class: "llm", location: "cloud", clearance: "customer" });

/** One step for each name, on customer data. */
function steps(...names: readonly string[]) {
  const g = graph("support", { input: z.object({ text: z.string() }), label: "customer" });
  const refs = names.map((name) => [name, g.model(name, { ...write(g), complexity: "generation" })] as const);
  return g.output(Object.fromEntries(refs));
}

function write(g: { readonly input: unknown }) {
  return { needs: { input: g.input as never }, output: z.string(), prompt: () => "p" };
}

function oneStep(demands: DemandsSpec) {
  const g = graph("support", { input: z.object({ text: z.string() }), label: "customer", defaults: demands });
  return g.output(g.model("reply", { ...write(g), complexity: "generation" }));
}

function planOf(planned: Graph<never, unknown>, endpoints: readonly Endpoint[], policy: PolicyOptions = {}): Plan {
  return createRuntime({ catalog: createCatalog(endpoints), policy: defaultPolicy(policy) }).plan(planned);
}

/** `step (role) data: what; before -> after` of every change. */
function linesOf(before: Plan, after: Plan): readonly string[] {
  return diffPlans(before, after).changes.map(
    ({ step, role, data, what, before: was = "-", after: is = "-" }) =>
      `${step} (${role ?? "-"}) ${data}: ${what.join(", ")}; ${was} -> ${is}`,
  );
}

describe("the difference of two plans", () => {
  it("of one graph and equal catalogs is empty, whatever the order of the endpoints", () => {
    const diff = diffPlans(planOf(steps("reply"), [phi, gpt]), planOf(steps("reply"), [gpt, phi]));
    expect(diff.changes).toEqual([]);
    expect(diff.toTable()).toBe("no differences");
  });

  it("names a step that came and one that went, and says nothing of those that stayed", () => {
    expect(linesOf(planOf(steps("reply", "old"), [phi]), planOf(steps("reply", "young"), [phi]))).toEqual([
      "old (-) customer{}: removed; slm: phi (slm) -> -",
      "young (-) customer{}: added; - -> slm: phi (slm)",
    ]);
  });

  it.each<[string, readonly Endpoint[], readonly Endpoint[], string]>([
    [
      "class, ladder and refusals, where an endpoint comes that may see the data",
      [phi],
      [phi, gpt],
      "class, ladder; slm: phi (slm) -> hybrid: phi (slm) then gpt (llm)",
    ],
    [
      "refusals alone, where one comes that may not",
      [phi],
      [phi, place("cheap")],
      "refused; slm: phi (slm) -> slm: phi (slm)",
    ],
    [
      "where the step is refused",
      [phi],
      [place("cheap")],
      "class, ladder, refused; slm: phi (slm) -> refused: REFUSED",
    ],
    [
      "the ladder alone, where the order changes",
      [phi, place("tiny", { clearance: "customer" })],
      [phi, place("tiny", { clearance: "customer", latency: { p95Ms: 5 } })],
      "ladder; slm: phi (slm) then tiny (slm) -> slm: tiny (slm) then phi (slm)",
    ],
    [
      "what must be done, where an endpoint anonymises",
      [phi],
      [place("phi", { clearance: regulated, anonymiser: { name: "mask", redact: (text: string) => text } })],
      "obligations; slm: phi (slm) -> slm: phi (slm)",
    ],
  ])("tells %s", (...[, before, after, line]) => {
    expect(linesOf(planOf(steps("reply"), before), planOf(steps("reply"), after))).toEqual([
      `reply (-) customer{}: ${line}`,
    ]);
  });

  it.each<[string, DemandsSpec]>([
    ["acceptAt", { acceptAt: 0.5 }],
    ["escalation", { escalation: "human" }],
    ["estimate", { workload: { inputTokens: 10, outputTokens: 10 } }],
  ])("tells %s alone, where nothing else changes", (part, demands) => {
    expect(diffPlans(planOf(oneStep({}), [phi]), planOf(oneStep(demands), [phi])).changes).toEqual([
      {
        ...{ step: "reply", role: undefined, data: "customer{}", what: [part] },
        ...{ before: "slm: phi (slm)", after: "slm: phi (slm)" },
      },
    ]);
  });

  it("counts the threshold of the policy where the step has none of its own", () => {
    const changed = (demands: DemandsSpec) =>
      diffPlans(planOf(oneStep(demands), [phi]), planOf(oneStep(demands), [phi], { acceptAt: 0.99 })).changes;
    expect(changed({}).map(({ what }) => what)).toEqual([["acceptAt"]]);
    expect(changed({ acceptAt: 0.5 })).toEqual([]);
  });

  it("tells a step whose data became more private, under the label it has now", () => {
    const onData = (label: "customer" | "regulated") => {
      const g = graph("support", { input: z.object({}), label });
      return planOf(g.output(g.model("reply", { ...write(g), complexity: "generation" })), [phi]);
    };
    expect(linesOf(onData("customer"), onData("regulated"))).toEqual([
      "reply (-) regulated{}: label; slm: phi (slm) -> slm: phi (slm)",
    ]);
  });
});

describe("the difference of an agent", () => {
  /** An agent whose tool raises the label or not, so that it has four lines or two. */
  function agent(returns: "customer" | typeof regulated) {
    const g = graph("desk", { input: z.object({}), label: "customer", privacy: "regulated" });
    const look = { name: "look", description: "looks", schema: z.object({}), invoke: () => "found" };
    const work = g.agent("work", {
      ...write(g),
      tools: [{ tool: look, effect: "read", accepts: regulated, returns }],
    });
    return g.output(work, { clearance: regulated });
  }

  it("tells each role and each label that its turns can reach apart", () => {
    expect(linesOf(planOf(agent(regulated), [phi]), planOf(agent(regulated), [phi, gpt]))).toEqual([
      "work (plan) customer{}: class, ladder; slm: phi (slm) -> hybrid: gpt (llm) then phi (slm)",
      "work (act) customer{}: class, ladder; slm: phi (slm) -> hybrid: phi (slm) then gpt (llm)",
      // On the tool's result the new endpoint is refused: only that differs.
      "work (plan) regulated{pii}: refused; slm: phi (slm) -> slm: phi (slm)",
      "work (act) regulated{pii}: refused; slm: phi (slm) -> slm: phi (slm)",
    ]);
  });

  it("adds the lines of a label that it can reach now", () => {
    expect(linesOf(planOf(agent("customer"), [phi]), planOf(agent(regulated), [phi]))).toEqual([
      "work (plan) regulated{pii}: added; - -> slm: phi (slm)",
      "work (act) regulated{pii}: added; - -> slm: phi (slm)",
    ]);
  });

  it("is printed as a table, a line for each", () => {
    expect(diffPlans(planOf(agent("customer"), [phi]), planOf(agent(regulated), [phi])).toTable()).toBe(
      [
        "step         data            what   before  after",
        "-----------  --------------  -----  ------  --------------",
        "work (plan)  regulated{pii}  added  -       slm: phi (slm)",
        "work (act)   regulated{pii}  added  -       slm: phi (slm)",
      ].join("\n"),
    );
  });
});
