import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  DefinitionError,
  endpoint,
  graph,
  ProviderError,
} from "../index.ts";
import type { ClearanceSpec, LabelSpec, Privacy, RuntimeOptions } from "../index.ts";
import { ScriptedModel, type ScriptedReply } from "../testing/index.ts";
import { draftThenVerify, type DraftThenVerifySpec } from "./draft-then-verify.ts";

const usage = { inputTokens: 10, outputTokens: 10 };
const says = (text: unknown): ScriptedReply => ({
  text: typeof text === "string" ? text : JSON.stringify(text),
  usage,
});
const price = (usd: number) => ({ inputPerMillionTokensUsd: usd, outputPerMillionTokensUsd: usd });

interface Setting {
  readonly small?: readonly ScriptedReply[];
  readonly large?: readonly ScriptedReply[];
  readonly label?: Privacy | LabelSpec;
  readonly largeClearance?: ClearanceSpec;
  readonly output?: z.ZodType;
  readonly spec?: object;
  readonly runtime?: Partial<RuntimeOptions>;
}

function setUp({ label = "public", output = z.string(), spec = {}, ...setting }: Setting) {
  const g = graph("report", { input: z.object({ text: z.string() }), label });
  const refs = draftThenVerify(g, "summary", {
    needs: { text: g.input.field("text") },
    output,
    prompt: ({ text }) => `Summarise: ${text}`,
    ...spec,
  });
  const built = g.output({ ...refs });
  const small = new ScriptedModel(setting.small ?? [says("a draft")]);
  const large = new ScriptedModel(setting.large ?? [says({ accepted: true, answer: null })]);
  const clearance = "regulated" as const;
  const catalog = createCatalog([
    endpoint("small", { class: "slm", location: "on-prem", clearance, model: small.factory, price: price(1) }),
    endpoint("large", {
      ...{ class: "llm", location: "cloud", model: large.factory, price: price(10) },
      clearance: setting.largeClearance ?? clearance,
    }),
  ]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy(), ...setting.runtime });
  return { built, runtime, small, large, run: () => runtime.run(built, { text: "the report" }) };
}

const textOf = (model: ScriptedModel): string => model.calls[0]!.messages.map(({ content }) => content).join("\n");

describe("draft, then verify", () => {
  it("gives the draft as it stands when the large model accepts it, and both are on the books", async () => {
    const { run, small, large } = setUp({ spec: { system: "Be brief.", criteria: "Numbers must be right." } });
    const { output, ledger } = await run();
    expect(output).toEqual({ draft: "a draft", verification: { accepted: true }, answer: "a draft" });
    expect(ledger.steps["summary-draft"]).toMatchObject({ endpoints: ["small"], costUsd: 20e-6 });
    expect(ledger.steps["summary-verify"]).toMatchObject({ endpoints: ["large"], costUsd: 200e-6 });
    expect(ledger.costUsd).toBeCloseTo(220e-6, 12);
    expect(textOf(small)).toContain("Be brief.");
    expect(textOf(small)).not.toContain("Numbers");
    for (const part of ["Be brief.", "Numbers must be right.", "Summarise: the report", "Draft:\na draft"])
      expect(textOf(large)).toContain(part);
    small.assertDone();
    large.assertDone();
  });

  it("gives what the large model wrote in its place when it does not accept it", async () => {
    const { run } = setUp({ large: [says({ accepted: false, answer: "a better one" })] });
    const { output } = await run();
    expect(output).toMatchObject({ verification: { accepted: false }, answer: "a better one", draft: "a draft" });
  });

  it("drafts and verifies in the shape that is asked for", async () => {
    const output = z.object({ total: z.number() });
    const { run, large } = setUp({
      output,
      small: [says({ total: 1 })],
      large: [says({ accepted: false, answer: { total: "two" } }), says({ accepted: false, answer: { total: 2 } })],
      runtime: {},
    });
    await expect(run()).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
    expect(textOf(large)).toContain('Draft:\n{"total":1}');
    const fits = setUp({
      output,
      small: [says({ total: 1 })],
      large: [says({ accepted: false, answer: { total: 2 } })],
    });
    expect((await fits.run()).output).toMatchObject({ draft: { total: 1 }, answer: { total: 2 } });
  });

  it.each<[string, ScriptedReply]>([
    ["does not fit", says("no JSON")],
    ["was cut", { ...says({ total: 1 }), finishReason: "length" }],
  ])("has the large model write at once where the draft %s; no other model drafts", async (_what, reply) => {
    const { run, small, large } = setUp({
      output: z.object({ total: z.number() }),
      small: [reply],
      large: [says({ accepted: false, answer: { total: 2 } })],
    });
    const { output, ledger } = await run();
    expect(output).toMatchObject({ draft: undefined, answer: { total: 2 } });
    expect(textOf(large)).toContain("There is no draft.");
    expect(ledger.steps["summary-draft"]?.endpoints).toEqual(["small"]);
    small.assertDone();
  });

  it("has the large model draft too where no small one answers", async () => {
    const down = new ProviderError("down", { retryable: false, errorType: "400", status: 400 });
    const { run } = setUp({
      small: [{ error: down }],
      large: [says("its own"), says({ accepted: true, answer: null })],
    });
    const { output, ledger } = await run();
    expect(output).toMatchObject({ answer: "its own" });
    expect(ledger.steps["summary-draft"]?.endpoints).toEqual(["small", "large"]);
  });

  it("accepts nothing where there is no draft", async () => {
    const { run } = setUp({ small: [says("   ")] });
    await expect(run()).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
  });

  it("takes no yes with an answer for a no, and no half answers", async () => {
    const both = setUp({ large: [says({ accepted: true, answer: "another" })] });
    expect((await both.run()).output).toMatchObject({ answer: "a draft" });
    for (const half of [
      { accepted: false },
      { accepted: false, answer: null },
      { answer: "x" },
      { accepted: "yes" },
      [],
    ])
      await expect(setUp({ large: [says(half)] }).run()).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
  });

  it("is asked in a schema that holds the author's, its definitions included", () => {
    const node = z.object({ id: z.string() }).meta({ id: "Node" });
    const { built } = setUp({ output: z.object({ left: node, right: node }) });
    const verify = built.definition.steps.find(({ name }) => name === "summary-verify");
    expect(verify?.kind === "model" && verify.output.json).toMatchObject({
      type: "object",
      required: ["accepted", "answer"],
      properties: { answer: { anyOf: [{ properties: { left: { $ref: "#/$defs/Node" } } }, { type: "null" }] } },
      $defs: { Node: { type: "object" } },
    });
  });
});

describe("the label of a draft", () => {
  const label: LabelSpec = { level: "customer", compartments: ["pii"] };

  it("is what the verifier is placed by: one that may not see it is not asked", async () => {
    const { runtime, built, large } = setUp({ label, largeClearance: "customer" });
    const problems = runtime
      .plan(built)
      .problems.map(({ path, message }) => `${path}: ${message}`)
      .join("\n");
    expect(problems).toMatch(/steps\.summary-verify: .*customer\{pii\}/);
    await expect(runtime.run(built, { text: "x" })).rejects.toThrow();
    expect(large.calls).toEqual([]);
  });

  it("counts what the draft read, also where the task of the verifier alone would not", () => {
    const { built } = setUp({ label });
    const { flows } = built.definition;
    expect(flows["summary-verify"]?.input).toEqual(flows["summary-draft"]?.output);
    expect(flows["summary"]?.output).toMatchObject({
      level: "customer",
      compartments: ["pii"],
      integrity: "untrusted",
    });
  });

  it("is bounded by the privacy that is declared for both", () => {
    expect(() => setUp({ label, spec: { privacy: "internal" } })).toThrow(/summary-draft.*declares privacy internal/s);
  });
});

describe("a template that is written wrong", () => {
  it("says everything at once", () => {
    const g = graph("x", { input: z.object({ text: z.string() }) });
    const wrong = { needs: { draft: g.input }, output: "text", prompt: "p", criterion: "c", system: "" };
    let error: unknown;
    try {
      draftThenVerify(g, "1", wrong as never);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(DefinitionError);
    expect((error as DefinitionError).problems.map(({ path }) => path)).toEqual([
      "draftThenVerify.name",
      "draftThenVerify.criterion",
      "draftThenVerify.needs.draft",
      "draftThenVerify.output",
      "draftThenVerify.prompt",
      "draftThenVerify.system",
    ]);
  });

  it("says that a schema cannot contain itself", () => {
    const g = graph("x", { input: z.object({ text: z.string() }) });
    const tree: z.ZodType = z.object({
      get children() {
        return z.array(tree);
      },
    });
    const spec: DraftThenVerifySpec<object & Record<string, never>, unknown> = {
      needs: {},
      output: tree,
      prompt: () => "p",
    };
    expect(() => draftThenVerify(g, "tree", spec)).toThrow(/a schema that contains itself/);
  });

  it("is skipped whole where what it needs is skipped", async () => {
    const g = graph("skip", { input: z.object({}) });
    const never = g.code("never", { needs: {}, when: () => false, run: () => "x" });
    const spec = { needs: { text: g.required(never) }, output: z.string(), prompt: () => "p" };
    const { answer } = draftThenVerify(g, "summary", spec);
    const model = new ScriptedModel([]);
    const catalog = createCatalog([endpoint("large", { class: "llm", location: "cloud", model: model.factory })]);
    const { output } = await createRuntime({ catalog, policy: defaultPolicy() }).run(g.output({ answer }), {});
    expect(output).toEqual({ answer: undefined });
  });
});
