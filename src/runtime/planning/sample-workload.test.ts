import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { PlacedStep } from "../../graph/definition.ts";
import { graph } from "../../graph/graph.ts";
import type { Graph } from "../../graph/types/graph.ts";
import { sampleWorkload } from "./sample-workload.ts";

const input = z.object({ text: z.string(), note: z.string().optional() });
const sample = { input: { text: "x".repeat(60) } };
const builder = () => graph("one", { input });
const draft = { complexity: "generation", output: z.string() } as const;

function stepOf(built: Graph<never, unknown>, name = "step"): PlacedStep {
  return built.definition.steps.find((step) => step.name === name) as PlacedStep;
}

describe("the workload of a sample", () => {
  it("takes the size of the author's prompt, at two to six bytes a token, and up to the output limit", () => {
    const g = builder();
    const ref = g.model("step", {
      ...{ ...draft, needs: { input: g.input }, maxOutputTokens: 300 },
      prompt: ({ input: { text } }) => text,
    });
    expect(sampleWorkload(stepOf(g.output(ref)), sample)).toEqual({
      inputTokens: { low: 10, high: 30 },
      outputTokens: { low: 1, high: 300 },
      turns: { low: 1, high: 1 },
    });
  });

  it("counts bytes, not letters, and the fixed instructions with them, rounded up", () => {
    const g = builder();
    const ref = g.model("step", { ...draft, needs: {}, system: "s", prompt: () => "ü".repeat(9) });
    expect(sampleWorkload(stepOf(g.output(ref)), sample)?.inputTokens).toEqual({ low: 4, high: 10 });
  });

  it("reads the text of a classification, at the limit of its tier", () => {
    const g = builder();
    const ref = g.classify("step", {
      ...{ needs: { text: g.input.field("text") }, labels: ["a", "b"] },
      text: ({ text }) => text,
    });
    expect(sampleWorkload(stepOf(g.output(ref)), sample)).toEqual({
      inputTokens: { low: 10, high: 30 },
      outputTokens: { low: 1, high: 64 },
      turns: { low: 1, high: 1 },
    });
  });

  it("counts up to all turns of an agent", () => {
    const g = builder();
    const ref = g.agent("step", {
      ...{ needs: { input: g.input }, output: z.string(), tools: [], maxTurns: 5 },
      prompt: ({ input: { text } }) => text,
    });
    expect(sampleWorkload(stepOf(g.output(ref)), sample)?.turns).toEqual({ low: 1, high: 5 });
  });

  it("gives a missing field the value that the step would read instead", () => {
    const g = builder();
    const ref = g.model("step", {
      ...{ ...draft, needs: { note: g.orElse(g.input.field("note"), "none") } },
      prompt: ({ note }) => note.toUpperCase(),
    });
    const step = stepOf(g.output(ref));
    expect(sampleWorkload(step, sample)?.inputTokens).toEqual({ low: 1, high: 2 });
    expect(sampleWorkload(step, { input: { text: "", note: "twelve bytes" } })?.inputTokens).toEqual({
      low: 2,
      high: 6,
    });
  });
});

describe("no workload", () => {
  it("is known of a step that reads another one, even one that reads the input, too", () => {
    const g = builder();
    const code = g.code("code", { needs: { input: g.input }, run: () => "value" });
    const ref = g.model("step", { ...draft, needs: { input: g.input, code }, prompt: () => "p" });
    expect(sampleWorkload(stepOf(g.output(ref)), sample)).toBeUndefined();
  });

  it("is known of a step that would be skipped", () => {
    const g = builder();
    const needs = { note: g.required(g.input.field("note")) };
    const step = stepOf(g.output(g.model("step", { ...draft, needs, prompt: ({ note }) => note })));
    expect(sampleWorkload(step, sample)).toBeUndefined();
    expect(sampleWorkload(step, { input: { text: "", note: "n" } })).toBeDefined();
  });

  it.each<[string, () => string]>([
    [
      "throws",
      () => {
        throw new Error("no");
      },
    ],
    ["answers with something else than a text", () => undefined as never],
  ])("is known where the author's function %s", (_what, prompt) => {
    const g = builder();
    const step = stepOf(g.output(g.model("step", { ...draft, needs: { input: g.input }, prompt })));
    expect(sampleWorkload(step, sample)).toBeUndefined();
  });
});
