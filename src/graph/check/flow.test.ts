import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { formatLabel, isAtLeast, join, levelOf, privacyLevels, type LabelSpec } from "../../tiers/label.ts";
import type { StepFlow } from "../definition.ts";
import { graph } from "../graph.ts";
import type { Graph } from "../types/graph.ts";

const customerPii = { level: "customer", compartments: ["pii"] } as const;

/** A graph whose fields have labels of their own: one public and trusted, one secret in kind and level. */
function open() {
  return graph("flows", {
    input: z.object({ text: z.string(), id: z.string(), card: z.string() }),
    label: customerPii,
    fields: {
      id: { level: "public", compartments: [], integrity: "trusted" },
      card: { level: "regulated", compartments: ["pci"] },
    },
    privacy: "classified",
  });
}

const everything = { level: "classified", compartments: ["pii", "phi", "pci", "secret"] } as const;

function flowsOf(
  built: Graph<never, unknown>,
): Record<string, Record<Exclude<keyof StepFlow, "mayBeMissing">, string>> {
  const { flows } = built.definition;
  return Object.fromEntries(
    Object.entries(flows).map(([step, { control, input, context, output }]) => [
      step,
      {
        control: formatLabel(control, control.integrity),
        input: formatLabel(input, input.integrity),
        context: formatLabel(context, context.integrity),
        output: formatLabel(output, output.integrity),
      },
    ]),
  );
}

const tool = (name: string) => ({ name, schema: z.object({}), invoke: () => "" });

describe("sources", () => {
  it("give the whole input the join of its fields, and a field its own label", () => {
    const g = open();
    const whole = g.code("whole", { needs: { all: g.input }, run: () => 1 });
    const id = g.code("id", { needs: { id: g.input.field("id") }, run: () => 1 });
    const card = g.code("card", { needs: { card: g.input.field("card") }, run: () => 1 });
    const flows = flowsOf(g.output({ whole, id, card }, { clearance: everything }));
    expect(flows["whole"]?.output).toBe("regulated{pci, pii} untrusted");
    expect(flows["id"]?.output).toBe("public{} trusted");
    expect(flows["card"]?.output).toBe("regulated{pci} untrusted");
  });

  it("without any label are public and untrusted", () => {
    const g = graph("plain", { input: z.object({ text: z.string() }) });
    const step = g.code("step", { needs: { all: g.input }, run: () => 1 });
    expect(flowsOf(g.output(step))["step"]?.output).toBe("public{} untrusted");
  });
});

describe("a step that reads several values", () => {
  it("joins their labels in its input, whatever its code does with them", () => {
    const g = open();
    const both = g.code("both", { needs: { card: g.input.field("card"), id: g.input.field("id") }, run: () => 1 });
    expect(flowsOf(g.output(both, { clearance: everything }))["both"]?.input).toBe("regulated{pci} untrusted");
  });

  it("passes a label on over steps that do not need it any more", () => {
    const g = open();
    const first = g.code("first", { needs: { card: g.input.field("card") }, run: () => 1 });
    const second = g.code("second", { needs: { first }, run: () => 2 });
    const third = g.code("third", { needs: { second }, run: () => 3 });
    expect(flowsOf(g.output(third, { clearance: everything }))["third"]?.output).toBe("regulated{pci} untrusted");
  });
});

describe("control", () => {
  const branch = (when: boolean) => {
    const g = open();
    const constant = g.code("constant", { needs: { id: g.input.field("id") }, run: () => "refund" });
    const needs = { constant, card: g.input.field("card") };
    const spec = { needs, run: () => "yes" };
    const gated = when ? g.code("gated", { ...spec, when: () => true }) : g.code("gated", spec);
    return { g, constant, gated };
  };

  it("joins what a `when` reads to the label of the step it controls", () => {
    const { g, gated } = branch(true);
    const flows = flowsOf(g.output(gated, { clearance: everything }));
    expect(flows["gated"]).toEqual({
      control: "regulated{pci} untrusted",
      input: "regulated{pci} untrusted",
      context: "regulated{pci} untrusted",
      output: "regulated{pci} untrusted",
    });
  });

  it("is public and trusted without a `when`, although the data is neither", () => {
    const { g, gated } = branch(false);
    expect(flowsOf(g.output(gated, { clearance: everything }))["gated"]?.control).toBe("public{} trusted");
  });

  it("reaches a reader of a value that may be missing: that it is missing tells what the `when` saw", () => {
    const { g, gated } = branch(true);
    const reader = g.code("reader", { needs: { gated }, run: () => "constant" });
    expect(flowsOf(g.output(reader, { clearance: everything }))["reader"]?.output).toBe("regulated{pci} untrusted");
  });

  it.each(["orElse", "firstOf", "required"] as const)("is not lost by %s", (way) => {
    const { g, gated, constant } = branch(true);
    const chosen =
      way === "firstOf"
        ? g.firstOf("chosen", [gated, constant])
        : g.code("chosen", {
            needs: { gated: way === "required" ? g.required(gated) : g.orElse(gated, "no") },
            run: () => "constant",
          });
    const flow = flowsOf(g.output(chosen, { clearance: everything }))["chosen"];
    expect(flow?.output).toBe("regulated{pci} untrusted");
    expect(flow?.control).toBe(way === "orElse" ? "public{} trusted" : "regulated{pci} untrusted");
  });

  it("is handed on by a step that is skipped with what it requires", () => {
    const { g, gated } = branch(true);
    const one = g.code("one", { needs: { gated: g.required(gated) }, run: () => 1 });
    const two = g.code("two", { needs: { one: g.required(one) }, run: () => 2 });
    expect(flowsOf(g.output(two, { clearance: everything }))["two"]?.control).toBe("regulated{pci} untrusted");
  });
});

describe("an agent", () => {
  const agent = (returns: readonly (LabelSpec | undefined)[]) => {
    const g = open();
    const tools = returns.map((label, index) => ({
      tool: tool(`tool${index}`),
      effect: "read" as const,
      accepts: everything,
      ...(label && { returns: label }),
    }));
    const needs = { id: g.input.field("id") };
    const answer = g.agent("answer", { needs, tools, output: z.string(), prompt: () => "" });
    return flowsOf(g.output(answer, { clearance: everything }))["answer"];
  };

  it("without tools sees its input and nothing else", () => {
    expect(agent([])).toMatchObject({ input: "public{} trusted", output: "public{} trusted" });
  });

  it("joins the results of all tools that it may call, called or not", () => {
    const flow = agent([
      { level: "internal", compartments: ["phi"] },
      { level: "regulated", compartments: ["pci"] },
    ]);
    expect(flow?.input).toBe("public{} trusted");
    expect(flow?.context).toBe("regulated{pci, phi} untrusted");
    expect(flow?.output).toBe("regulated{pci, phi} untrusted");
  });

  it("takes the result of a tool without `returns` as its arguments, untrusted", () => {
    expect(agent([undefined])).toMatchObject({ context: "public{} untrusted", output: "public{} untrusted" });
  });

  it("trusts a result only where `returns` says so", () => {
    expect(agent([{ level: "public", integrity: "trusted" }])?.output).toBe("public{} trusted");
  });
});

describe("`produces`", () => {
  const level = fc.constantFrom(...privacyLevels);
  const compartments = fc.subarray(["pii", "phi", "pci", "secret"] as const);
  const spec = fc.record({ level, compartments, integrity: fc.constantFrom("trusted" as const, "untrusted" as const) });

  it("only raises: the output is the join of what was read and what is declared", () => {
    fc.assert(
      fc.property(spec, spec, (label, produces) => {
        const g = graph("produces", { input: z.object({}), label });
        const step = g.code("step", { needs: { all: g.input }, produces, run: () => 1 });
        const flow = g.output(step, { clearance: everything }).definition.flows["step"]!;
        expect(isAtLeast(flow.output, flow.input)).toBe(true);
        expect(levelOf(flow.output.level)).toBe(Math.max(levelOf(label.level), levelOf(produces.level)));
        expect(flow.output).toEqual(join(flow.input, { ...produces, compartments: [...produces.compartments].sort() }));
      }),
    );
  });

  it("does not launder integrity: a database does not make trusted what an outsider asked it", () => {
    const g = open();
    const order = g.code("order", {
      needs: { text: g.input.field("text") },
      produces: { level: "customer", integrity: "trusted" },
      run: () => 1,
    });
    expect(flowsOf(g.output(order, { clearance: everything }))["order"]?.output).toBe("customer{pii} untrusted");
  });

  it("keeps trusted what was asked with trusted values, unless it says otherwise", () => {
    const g = open();
    const needs = { id: g.input.field("id") };
    const order = g.code("order", { needs, produces: { level: "internal" }, run: () => 1 });
    const mail = g.code("mail", { needs, produces: { level: "internal", integrity: "untrusted" }, run: () => 1 });
    const flows = flowsOf(g.output({ order, mail }, { clearance: everything }));
    expect(flows["order"]?.output).toBe("internal{} trusted");
    expect(flows["mail"]?.output).toBe("internal{} untrusted");
  });
});

describe("endorsement", () => {
  const classify = (options: { endorse: boolean; gate: boolean }) => {
    const g = open();
    const text = g.input.field("text");
    const shared = {
      needs: { text },
      labels: ["a", "b"],
      text: () => "",
      ...(options.endorse && { endorse }),
    } as const;
    const label = options.gate ? g.classify("label", { ...shared, when: () => true }) : g.classify("label", shared);
    return flowsOf(g.output(label, { clearance: everything }))["label"];
  };
  const endorse = { reason: "closed enum" };

  it.each([
    { endorse: false, gate: false, output: "customer{pii} untrusted" },
    { endorse: true, gate: false, output: "customer{pii} trusted" },
    { endorse: true, gate: true, output: "customer{pii} untrusted" },
  ])("trusts the label and nothing else: %j", ({ output, ...options }) => {
    const flow = classify(options);
    expect(flow?.output).toBe(output);
    expect(flow?.context).toBe("customer{pii} untrusted");
  });
});

describe("redaction", () => {
  it("lowers what it declares and touches neither the rest nor integrity", () => {
    const g = open();
    const all = g.code("all", { needs: { all: g.input }, run: () => 1 });
    const flag = g.redact("flag", {
      from: all,
      output: z.boolean(),
      map: () => true,
      removes: ["pci", "phi"],
      to: "customer",
      reason: "test",
    });
    expect(flowsOf(g.output(flag))["flag"]).toMatchObject({
      input: "regulated{pci, pii} untrusted",
      output: "customer{pii} untrusted",
    });
  });
});

describe("any graph", () => {
  const level = fc.constantFrom(...privacyLevels);
  const compartments = fc.subarray(["pii", "phi", "pci"] as const);
  const label = fc.record({ level, compartments });
  const steps = fc.array(fc.record({ reads: fc.array(fc.nat(6), { maxLength: 3 }), gate: fc.boolean() }), {
    minLength: 1,
    maxLength: 6,
  });

  it("gives no step an output below anything it read, directly or not", () => {
    fc.assert(
      fc.property(label, steps, (inputLabel, shapes) => {
        const g = graph("random", { input: z.object({}), label: inputLabel });
        const refs = [g.code("s0", { needs: { all: g.input }, run: () => 0 })];
        for (const { reads, gate } of shapes) {
          const needs = Object.fromEntries(reads.map((read) => [`n${read}`, refs[read % refs.length]!]));
          const spec = { needs, run: () => 1 };
          const name = `s${refs.length}`;
          refs.push(gate ? (g.code(name, { ...spec, when: () => true }) as (typeof refs)[0]) : g.code(name, spec));
        }
        const { definition } = g.output(refs.at(-1)!, { clearance: everything });
        for (const { name, needs } of definition.steps) {
          const flow = definition.flows[name]!;
          expect(isAtLeast(flow.input, flow.control)).toBe(true);
          expect(isAtLeast(flow.context, flow.input)).toBe(true);
          expect(isAtLeast(flow.output, flow.context)).toBe(true);
          for (const { source } of Object.values(needs)) {
            if (source.kind !== "step") continue;
            expect(isAtLeast(flow.output, definition.flows[source.step]!.output)).toBe(true);
          }
        }
      }),
    );
  });
});
