import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../../src/index.ts";
import { ScriptedModel } from "../../src/testing/index.ts";

const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };

/** Two steps; the small endpoint answers the first one weakly. */
function open(standIn: { small?: boolean; large?: boolean }) {
  const small = new ScriptedModel([{ text: "" }, { text: "ok" }]);
  const large = new ScriptedModel([{ text: "ok" }]);
  const runtime = createRuntime({
    catalog: createCatalog([
      endpoint("small", {
        class: "slm",
        location: "on-prem",
        model: small.factory,
        price,
        standIn: standIn.small === true,
      }),
      endpoint("large", {
        class: "llm",
        location: "cloud",
        model: large.factory,
        price,
        standIn: standIn.large === true,
      }),
    ]),
    policy: defaultPolicy(),
  });
  const g = graph("desk", { input: z.string() });
  const said = (name: string, before: typeof g.input) =>
    g.model(name, {
      needs: { before },
      complexity: "generation",
      output: z.string(),
      prompt: ({ before: text }) => text,
    });
  const first = said("first", g.input);
  return { runtime, built: g.output({ first, second: said("second", first as typeof g.input) }) };
}

describe("a stand-in", () => {
  it("is told in every form of a plan", () => {
    const { runtime, built } = open({ small: true });
    const plan = runtime.plan(built);
    expect(plan.toTable().split("\n").at(-1)).toBe("stand-ins, whose answers are scripted: small");
    expect(plan.explain()).toMatch(/\n {2}small: a stand-in; no confidence .*\n {2}large: no confidence/);
    expect(plan.explain("table")).toMatch(/small .*slm, on-prem, stand-in;/);
    expect(plan.explain("table")).toMatch(/large .*llm, cloud;/);
    expect(plan.steps[0]?.decision.ladder).toMatchObject([{ endpoint: "small", standIn: true }, { endpoint: "large" }]);
    expect(plan.steps[0]?.decision.ladder[1]).not.toHaveProperty("standIn");
  });

  it("makes the books say that they are simulated, those of its steps and of the run", async () => {
    const { runtime, built } = open({ large: true });
    const { ledger } = await runtime.run(built, "hello");
    expect([ledger.simulated, ledger.steps["first"]?.simulated, ledger.steps["second"]?.simulated]).toEqual([
      true,
      true,
      false,
    ]);
  });

  it("leaves the books of real endpoints alone", async () => {
    const { runtime, built } = open({});
    const { ledger } = await runtime.run(built, "hello");
    expect(ledger.simulated).toBe(false);
    expect(runtime.plan(built).toTable()).not.toContain("stand-in");
  });
});
