import { describe, expect, it } from "vitest";
import * as z from "zod";
import { DefinitionError, type Problem } from "../../errors.ts";
import type { ClearanceSpec } from "../../tiers/clearance.ts";
import type { LabelSpec, Privacy } from "../../tiers/label.ts";
import { graph } from "../graph.ts";
import type { Graph } from "../types/graph.ts";

const personal = { level: "customer", compartments: ["pii"] } as const;

function problemsOf(build: () => unknown): readonly Problem[] {
  try {
    build();
    return [];
  } catch (error) {
    if (error instanceof DefinitionError) return error.problems;
    throw error;
  }
}

interface Written {
  readonly label?: Privacy | LabelSpec;
  /** What a `code` step before the streaming one adds. */
  readonly produces?: LabelSpec;
  readonly clearance?: ClearanceSpec;
  readonly stream?: boolean;
}

/** A step that shows its answer, of which the caller gets no more than a topic. */
function written({ label = "public", produces, clearance, stream = true }: Written): Graph<string, unknown> {
  const g = graph("desk", { input: z.string(), label, privacy: "classified" });
  const order = g.code("order", { needs: { in: g.input }, ...(produces && { produces }), run: () => "order" });
  const reply = g.model("reply", {
    needs: { order },
    complexity: "generation",
    output: z.object({ kind: z.enum(["a", "b"]) }).strict(),
    prompt: () => "",
    ...(stream && { stream: true as const }),
  });
  const removes = [...(produces?.compartments ?? [])];
  const level = typeof label === "string" ? label : label.level;
  const options = { output: z.object({ kind: z.enum(["a", "b"]) }).strict(), removes, to: level, reason: "a kind" };
  const topic = g.redact("topic", { from: reply, ...options, map: (value) => value });
  return g.output({ topic }, clearance === undefined ? {} : { clearance });
}

describe("R5: what a step shows to the run's caller", () => {
  it("may be what the caller handed in", () => {
    expect(problemsOf(() => written({ label: personal }))).toEqual([]);
  });

  it("may not be above it, though the output is: the error names the step, the way and what to do", () => {
    const produces = { level: "internal", compartments: ["pii"] } as const;
    const [problem, ...others] = problemsOf(() => written({ produces }));
    expect(others).toEqual([]);
    expect(problem).toEqual({
      code: "PRIVACY_FLOW_DENIED",
      path: "steps.reply.stream",
      message:
        'PRIVACY_FLOW_DENIED [build] step "reply" -> caller (stream)\n' +
        "payload internal{pii} untrusted exceeds clearance public{}: level +1, pii\n" +
        "path: input -> order -> reply\n" +
        'Fix: g.redact(... removes ["pii"], to "public") before "reply", declare g.output(..., { clearance }) if the caller may see it, leave out stream, or drop it here',
    });
  });

  it.each<[string, Written]>([
    ["is not shown", { stream: false }],
    ["the caller may see", { clearance: { level: "internal", compartments: ["pii"] } }],
  ])("is no problem where it %s", (_what, change) => {
    expect(problemsOf(() => written({ produces: { level: "internal", compartments: ["pii"] }, ...change }))).toEqual(
      [],
    );
  });
});

describe("R5: what a step inside a nested graph shows", () => {
  const inner = written({ produces: { level: "internal" }, clearance: "internal" });

  function around(
    nested: Graph<string, unknown>,
    { clearance, label = "public" }: Written = {},
  ): Graph<string, unknown> {
    const g = graph("outer", { input: z.string(), label, privacy: "classified" });
    g.subgraph("inside", { graph: nested, input: g.input });
    return g.output({ in: g.input }, clearance === undefined ? {} : { clearance });
  }

  it("goes to the outer caller, whatever the inner graph's caller may see", () => {
    const problems = problemsOf(() => around(inner));
    expect(problems.map(({ code, path }) => [code, path])).toEqual([
      ["PRIVACY_FLOW_DENIED", "steps.inside/reply.stream"],
    ]);
    expect(problems[0]?.message).toContain('step "inside/reply" -> caller (stream)');
    expect(problems[0]?.message).toContain(
      'leave out stream of "inside/reply", of whose graph the caller is another one',
    );
  });

  it("is checked at every depth", () => {
    const middle = around(inner, { clearance: "internal" });
    const problems = problemsOf(() => around(middle));
    expect(problems.map(({ path }) => path)).toEqual(["steps.inside/inside/reply.stream"]);
  });

  it.each([
    ["map", (g: ReturnType<typeof open>) => g.map("inside", { over: g.input, each: inner })],
    [
      "loop",
      (g: ReturnType<typeof open>) =>
        g.loop("inside", { start: g.input, body: bodyOf(), until: () => true, maxIterations: 1 } as never),
    ],
  ])("is checked in a %s", (_kind, add) => {
    const g = open();
    add(g);
    const paths = problemsOf(() => g.output({ in: g.input })).map(({ path }) => path);
    expect(paths).toContain("steps.inside/reply.stream");
  });

  const open = () => graph("outer", { input: z.array(z.string()), privacy: "classified" });
  const bodyOf = () => inner;

  it("counts what decides that its graph runs, though it reads nothing of it", () => {
    const g = graph("inner", { input: z.string(), label: personal });
    g.model("reply", {
      needs: {},
      complexity: "generation",
      output: z.string(),
      prompt: () => "",
      stream: true,
    });
    const nested = g.output({ in: g.input });
    const outer = graph("outer", { input: z.string(), privacy: "classified" });
    const secret = outer.code("secret", { needs: { in: outer.input }, produces: personal, run: () => "x" });
    const gated = outer.code("gated", { needs: { secret }, when: () => true, run: () => "x" });
    outer.subgraph("inside", { graph: nested, input: outer.required(gated) });
    const problems = problemsOf(() => outer.output({ in: outer.input }));
    expect(problems.map(({ path }) => path)).toEqual(["steps.inside/reply.stream"]);
  });

  it("is no problem where the outer caller may see it", () => {
    expect(problemsOf(() => around(inner, { clearance: "internal" }))).toEqual([]);
  });
});
