import { tool } from "langchain";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { DefinitionError, TierwiseError, type Problem } from "../errors.ts";
import type { LabelSpec, Privacy } from "../tiers/label.ts";
import { graph } from "./graph.ts";
import type { Complexity } from "../tiers/complexity.ts";
import type { Ref } from "./types/values.ts";

function problemsOf(build: () => unknown): readonly Problem[] {
  try {
    build();
    return [];
  } catch (error) {
    if (error instanceof DefinitionError) return error.problems;
    throw error;
  }
}

const wrong = (value: unknown): never => value as never;
const ticket = { input: z.object({ ticket: z.string(), id: z.string().optional() }) };

/** Two steps, every part of which a test can vary. */
function support(changes: Changes = {}) {
  const g = graph(changes.graph ?? "support", {
    ...ticket,
    version: "3",
    ...(changes.label !== undefined && { label: changes.label }),
    privacy: changes.privacy ?? "classified",
  });
  const order = g.code(changes.step ?? "order", {
    needs: { request: g.input },
    run: changes.run ?? (() => "o1"),
  });
  const reply = g.model("reply", {
    needs: changes.alias === undefined ? { order } : { [changes.alias]: order },
    complexity: changes.complexity ?? "generation",
    output: changes.output ?? z.string(),
    prompt: changes.prompt ?? (() => ""),
    ...(changes.maxOutputTokens !== undefined && { maxOutputTokens: changes.maxOutputTokens }),
  });
  return g.output(changes.outputs === "both" ? { reply, order } : { reply });
}

interface Changes {
  readonly graph?: string;
  readonly step?: string;
  readonly alias?: string;
  readonly label?: LabelSpec;
  readonly privacy?: Privacy;
  readonly complexity?: Complexity;
  readonly output?: z.ZodType;
  readonly maxOutputTokens?: number;
  readonly outputs?: "both";
  readonly run?: () => unknown;
  readonly prompt?: () => string;
}

describe("a finished graph", () => {
  const g = graph("support", ticket);
  const order = g.code("order", { needs: { request: g.input }, run: () => "o1" });
  const shared = { one: order };
  const built = g.output(shared);

  it("is plain data: steps in order, with needs as references to where values come from", () => {
    expect(built.definition.steps).toMatchObject([
      {
        kind: "code",
        name: "order",
        index: 0,
        needs: { request: { source: { kind: "input" }, whenSkipped: { kind: "undefined" } } },
      },
    ]);
    expect(built.definition.output).toEqual({
      kind: "named",
      refs: { one: { source: { kind: "step", step: "order" }, whenSkipped: { kind: "undefined" } } },
    });
  });

  it.each<[string, (definition: typeof built.definition) => object]>([
    ["itself", (definition) => definition],
    ["its steps", ({ steps }) => steps],
    ["a step", ({ steps }) => steps[0]!],
    ["the needs of a step", ({ steps }) => steps[0]!.needs],
    ["its flows", ({ flows }) => flows],
    ["a label", ({ flows }) => flows["order"]!.output],
    ["the compartments of a label", ({ inputLabel }) => inputLabel.compartments],
    ["the clearance of its caller", ({ callerClearance }) => callerClearance],
    ["its output", ({ output }) => output],
  ])("cannot be changed any more: %s", (_name, part) => {
    const target = part(built.definition);
    expect(Object.isFrozen(target)).toBe(true);
    expect(() => Object.assign(target, { name: "changed" })).toThrow(TypeError);
  });

  it("does not freeze what its author handed in to name the outputs", () => {
    expect(Object.isFrozen(shared)).toBe(false);
  });

  it("says whether its author gave the data a label", () => {
    expect(built.definition.labelled).toBe(false);
    expect(support({ label: { level: "public" } }).definition.labelled).toBe(true);
  });

  it("may be one value instead of named ones", () => {
    const single = graph("single", ticket);
    const { definition } = single.output(single.input.field("ticket"));
    expect(definition.output).toMatchObject({ kind: "one", ref: { source: { kind: "field", field: "ticket" } } });
  });

  it("holds every defined step, reachable from the output or not", () => {
    const wide = graph("wide", ticket);
    wide.code("audit", { needs: { request: wide.input }, run: () => 1 });
    expect(wide.output(wide.input).definition.steps.map(({ name }) => name)).toEqual(["audit"]);
  });
});

describe("defaults", () => {
  it.each<[Complexity, number]>([
    ["classification", 64],
    ["generation", 1_024],
    ["reasoning", 4_096],
    ["planning", 4_096],
    ["agentic", 2_048],
  ])("of %s limit the output to %d tokens", (complexity, maxOutputTokens) => {
    const { steps } = support({ complexity }).definition;
    expect(steps[1]).toMatchObject({ complexity, maxOutputTokens, timeoutMs: 60_000 });
  });

  it("bound a step by the graph's privacy, and that by the level of the input", () => {
    const g = graph("bounds", { ...ticket, label: "internal", fields: { id: { level: "customer" } } });
    const spec = { needs: { id: g.input }, complexity: "generation", output: z.string(), prompt: () => "" } as const;
    const refs = { own: g.model("own", { ...spec, privacy: "regulated" }), inherited: g.model("inherited", spec) };
    const bounds = g.output(refs).definition.steps.map((step) => "privacy" in step && step.privacy);
    expect(bounds).toEqual(["regulated", "customer"]);
  });

  it("of a tool are those that promise least: a write, unsafe to repeat, that may see public data", () => {
    const g = graph("tools", ticket);
    const bare = { name: "now", schema: z.object({}), invoke: () => "" };
    const agent = g.agent("agent", { needs: {}, tools: [bare], output: z.string(), prompt: () => "" });
    const [step] = g.output({ agent }).definition.steps;
    expect(step?.kind === "agent" && step.tools[0]).toMatchObject({
      effect: "write",
      idempotency: "unsafe",
      accepts: { level: "public", compartments: [] },
      returns: undefined,
    });
    expect(step).toMatchObject({ maxTurns: 8, maxOutputTokens: 2_048, complexity: "agentic" });
  });
});

describe("the version", () => {
  const plain = support().version;

  it("is the author's with a hash, the same for the same graph", () => {
    expect(plain).toMatch(/^3\+[0-9a-f]{8}$/);
    expect(support().version).toBe(plain);
  });

  it.each<[string, Changes]>([
    ["the name of a step", { step: "lookup" }],
    ["the name of a need", { alias: "purchase" }],
    ["a tier", { complexity: "reasoning" }],
    ["a bound", { privacy: "regulated" }],
    ["a label", { label: { level: "public", integrity: "trusted" } }],
    ["a schema", { output: z.string().max(100) }],
    ["a limit", { maxOutputTokens: 99 }],
    ["the outputs", { outputs: "both" }],
  ])("changes with %s", (_name, changes) => {
    expect(support(changes).version).not.toBe(plain);
  });

  it("changes with an edge", () => {
    const chain = (last: "first" | "second") => {
      const g = graph("chain", ticket);
      const first = g.code("first", { needs: {}, run: () => 1 });
      const second = g.code("second", { needs: { first }, run: () => 2 });
      return g.output(g.code("third", { needs: { value: { first, second }[last] }, run: () => 3 })).version;
    };
    expect(chain("first")).not.toBe(chain("second"));
  });

  it("changes with what a reader sees instead of a skipped value", () => {
    const reader = (kind: "plain" | "required" | "a" | "b") => {
      const g = graph("reader", ticket);
      const maybe = g.code("maybe", { needs: {}, when: () => true, run: () => "x" });
      const refs = { plain: maybe, required: g.required(maybe), a: g.orElse(maybe, "a"), b: g.orElse(maybe, "b") };
      return g.output(g.code("reader", { needs: { maybe: refs[kind] }, run: () => 1 })).version;
    };
    expect(new Set((["plain", "required", "a", "b"] as const).map(reader)).size).toBe(4);
  });

  it("changes with the presence of a condition", () => {
    const gated = (gate: boolean) => {
      const g = graph("gated", ticket);
      const spec = { needs: {}, run: () => 1 };
      return g.output(gate ? g.code("step", { ...spec, when: () => true }) : g.code("step", spec)).version;
    };
    expect(gated(true)).not.toBe(gated(false));
  });

  it("does not change with the bodies of functions, for bundlers rewrite them", () => {
    expect(support({ run: () => "o2", prompt: () => "Answer." }).version).toBe(plain);
  });
});

describe("references", () => {
  it("name where they come from", () => {
    const g = graph("names", ticket);
    const order = g.code("order", { needs: {}, run: () => 1 });
    const ids = [g.input, g.input.field("ticket"), order, g.required(order), g.orElse(order, 2)].map(({ id }) => id);
    expect(ids).toEqual(["input", "input.ticket", "order", "order", "order"]);
  });

  it("may be handed around, stored and used by any number of steps", () => {
    const g = graph("shared", ticket);
    const order = g.code("order", { needs: { request: g.input }, run: () => 1 });
    const refs = new Map<string, Ref<unknown>>([["order", order]]);
    for (const name of ["a", "b", "c"]) g.code(name, { needs: { value: refs.get("order")! }, run: () => 1 });
    expect(g.output(order).definition.steps).toHaveLength(4);
  });

  it("carry what to do when their step was skipped", () => {
    const g = graph("skips", ticket);
    const maybe = g.code("maybe", { needs: {}, when: () => false, run: () => 1 });
    const needs = { plain: maybe, required: g.required(maybe), either: g.orElse(maybe, 0) };
    const { steps } = g.output(g.code("reader", { needs, run: () => 1 })).definition;
    expect(Object.values(steps[1]!.needs).map(({ whenSkipped }) => whenSkipped)).toEqual([
      { kind: "undefined" },
      { kind: "skip" },
      { kind: "value", value: 0 },
    ]);
  });

  it("mean nothing in another graph", () => {
    const other = graph("other", ticket);
    const foreign = other.code("order", { needs: {}, run: () => 1 });
    const g = graph("own", ticket);
    g.code("reader", { needs: { foreign, input: other.input }, run: () => 1 });
    g.redact("redaction", {
      from: foreign,
      output: z.boolean(),
      map: () => true,
      removes: [],
      to: "public",
      reason: "r",
    });
    g.firstOf("any", [foreign]);
    g.required(foreign);
    g.orElse(foreign, 1);
    expect(problemsOf(() => g.output({ foreign })).map(({ path }) => path)).toEqual([
      "steps.reader.needs.foreign",
      "steps.reader.needs.input",
      "steps.redaction.needs.from",
      "steps.any.needs.0",
      "required/orElse",
      "required/orElse",
      "output.foreign",
    ]);
  });

  it("cannot be forged: an object of the same shape is none", () => {
    const g = graph("forged", ticket);
    const order = g.code("order", { needs: {}, run: () => 1 });
    g.code("reader", { needs: { order: wrong({ id: order.id }) }, run: () => 1 });
    expect(problemsOf(() => g.output(order)).map(({ path }) => path)).toEqual(["steps.reader.needs.order"]);
  });
});

describe("mistakes", () => {
  it("are thrown together, each with its path, when the graph is finished and not before", () => {
    const g = graph("support", { ...ticket, label: wrong("custmer"), versoin: "1" } as typeof ticket);
    g.model("reply", wrong({ needs: { a: g.input }, complexity: "easy", output: z.string() }));
    g.classify("triage", wrong({ needs: {}, labels: [], text: () => "" }));
    g.agent("act", wrong({ needs: {}, output: "text", prompt: () => "", tools: [{}] }));
    g.code("reply", { needs: { late: g.input.field(wrong("late")) }, run: () => 1 });
    const problems = problemsOf(() => g.output({ reply: wrong("reply") }));
    expect(problems.map(({ path }) => path)).toEqual([
      "graph.versoin",
      "graph.label",
      "steps.reply.complexity",
      "steps.reply.prompt",
      "steps.triage.labels",
      "steps.act.output",
      "steps.act.tools[0].tool",
      "input",
      "steps.reply",
      "output.reply",
    ]);
    expect(problems.every(({ code, message }) => code === "GRAPH_INVALID" && message !== "")).toBe(true);
  });

  it("of a step do not hide the breaches of the steps that read it", () => {
    const g = graph("support", { ...ticket, label: "customer" });
    const order = g.code("order", { needs: { all: g.input }, produces: { level: "regulated" }, run: () => 1 });
    g.model("broken", wrong({ needs: { order }, complexity: "generation", output: z.string() }));
    g.model("low", { needs: { order }, complexity: "generation", output: z.string(), prompt: () => "" });
    const codes = problemsOf(() => g.output(g.input)).map(({ code, path }) => `${code} ${path}`);
    expect(codes).toEqual(["GRAPH_INVALID steps.broken.prompt", "PRIVACY_TIER_EXCEEDED steps.low.privacy"]);
  });

  it("are an error that other copies of the package recognise, with codes as details", () => {
    const g = graph("support", ticket);
    g.code("order", wrong({ needs: {} }));
    try {
      g.output(g.input);
      expect.unreachable();
    } catch (error) {
      expect(TierwiseError.isInstance(error) && error.details).toEqual({ codes: ["GRAPH_INVALID"] });
      expect(error).toMatchObject({ name: "DefinitionError", code: "GRAPH_INVALID" });
    }
  });

  const finished = () => {
    const g = graph("support", ticket);
    g.output(g.input);
    return g;
  };

  it.each<[string, (g: ReturnType<typeof finished>) => unknown, string]>([
    [
      "a step",
      (g) => g.code("late", { needs: {}, run: () => 1 }),
      'step "late" was added after g.output(); add it before',
    ],
    ["alternatives", (g) => g.firstOf("any", [g.input]), 'step "any" was added after g.output(); add it before'],
    ["an output", (g) => g.output(g.input), "g.output() was called twice"],
  ])("include %s after the output, which is thrown at once", (_name, add, message) => {
    const attempt = () => add(finished());
    expect(attempt).toThrow(TierwiseError);
    expect(attempt).toThrow(`graph "support": ${message}`);
  });

  it("after a failed output do not let a second one through", () => {
    const g = graph("support", ticket);
    g.code("order", wrong({ needs: {} }));
    expect(() => g.output(g.input)).toThrow(DefinitionError);
    expect(() => g.output(g.input)).toThrow("g.output() was called twice");
  });
});

describe("toMermaid", () => {
  it("draws kinds, tiers and labels; what may be skipped is dashed", () => {
    const g = graph("support", {
      ...ticket,
      label: { level: "customer", compartments: ["pii"] },
      fields: { id: { integrity: "trusted" } },
      privacy: "regulated",
    });
    const triage = g.classify("end", {
      needs: { request: g.input },
      labels: ["a", "b"],
      text: () => "",
      endorse: { reason: "r" },
    });
    const needs = { triage, id: g.input.field("id") };
    const order = g.code("order", {
      needs,
      when: () => true,
      produces: { level: "regulated" },
      run: () => ({ total: 1 }),
    });
    const total = g.redact("total", {
      from: g.orElse(order, { total: 0 }),
      output: z.object({ total: z.int().min(0).max(9) }),
      map: (value) => value,
      removes: [],
      to: "customer",
      reason: "the total",
    });
    const spec = { output: z.string(), prompt: () => "" };
    const reply = g.model("reply", { ...spec, needs: { order: g.required(order) }, complexity: "generation" });
    const act = g.agent("act", { ...spec, needs: { total, triage }, tools: [] });
    const built = g.output(
      { reply, any: g.firstOf("any", [act, triage]), act },
      { clearance: { level: "regulated", compartments: ["pii"] } },
    );
    expect(built.toMermaid()).toBe(
      `flowchart TD
  in(["input: customer{pii}"])
  s0["end<br/>classify (classification)<br/>customer{pii}"]
  in --> s0
  s1["order<br/>code<br/>customer{pii}"]
  s0 -.-> s1
  in -.-> s1
  s2["total<br/>redact<br/>regulated{pii}"]
  s1 --> s2
  s3["reply<br/>model (generation)<br/>regulated{pii}"]
  s1 --> s3
  s4["act<br/>agent (agentic)<br/>customer{pii}"]
  s2 --> s4
  s0 --> s4
  s5["any<br/>firstOf<br/>customer{pii}"]
  s4 --> s5
  s0 --> s5
  out(["output"])
  s3 --> out
  s5 --> out
  s4 --> out`,
    );
  });
});

describe("tools", () => {
  const agentWith = (listed: unknown) => {
    const g = graph("tools", ticket);
    const agent = g.agent("agent", { needs: {}, tools: [wrong(listed)], output: z.string(), prompt: () => "" });
    const [step] = g.output({ agent }).definition.steps;
    return step?.kind === "agent" ? step.tools[0]! : expect.unreachable();
  };

  it("of LangChain are taken as they are, with the arguments that a model may choose", () => {
    const search = tool((args: { q: string; top: number }) => args.q, {
      name: "search",
      description: "Searches",
      schema: z.object({ q: z.string(), top: z.number() }),
    });
    const bound = agentWith({ tool: search, effect: "read", pin: { top: () => 3 } });
    expect(bound).toMatchObject({ name: "search", description: "Searches", effect: "read" });
    expect(bound.shownParameters).toEqual({ type: "object", properties: { q: { type: "string" } }, required: ["q"] });
    expect(bound.parse?.({ q: "x", top: 3, more: 1 })).toEqual({ ok: true, value: { q: "x", top: 3 } });
  });

  it("with a plain JSON Schema still work after the graph is frozen", async () => {
    const schema = {
      type: "object",
      properties: { q: { $ref: "#/$defs/text" } },
      required: ["q"],
      additionalProperties: false,
      $defs: { text: { type: "string" } },
    } as const;
    const search = tool((args) => `found ${(args as { q: string }).q}`, { name: "search", description: "d", schema });
    const bound = agentWith({ tool: search, effect: "read" });
    expect(await bound.invoke({ q: "x" }, {})).toBe("found x");
  });
});
