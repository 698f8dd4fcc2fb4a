import { describe, expect, it } from "vitest";
import * as z from "zod";
import { DefinitionError } from "../errors.ts";
import type { AgentStep, BoundTool } from "./definition.ts";
import { graph } from "./graph.ts";

const look = { name: "look", schema: z.object({ q: z.string() }), invoke: () => "" };

function build(binding: object = {}, step: object = {}): AgentStep {
  const g = graph("bound", { input: z.object({}) });
  const tools = [{ tool: look, effect: "read" as const, ...binding }];
  const work = g.agent("work", { needs: {}, output: z.string(), prompt: () => "p", tools, ...step });
  return g.output(work).definition.steps[0] as AgentStep;
}

function bind(binding: object = {}): BoundTool {
  return build(binding).tools[0]!;
}

/** What is wrong, one line for each. */
function mistakes(binding: object, step: object = {}): string[] {
  try {
    build(binding, step);
  } catch (error) {
    if (error instanceof DefinitionError) return error.problems.map(({ path, message }) => `${path}: ${message}`);
  }
  return [];
}

const effect = { effect: "write", untrustedArguments: { reason: "a draft" } };

describe("a tool binding", () => {
  it("has finite limits, no cost and no approval by default", () => {
    expect(bind()).toMatchObject({
      ...{ maxArgumentBytes: 65_536, maxResultBytes: 65_536, costUsd: undefined, approve: undefined },
      parameters: { type: "object", properties: { q: { type: "string" } } },
    });
    expect(build()).toMatchObject({ maxRepairs: 2, toolConcurrency: 4, maxTurns: 8 });
  });

  it("keeps what its author says", () => {
    const own = { maxArgumentBytes: 1, maxResultBytes: 16_777_216, cost: { perCallUsd: 1e-12 } };
    expect(bind(own)).toMatchObject({ maxArgumentBytes: 1, maxResultBytes: 16_777_216, costUsd: 1e-12 });
    expect(bind({ ...effect, approve: true }).approve).toEqual({ clearance: undefined, reason: undefined });
    const approve = { clearance: { level: "internal", compartments: ["pii"] }, reason: "money" };
    expect(bind({ ...effect, approve }).approve).toEqual(approve);
    expect(build({}, { maxRepairs: 0, toolConcurrency: 16 })).toMatchObject({ maxRepairs: 0, toolConcurrency: 16 });
  });

  it.each<[string, object, string]>([
    [
      "a cap of results too small for the note",
      { maxResultBytes: 255 },
      "maxResultBytes: expected a whole number from 256 to 16777216, found 255",
    ],
    [
      "an endless cap",
      { maxResultBytes: Infinity },
      "maxResultBytes: expected a whole number from 256 to 16777216, found Infinity",
    ],
    [
      "no arguments at all",
      { maxArgumentBytes: 0 },
      "maxArgumentBytes: expected a whole number from 1 to 16777216, found 0",
    ],
    ["a bare cost", { cost: 0.1 }, "cost: expected an object of options, found 0.1"],
    [
      "a negative cost",
      { cost: { perCallUsd: -1 } },
      "cost.perCallUsd: expected a number from 0 to 1000000 with at most 12 decimals, found -1",
    ],
    [
      "a cost below a pico-dollar",
      { cost: { perCallUsd: 1.5e-12 } },
      "cost.perCallUsd: expected a number from 0 to 1000000 with at most 12 decimals, found 1.5e-12",
    ],
    [
      "a cost that is none",
      { cost: { perCallUsd: NaN } },
      "cost.perCallUsd: expected a number from 0 to 1000000 with at most 12 decimals, found NaN",
    ],
    [
      "a misspelt cost",
      { cost: { perCallUsd: 1, currency: "EUR" } },
      "cost.currency: unknown option; known are perCallUsd",
    ],
    [
      "an approval of nothing",
      { approve: true },
      'approve: a tool with effect "read" changes nothing to approve; declare its effect, or drop it',
    ],
    ["no approval", { ...effect, approve: false }, "approve: expected an object of options, found false"],
    [
      "a misspelt approval",
      { ...effect, approve: { clerance: "public" } },
      "approve.clerance: unknown option; known are clearance, reason",
    ],
    [
      "a clearance that is none",
      { ...effect, approve: { clearance: "secret" } },
      'approve.clearance: expected a privacy level (public, internal, customer, regulated, classified), found "secret"',
    ],
    [
      "an empty reason",
      { ...effect, approve: { reason: " " } },
      'approve.reason: expected a text that is not empty, found " "',
    ],
  ])("is refused with %s", (_what, binding, expected) => {
    const path = "steps.work.tools[0].";
    const found = mistakes(binding).map((line) => line.replace(path, ""));
    expect(found).toContain(expected);
  });

  it.each([
    ["maxRepairs", 11, "from 0 to 10"],
    ["maxRepairs", -1, "from 0 to 10"],
    ["toolConcurrency", 0, "from 1 to 16"],
    ["toolConcurrency", 17, "from 1 to 16"],
  ])("stands in a step whose %s is not %s", (option, found, range) => {
    expect(mistakes({}, { [option]: found })).toEqual([
      `steps.work.${option}: expected a whole number ${range}, found ${found}`,
    ]);
  });

  it("may be told the exact cost of money that has no exact binary fraction", () => {
    for (const perCallUsd of [0.1, 0.3, 1e-12, 0.000123456789, 1_000, 999_999.99])
      expect(mistakes({ cost: { perCallUsd } })).toEqual([]);
  });

  it("is justified by a person's approval where it has neither pin nor bound (R6), but not against untrusted control", () => {
    expect(mistakes({ effect: "irreversible" })).toHaveLength(1);
    expect(mistakes({ effect: "irreversible", approve: true })).toEqual([]);
    const g = graph("control", { input: z.object({ note: z.string() }) });
    const work = g.agent("work", {
      ...{ needs: { input: g.input }, output: z.string(), prompt: () => "p" },
      when: ({ input }) => input.note === "go",
      tools: [{ tool: look, effect: "write", approve: true }],
    });
    expect(() => g.output(g.orElse(work, ""))).toThrow(/its "when" reads untrusted data/);
  });
});
