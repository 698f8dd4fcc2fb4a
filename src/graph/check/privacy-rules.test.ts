import { describe, expect, it } from "vitest";
import * as z from "zod";
import { DefinitionError, type ErrorCode, type Problem } from "../../errors.ts";
import type { ClearanceSpec } from "../../tiers/clearance.ts";
import type { Compartment, Label, LabelSpec, Privacy } from "../../tiers/label.ts";
import { graph } from "../graph.ts";
import type { ToolBinding, ToolEffect } from "../types/steps.ts";
import type { Ref } from "../types/values.ts";

const everything = { level: "classified", compartments: ["pii", "phi", "pci", "secret", "tenant:*"] } as const;

/** Problems of a graph, none when it builds. */
function problemsOf(build: () => unknown): readonly Problem[] {
  try {
    build();
    return [];
  } catch (error) {
    if (error instanceof DefinitionError) return error.problems;
    throw error;
  }
}

const codesOf = (build: () => unknown): readonly ErrorCode[] => problemsOf(build).map(({ code }) => code);

const search = { name: "web_search", schema: z.object({ q: z.string() }), invoke: () => "" };

describe("R5: a tool", () => {
  const answer = ({ label, accepts, to }: { label: LabelSpec; accepts?: ClearanceSpec; to?: Privacy }) => {
    const g = graph("support", {
      input: z.object({ ticket: z.string() }),
      label,
      privacy: "classified",
    });
    const classify = g.classify("classify", {
      needs: { ticket: g.input.field("ticket") },
      labels: ["a", "b"],
      text: ({ ticket }) => ticket,
    });
    const low = g.redact("low", {
      from: classify,
      output: z.boolean(),
      map: ({ label: chosen }) => chosen === "a",
      removes: ["pii"],
      to: to ?? label.level,
      reason: "one bit",
    });
    const needs: { fact: Ref<unknown> } = { fact: to === undefined ? classify : low };
    const agent = g.agent("answer", {
      needs,
      tools: [{ tool: search, effect: "read", ...(accepts && { accepts }) }],
      output: z.string(),
      prompt: () => "",
    });
    return g.output(agent, { clearance: everything });
  };

  const customerPii = { level: "customer", compartments: ["pii"] } as const;

  it("that is not cleared for the arguments is named with payload, excess, path and three ways out", () => {
    expect(problemsOf(() => answer({ label: customerPii, accepts: "internal" }))).toEqual([
      {
        code: "PRIVACY_FLOW_DENIED",
        path: "steps.answer.tools.web_search",
        message: [
          'PRIVACY_FLOW_DENIED [build] step "answer" -> tool "web_search" (arguments)',
          "payload customer{pii} untrusted exceeds clearance internal{}: level +1, pii",
          "path: input.ticket -> classify -> answer",
          'Fix: g.redact(... removes ["pii"], to "internal") before "answer", raise accepts of "web_search", or drop it here',
        ].join("\n"),
      },
    ]);
  });

  it("prints the same in the error that is thrown, with the lines under their problem", () => {
    expect(() => answer({ label: customerPii, accepts: "internal" })).toThrow(
      `graph "support": 1 problem
  steps.answer.tools.web_search: PRIVACY_FLOW_DENIED [build] step "answer" -> tool "web_search" (arguments)
  payload customer{pii} untrusted exceeds clearance internal{}: level +1, pii
  path: input.ticket -> classify -> answer
  Fix: g.redact(... removes ["pii"], to "internal") before "answer", raise accepts of "web_search", or drop it here`,
    );
  });

  it.each<[string, Parameters<typeof answer>[0]]>([
    ["accepts what it gets", { label: customerPii, accepts: customerPii }],
    ["accepts more than it gets", { label: customerPii, accepts: everything }],
    ["declares nothing and gets public data", { label: { level: "public" } }],
    ["gets a redacted fact", { label: customerPii, accepts: "internal", to: "internal" }],
  ])("that %s builds", (_name, setting) => {
    expect(problemsOf(() => answer(setting))).toEqual([]);
  });

  it.each<[string, Parameters<typeof answer>[0], string]>([
    ["declares nothing", { label: customerPii }, "public{}: level +2, pii"],
    ["has the level but not the compartment", { label: customerPii, accepts: "regulated" }, "regulated{}: pii"],
    [
      "has the compartment but not the level",
      { label: customerPii, accepts: { level: "public", compartments: ["pii"] } },
      "public{pii}: level +2",
    ],
    [
      "is cleared for another tenant",
      {
        label: { level: "internal", compartments: ["tenant:acme"] },
        accepts: { level: "internal", compartments: ["tenant:beta"] },
      },
      "internal{tenant:beta}: tenant:acme",
    ],
  ])("that %s is denied", (_name, setting, excess) => {
    expect(problemsOf(() => answer(setting)).map(({ message }) => message)).toEqual([
      expect.stringContaining(`exceeds clearance ${excess}\n`),
    ]);
  });

  it("is not told to remove a compartment that its clearance covers", () => {
    const label = { level: "customer", compartments: ["pii", "tenant:acme"] } as const;
    const [problem] = problemsOf(() => answer({ label, accepts: { level: "customer", compartments: ["tenant:*"] } }));
    expect(problem?.message).toContain('removes ["pii"], to "customer"');
  });

  it("is told to redact to the level of the data where its own is higher", () => {
    const label = { level: "internal", compartments: ["pii"] } as const;
    const [problem] = problemsOf(() => answer({ label, accepts: "customer" }));
    expect(problem?.message).toContain('g.redact(... removes ["pii"], to "internal") before "answer"');
  });

  it("is denied what another tool of the same step returns", () => {
    const build = (accepts: ClearanceSpec) => {
      const g = graph("loop", { input: z.object({ q: z.string() }), label: "public", privacy: "classified" });
      const records = { name: "records", schema: z.object({}), invoke: () => "" };
      const agent = g.agent("answer", {
        needs: { q: g.input },
        tools: [
          {
            tool: records,
            effect: "read",
            accepts: everything,
            returns: { level: "regulated", compartments: ["phi"] },
          },
          { tool: search, effect: "read", accepts },
        ],
        output: z.string(),
        prompt: () => "",
      });
      return g.output(agent, { clearance: everything });
    };
    expect(codesOf(() => build("public"))).toEqual(["PRIVACY_FLOW_DENIED"]);
    expect(codesOf(() => build({ level: "regulated", compartments: ["phi"] }))).toEqual([]);
  });
});

describe("R5: the caller", () => {
  const build = (setting: { produces?: LabelSpec; clearance?: ClearanceSpec; what?: "input" | "field" | "step" }) => {
    const g = graph("caller", {
      input: z.object({ ticket: z.string(), id: z.string() }),
      label: { level: "customer", compartments: ["pii"] },
      fields: { id: { level: "public", compartments: [] } },
      privacy: "classified",
    });
    const { produces, clearance, what = "step" } = setting;
    const record = g.code("record", { needs: { all: g.input }, ...(produces && { produces }), run: () => "x" });
    const refs: Record<string, Ref<unknown>> = { input: g.input, field: g.input.field("id"), step: record };
    return g.output({ answer: refs[what]! }, clearance === undefined ? {} : { clearance });
  };

  it("may have what carries the label of the input, undeclared", () => {
    expect(problemsOf(() => build({}))).toEqual([]);
  });

  it("may not have more than it handed in", () => {
    expect(problemsOf(() => build({ produces: { level: "regulated", compartments: ["pci"] } }))).toEqual([
      {
        code: "PRIVACY_FLOW_DENIED",
        path: "output.answer",
        message: [
          'PRIVACY_FLOW_DENIED [build] step "record" -> caller (output)',
          "payload regulated{pci, pii} untrusted exceeds clearance customer{pii}: level +1, pci",
          "path: input -> record",
          'Fix: g.redact(... removes ["pci"], to "customer") between "record" and the output, declare g.output(..., { clearance }) if the caller may see it, or drop it here',
        ].join("\n"),
      },
    ]);
  });

  it("may have more where the graph says that it may", () => {
    const clearance = { level: "regulated", compartments: ["pci", "pii"] } as const;
    expect(problemsOf(() => build({ produces: { level: "regulated", compartments: ["pci"] }, clearance }))).toEqual([]);
  });

  it("may not have its own input back where the graph declares less", () => {
    expect(problemsOf(() => build({ what: "input", clearance: "public" }))).toEqual([
      {
        code: "PRIVACY_FLOW_DENIED",
        path: "output.answer",
        message: [
          "PRIVACY_FLOW_DENIED [build] input -> caller (output)",
          "payload customer{pii} untrusted exceeds clearance public{}: level +2, pii",
          "path: input",
          "Fix: declare g.output(..., { clearance }) if the caller may see it, or drop it here",
        ].join("\n"),
      },
    ]);
    expect(problemsOf(() => build({ what: "field", clearance: "public" }))).toEqual([]);
  });

  it("learns from a branch that was not taken, so that is denied too", () => {
    const branch = (clearance: ClearanceSpec) => {
      const g = graph("absence", {
        input: z.object({ diagnosis: z.string(), id: z.string() }),
        label: { level: "regulated", compartments: ["phi"] },
        fields: { id: { level: "public", compartments: [] } },
      });
      const needs = { id: g.input.field("id"), diagnosis: g.input.field("diagnosis") };
      const gated = g.code("gated", { needs, when: ({ diagnosis }) => diagnosis === "x", run: () => "constant" });
      const report = g.code("report", { needs: { gated }, run: () => "also constant" });
      return g.output({ report }, { clearance });
    };
    expect(codesOf(() => branch("public"))).toEqual(["PRIVACY_FLOW_DENIED"]);
    expect(codesOf(() => branch({ level: "regulated", compartments: ["phi"] }))).toEqual([]);
  });
});

describe("R6: a tool with an effect", () => {
  const refund = {
    name: "refund",
    schema: z.object({ orderId: z.string(), amount: z.number() }),
    invoke: () => "",
  };
  type Values = object;
  const pinned: Pick<ToolBinding<Values>, "pin" | "max"> = { pin: { orderId: () => "o1" }, max: { amount: () => 10 } };

  interface Setting {
    readonly gate?: "trusted" | "untrusted" | "endorsed" | "none";
    readonly binding?: Partial<ToolBinding<Values>>;
  }

  const build = ({ gate = "none", binding = pinned }: Setting) => {
    const g = graph("actions", {
      input: z.object({ ticket: z.string(), id: z.string() }),
      label: "internal",
      fields: { id: { integrity: "trusted" } },
    });
    const shared = { needs: { ticket: g.input.field("ticket") }, labels: ["refund", "other"], text: () => "" } as const;
    const gates = {
      none: g.input.field("id"),
      trusted: g.code("lookup", { needs: { id: g.input.field("id") }, run: () => true }),
      untrusted: g.classify("raw", shared),
      endorsed: g.classify("endorsed", { ...shared, endorse: { reason: "closed enum" } }),
    };
    const order = g.code("order", { needs: { id: g.input.field("id") }, run: () => ({ id: "o1", total: 10 }) });
    const needs: { gate: Ref<unknown>; order: Ref<unknown> } = { gate: gates[gate], order };
    const spec = {
      needs,
      tools: [{ tool: refund, effect: "write", accepts: "internal", ...binding }],
      output: z.string(),
      prompt: () => "",
    } as const;
    const agent = gate === "none" ? g.agent("act", spec) : g.agent("act", { ...spec, when: () => true });
    return g.output(agent);
  };

  it.each<[string, Setting]>([
    ["every argument pinned or bounded", {}],
    ["a `when` over trusted data", { gate: "trusted" }],
    ["a `when` over an endorsed label", { gate: "endorsed" }],
    ["openly accepted arguments", { binding: { untrustedArguments: { reason: "a person reads every refund" } } }],
    ["no effect at all, with free arguments", { binding: { effect: "read" } }],
    ["no effect at all, under untrusted control", { gate: "untrusted", binding: { effect: "read" } }],
  ])("builds with %s", (_name, setting) => {
    expect(problemsOf(() => build(setting))).toEqual([]);
  });

  it.each<ToolEffect>(["write", "irreversible"])(
    "%s under untrusted control is refused, whatever is pinned",
    (effect) => {
      expect(problemsOf(() => build({ gate: "untrusted", binding: { ...pinned, effect } }))).toEqual([
        {
          code: "PRIVACY_ACTION_UNTRUSTED",
          path: "steps.act.tools.refund",
          message: `step "act" -> tool "refund" (effect ${effect}): its "when" reads untrusted data, so an outsider could decide that it runs
Fix: endorse what "when" reads (a closed enum), or declare the field trusted if your own code set it.`,
        },
      ]);
    },
  );

  it("is refused under untrusted control even where its arguments are openly accepted", () => {
    const binding = { untrustedArguments: { reason: "a person reads every refund" } };
    expect(codesOf(() => build({ gate: "untrusted", binding }))).toEqual(["PRIVACY_ACTION_UNTRUSTED"]);
  });

  it.each<[string, Setting["binding"], string]>([
    ["nothing is set by code", {}, '"orderId", "amount"'],
    ["one argument is left free", { max: { amount: () => 10 } }, '"orderId"'],
    ["a number has no bound", { pin: { orderId: () => "o1" } }, '"amount"'],
  ])("is refused where %s", (_name, binding, free) => {
    expect(problemsOf(() => build({ binding: binding ?? {} }))).toEqual([
      {
        code: "PRIVACY_ACTION_UNTRUSTED",
        path: "steps.act.tools.refund",
        message: `step "act" -> tool "refund" (effect write): a model chooses ${free} from data an outsider may have written
Fix: pin or bound each by code (pin, max), have a person approve each call (approve), declare effect: "read" if it changes nothing, or accept it openly with untrustedArguments: { reason }.`,
      },
    ]);
  });

  it("counts as a write where its effect is not declared, and so does a bare tool", () => {
    const bare = (listed: object) => {
      const g = graph("bare", { input: z.object({ q: z.string() }) });
      const agent = g.agent("act", {
        needs: { q: g.input },
        tools: [listed as typeof refund],
        output: z.string(),
        prompt: () => "",
      });
      return g.output(agent);
    };
    expect(codesOf(() => bare(refund))).toEqual(["PRIVACY_ACTION_UNTRUSTED"]);
    expect(codesOf(() => bare({ tool: refund }))).toEqual(["PRIVACY_ACTION_UNTRUSTED"]);
    expect(codesOf(() => bare({ tool: refund, ...pinned }))).toEqual([]);
    expect(codesOf(() => bare({ ...refund, schema: z.object({}) }))).toEqual([]);
  });

  it("is refused as long as the control of what it requires is untrusted", () => {
    const chain = (endorse: boolean) => {
      const g = graph("chain", { input: z.object({ ticket: z.string() }), fields: {} });
      const triage = g.classify("triage", {
        needs: { ticket: g.input.field("ticket") },
        labels: ["a", "b"],
        text: ({ ticket }) => ticket,
        ...(endorse && { endorse: { reason: "closed enum" } }),
      });
      const order = g.code("order", { needs: { triage }, when: () => true, run: () => ({ id: "o1" }) });
      const agent = g.agent("act", {
        needs: { order: g.required(order) },
        tools: [{ tool: refund, ...pinned }],
        output: z.string(),
        prompt: () => "",
      });
      return g.output({ agent });
    };
    expect(codesOf(() => chain(false))).toEqual(["PRIVACY_ACTION_UNTRUSTED"]);
    expect(codesOf(() => chain(true))).toEqual([]);
  });

  describe("whose schema admits more than it declares", () => {
    const open = (schema: unknown, binding: Partial<ToolBinding<Values>> = pinned) => {
      const tool = { ...refund, schema };
      return codesOf(() => build({ binding: { ...binding, tool } }));
    };
    const properties = { orderId: { type: "string" }, amount: { type: "number" } };
    const closed = { type: "object", properties, additionalProperties: false };

    it.each<[string, unknown, Partial<ToolBinding<Values>>?]>([
      ["a loose object", z.looseObject({ orderId: z.string(), amount: z.number() })],
      ["a catch-all", z.object({ orderId: z.string(), amount: z.number() }).catchall(z.string())],
      ["a record", z.record(z.string(), z.string()), {}],
      ["a JSON Schema that does not close its object", { type: "object", properties }],
      ["a JSON Schema of patterns", { ...closed, patternProperties: { "^x": {} } }],
      ["a composed JSON Schema", { ...closed, allOf: [{ properties: { to: { type: "string" } } }] }],
    ])("is refused although every declared argument is set by code: %s", (_name, schema, binding) => {
      expect(open(schema, binding)).toEqual(["PRIVACY_ACTION_UNTRUSTED"]);
    });

    it.each<[string, unknown]>([
      ["a strict object", z.strictObject({ orderId: z.string(), amount: z.number() })],
      ["a plain object, which drops what it does not know", z.object({ orderId: z.string(), amount: z.number() })],
      ["a closed JSON Schema", closed],
    ])("builds where it does not: %s", (_name, schema) => {
      expect(open(schema)).toEqual([]);
    });

    it("takes an argument called like a method of every object for what it is: free", () => {
      const schema = z.object({ constructor: z.string(), toString: z.string() });
      expect(open(schema, {})).toEqual(["PRIVACY_ACTION_UNTRUSTED"]);
    });
  });
});

describe("R7: a declared tier", () => {
  const kinds = ["model", "classify", "agent", "code"] as const;

  const build = (kind: (typeof kinds)[number], privacy: Privacy | undefined) => {
    const g = graph("tiers", {
      input: z.object({ note: z.string() }),
      label: { level: "customer", compartments: ["pii"] },
    });
    const needs = {
      chart: g.code("chart", { needs: { all: g.input }, produces: { level: "regulated" }, run: () => 1 }),
    };
    const declared = privacy === undefined ? {} : { privacy };
    const shared = { needs, output: z.string(), prompt: () => "", ...declared } as const;
    const step = {
      model: () => g.model("step", { ...shared, complexity: "generation" }),
      classify: () => g.classify("step", { needs, labels: ["a", "b"], text: () => "", ...declared }),
      agent: () => g.agent("step", { ...shared, tools: [] }),
      code: () => g.code("step", { needs, run: () => 1, ...declared }),
    };
    return g.output(step[kind]() as Ref<unknown>, { clearance: everything });
  };

  it.each(kinds)("bounds what a %s step sees, and the error says what to declare", (kind) => {
    expect(problemsOf(() => build(kind, "customer"))).toEqual([
      {
        code: "PRIVACY_TIER_EXCEEDED",
        path: "steps.step.privacy",
        message: `step "step" declares privacy customer, but sees regulated{pii}
path: input -> chart -> step
Fix: declare privacy: "regulated", or g.redact(... to "customer") what it reads.`,
      },
    ]);
    expect(problemsOf(() => build(kind, "regulated"))).toEqual([]);
    expect(problemsOf(() => build(kind, "classified"))).toEqual([]);
  });

  it("is the graph's where a step that is placed on a model declares none; code needs none", () => {
    expect(codesOf(() => build("model", undefined))).toEqual(["PRIVACY_TIER_EXCEEDED"]);
    expect(codesOf(() => build("code", undefined))).toEqual([]);
  });

  it("never lowers a label: over-declaring changes nothing", () => {
    const { definition } = build("model", "classified");
    expect(definition.flows["step"]?.output).toMatchObject({ level: "regulated", compartments: ["pii"] });
  });

  it("binds an agent to what its tools may return", () => {
    const agent = (privacy: Privacy) => {
      const g = graph("returns", { input: z.object({ q: z.string() }), label: "internal" });
      const tool = { tool: search, effect: "read", accepts: everything, returns: "regulated" } as const;
      const step = g.agent("step", {
        needs: { q: g.input },
        privacy,
        tools: [tool],
        output: z.string(),
        prompt: () => "",
      });
      return g.output(step, { clearance: everything });
    };
    expect(codesOf(() => agent("customer"))).toEqual(["PRIVACY_TIER_EXCEEDED"]);
    expect(codesOf(() => agent("regulated"))).toEqual([]);
  });
});

describe("R8: a redaction", () => {
  interface Setting {
    readonly label?: Label | LabelSpec;
    readonly removes?: readonly Compartment[];
    readonly to?: Privacy;
    readonly output?: z.ZodType;
    readonly untrustedControl?: boolean;
  }

  const build = ({ label, removes = ["pci"], to = "customer", output = z.boolean(), untrustedControl }: Setting) => {
    const g = graph("redaction", {
      input: z.object({ note: z.string(), trigger: z.string() }),
      label: label ?? { level: "regulated", compartments: ["pci"], integrity: "trusted" },
      fields: { trigger: { level: "public", compartments: [], integrity: "untrusted" } },
    });
    const needs = { note: g.input.field("note") };
    const gated = g.code("gated", {
      needs: { ...needs, trigger: g.input.field("trigger") },
      when: () => true,
      run: () => "x",
    });
    const source = untrustedControl === true ? gated : g.code("source", { needs, run: () => "x" });
    const released = g.redact("released", { from: source, output, map: () => true, removes, to, reason: "test" });
    return g.output({ released }, { clearance: everything });
  };
  const untrusted = { level: "regulated", compartments: ["pci"] } as const;

  it.each<[string, Setting]>([
    ["one level", {}],
    ["no level, only a compartment", { to: "regulated" }],
    ["a level and no compartment", { removes: [] }],
    ["free text of a trusted source", { output: z.object({ item: z.string(), total: z.number() }) }],
    ["a list of a trusted source", { output: z.array(z.object({ item: z.string() })) }],
    ["a closed choice of an untrusted source", { label: untrusted, output: z.enum(["a", "b"]) }],
    ["a bounded integer of an untrusted source", { label: untrusted, output: z.int().min(0).max(100_000) }],
  ])("may release %s", (_name, setting) => {
    expect(problemsOf(() => build(setting))).toEqual([]);
  });

  it.each<[string, Setting, string]>([
    [
      "lowers two levels",
      { label: { level: "classified", compartments: [], integrity: "trusted" } },
      "from classified to customer is 2 levels; at most one without a human's approval",
    ],
    [
      "removes secret",
      { label: { level: "regulated", compartments: ["secret"], integrity: "trusted" }, removes: ["secret"] },
      '"secret" can never be removed; do not read it here',
    ],
    [
      "raises",
      { to: "classified" },
      '"to" is classified, above the data (regulated); a redaction only lowers, drop it or correct "to"',
    ],
  ])("that %s is refused, trusted or not", (_name, setting, message) => {
    expect(problemsOf(() => build(setting))).toEqual([
      { code: "PRIVACY_DECLASSIFY_ILLEGAL", path: "steps.released", message: `step "released": ${message}` },
    ]);
  });

  it("is refused where untrusted data decides whether there is anything to release", () => {
    expect(problemsOf(() => build({ untrustedControl: true }))).toEqual([
      {
        code: "PRIVACY_DECLASSIFY_ILLEGAL",
        path: "steps.released",
        message: `step "released": untrusted data decides whether "from" exists, so an outsider could choose what is released
Fix: endorse what the "when" before it reads, or declare the field trusted.`,
      },
    ]);
  });

  it.each<[string, z.ZodType, string, string]>([
    ["free text", z.string(), "output", "free text needs a detector; release an enum, a boolean or a bounded integer"],
    [
      "text inside an object",
      z.object({ ok: z.boolean(), why: z.string() }),
      "output.why",
      "free text needs a detector; release an enum, a boolean or a bounded integer",
    ],
    [
      "a fractional number",
      z.number().min(0).max(1),
      "output",
      "a fractional number has 52 bits whatever its range; release z.int() with min and max",
    ],
    ["an integer without bounds", z.int(), "output", "an integer needs min and max"],
    ["a list", z.array(z.boolean()), "output", "release objects of enums, booleans and bounded integers only"],
  ])("of untrusted data may not release %s", (...[, output, place, why]) => {
    expect(problemsOf(() => build({ label: untrusted, output }))).toEqual([
      {
        code: "PRIVACY_DECLASSIFY_ILLEGAL",
        path: `steps.released.${place}`,
        message: `step "released" releases from untrusted data: ${why}`,
      },
    ]);
  });

  const digits = z.int().min(0).max(9);
  const split = (count: number) =>
    z.object(Object.fromEntries(Array.from({ length: count }, (_, index) => [`d${index}`, digits])));

  it("counts all that it releases together: a number split over several fields is still a number", () => {
    expect(problemsOf(() => build({ label: untrusted, output: split(7) }))).toEqual([]);
    expect(problemsOf(() => build({ label: untrusted, output: split(8) }))).toEqual([
      {
        code: "PRIVACY_DECLASSIFY_ILLEGAL",
        path: "steps.released.output",
        message:
          'step "released" releases 26.6 bits, more than 24, from untrusted data: a phone number would fit; narrow the enums and ranges',
      },
    ]);
    expect(problemsOf(() => build({ output: split(8) }))).toEqual([]);
  });

  it.each<[string, z.ZodType, string]>([
    ["an open object", z.looseObject({ ok: z.boolean() }), "output"],
    ["an open object inside", z.object({ ok: z.object({ fine: z.boolean() }).loose() }), "output.ok"],
    ["an open object in a list", z.array(z.looseObject({})), "output[]"],
    ["an open object as one of several", z.union([z.boolean(), z.looseObject({})]), "output"],
    ["a record", z.object({ by: z.record(z.string(), z.boolean()) }), "output.by"],
    ["anything", z.object({ all: z.unknown() }), "output.all"],
    ["anything with a description", z.any().describe("all of it"), "output"],
  ])("may not release %s, trusted or not", (...[, output, place]) => {
    const refused = [
      {
        code: "PRIVACY_DECLASSIFY_ILLEGAL",
        path: `steps.released.${place}`,
        message: 'step "released": the schema must not admit what it does not declare',
      },
    ];
    expect(problemsOf(() => build({ output }))).toEqual(refused);
    expect(problemsOf(() => build({ label: untrusted, output }))).toEqual(refused);
  });
});

describe("R9: an endorsement", () => {
  const build = (endorse: boolean, accepts: ClearanceSpec) => {
    const g = graph("endorsed", {
      input: z.object({ ticket: z.string() }),
      label: { level: "customer", compartments: ["pii"] },
    });
    const label = g.classify("label", {
      needs: { ticket: g.input },
      labels: ["a", "b"],
      text: () => "",
      ...(endorse && { endorse: { reason: "closed enum" } }),
    });
    const agent = g.agent("act", {
      needs: { label },
      when: ({ label: chosen }) => chosen.label === "a",
      tools: [{ tool: { ...search, schema: z.object({}) }, effect: "write", accepts }],
      output: z.string(),
      prompt: () => "",
    });
    return g.output({ agent });
  };
  const customerPii = { level: "customer", compartments: ["pii"] } as const;

  it("lets a label decide over an effect, which it may not without", () => {
    expect(codesOf(() => build(true, customerPii))).toEqual([]);
    expect(codesOf(() => build(false, customerPii))).toEqual(["PRIVACY_ACTION_UNTRUSTED"]);
  });

  it("lowers no confidentiality: the label still says something about the ticket", () => {
    expect(codesOf(() => build(true, "public"))).toEqual(["PRIVACY_FLOW_DENIED"]);
  });

  it("does not endorse what decided whether the label exists", () => {
    const g = graph("control", { input: z.object({ ticket: z.string(), go: z.boolean() }) });
    const label = g.classify("label", {
      needs: { ticket: g.input },
      when: ({ ticket }) => ticket.go,
      labels: ["a", "b"],
      text: () => "",
      endorse: { reason: "closed enum" },
    });
    const agent = g.agent("act", {
      needs: { label: g.required(label) },
      when: ({ label: chosen }) => chosen.label === "a",
      tools: [{ tool: { ...search, schema: z.object({}) }, effect: "write" }],
      output: z.string(),
      prompt: () => "",
    });
    expect(codesOf(() => g.output({ agent }))).toEqual(["PRIVACY_ACTION_UNTRUSTED"]);
  });
});

describe("R5: code that says what it may be handed", () => {
  const index = (accepts: ClearanceSpec | undefined) => {
    const g = graph("lookup", {
      input: z.object({ query: z.string() }),
      label: { level: "customer", compartments: ["pii"] },
    });
    const found = g.code("found", {
      needs: { query: g.input.field("query") },
      ...(accepts !== undefined && { accepts }),
      run: () => "x",
    });
    return problemsOf(() => g.output({ found }));
  };

  it.each<[ClearanceSpec | undefined, readonly ErrorCode[]]>([
    [undefined, []],
    [{ level: "customer", compartments: ["pii"] }, []],
    ["customer", ["PRIVACY_FLOW_DENIED"]],
    [{ level: "internal", compartments: ["pii"] }, ["PRIVACY_FLOW_DENIED"]],
    ["secret" as "public", ["GRAPH_INVALID", "PRIVACY_FLOW_DENIED"]],
  ])("with %j reports %j", (accepts, codes) => {
    expect(index(accepts).map(({ code }) => code)).toEqual(codes);
  });

  it("says what to do", () => {
    expect(index("customer")[0]?.message).toContain('raise accepts of "found"');
  });
});

describe("a graph with several breaches", () => {
  it("reports all of them at once, each where it stands", () => {
    const g = graph("many", { input: z.object({ ticket: z.string() }), label: "customer" });
    const high = g.code("high", { needs: { all: g.input }, produces: { level: "classified" }, run: () => "x" });
    g.model("low", {
      needs: { high },
      privacy: "public",
      complexity: "generation",
      output: z.string(),
      prompt: () => "",
    });
    g.redact("leak", { from: high, output: z.string(), map: () => "", removes: ["secret"], to: "public", reason: "r" });
    g.agent("act", { needs: { all: g.input }, tools: [search], output: z.string(), prompt: () => "" });
    expect(problemsOf(() => g.output({ high })).map(({ code, path }) => `${code} ${path}`)).toEqual([
      "PRIVACY_TIER_EXCEEDED steps.low.privacy",
      "PRIVACY_DECLASSIFY_ILLEGAL steps.leak",
      "PRIVACY_DECLASSIFY_ILLEGAL steps.leak",
      "PRIVACY_DECLASSIFY_ILLEGAL steps.leak.output",
      "PRIVACY_FLOW_DENIED steps.act.tools.web_search",
      "PRIVACY_ACTION_UNTRUSTED steps.act.tools.web_search",
      "PRIVACY_FLOW_DENIED output.high",
    ]);
  });
});
