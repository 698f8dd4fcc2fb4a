import { BM25Retriever } from "@langchain/community/retrievers/bm25";
import { Document } from "@langchain/core/documents";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  DefinitionError,
  endpoint,
  graph,
  rag,
  type Privacy,
  type LabelSpec,
  type RagSpec,
  type RetrieverLike,
  type RuntimeOptions,
} from "../index.ts";
import { ScriptedModel, type ScriptedCall } from "../testing/index.ts";

const facts = { moon: "The Moon has water ice.", mars: "Mars has two moons.", tea: "Tea is a drink." };
const bm25 = BM25Retriever.fromDocuments(
  Object.entries(facts).map(([id, pageContent]) => new Document({ id, pageContent })),
  { k: 2 },
);

/** Answers as a model would that follows its instructions; each part can be replaced. */
interface Script {
  readonly decompose?: readonly string[];
  readonly again?: readonly string[];
  readonly verdict?: string;
  readonly answer?: { readonly text: string; readonly sources: readonly string[] };
}

function scripted({ decompose = [], again = [], verdict = "sufficient", answer }: Script) {
  return new ScriptedModel(({ messages }: ScriptedCall) => {
    const system = messages.map(({ role, content }) => (role === "system" ? content : "")).join("\n");
    if (system.includes("Split the question")) return { text: JSON.stringify({ questions: decompose }) };
    if (system.includes("things to look up")) return { text: JSON.stringify({ questions: again }) };
    if (system.includes("Choose the one label")) return { text: verdict };
    return { text: JSON.stringify(answer ?? { text: "Water ice.", sources: ["moon"] }) };
  });
}

interface Setting {
  readonly label?: Privacy | LabelSpec;
  readonly spec?: Partial<RagSpec>;
  readonly small?: Script;
  readonly large?: Script;
  readonly returns?: Privacy | LabelSpec;
  readonly retriever?: RetrieverLike;
  readonly onHuman?: RuntimeOptions["onHuman"];
}

const local = { level: "classified", compartments: ["phi", "pii"] } as const;

function setUp(setting: Setting = {}) {
  const { label = "public", spec = {}, returns = "public", retriever = bm25, onHuman } = setting;
  const g = graph("ask", { input: z.object({ question: z.string() }), label });
  const retrievers = [{ retriever, returns, accepts: local }];
  const { answer, passages } = rag(g, { question: g.input.field("question"), label, retrievers, ...spec });
  const built = g.output({ answer, passages }, { clearance: local });
  const small = scripted(setting.small ?? {});
  const large = scripted(setting.large ?? {});
  const catalog = createCatalog([
    endpoint("small", { class: "slm", location: "on-prem", clearance: local, model: small }),
    endpoint("large", {
      class: "llm",
      location: "cloud",
      clearance: { level: "customer", compartments: ["pii"] },
      model: large,
    }),
  ]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy(), ...(onHuman && { onHuman }) });
  return { runtime, built, small, large, ask: () => runtime.run(built, { question: "Is there water on the Moon?" }) };
}

describe("rag", () => {
  it("answers from what BM25 finds, and names its source", async () => {
    const { ask, small, large } = setUp({ small: { decompose: ["Which planet has moons?"] } });
    const { output } = await ask();
    expect(output.answer).toEqual({ text: "Water ice.", sources: ["moon"] });
    expect(output.passages.map(({ id }) => id)).toContain("moon");
    expect(small.calls).toHaveLength(1);
    expect(large.calls[0]?.messages.at(-1)?.content).toContain("[moon] The Moon has water ice.");
  });

  it("always asks the original question, and no more further ones than it may", async () => {
    const queries: string[] = [];
    const retriever: RetrieverLike = { invoke: (query) => (queries.push(query), bm25.invoke(query)) };
    await setUp({ retriever, small: { decompose: [" a ", "a", "b", "c"] }, spec: { maxQuestions: 3 } }).ask();
    expect(queries).toEqual(["Is there water on the Moon?", "a", "b"]);
  });

  it("rejects a made-up source and asks the next endpoint of the ladder", async () => {
    const { ask } = setUp({
      ...{ label: "regulated", small: { answer: { text: "x", sources: ["moon", "made-up"] } } },
      onHuman: { clearance: local, ask: () => Promise.resolve({ text: "by a person", sources: ["moon"] }) },
    });
    const { output, ledger } = await ask();
    expect(output.answer?.text).toBe("by a person");
    expect(ledger.steps["answer"]?.endpoints).toEqual(["small"]);
  });

  it("escalates a made-up source to a large model that may see the data", async () => {
    const large = scripted({});
    const catalog = createCatalog([
      endpoint("small", {
        class: "slm",
        location: "on-prem",
        clearance: local,
        model: scripted({ answer: { text: "x", sources: ["made-up"] } }),
      }),
      endpoint("large", { class: "llm", location: "on-prem", clearance: local, model: large }),
    ]);
    const { built } = setUp({ label: "regulated" });
    const { output, ledger } = await createRuntime({ catalog, policy: defaultPolicy() }).run(built, {
      question: "Moon?",
    });
    expect(ledger.steps["answer"]).toMatchObject({ endpoints: ["small", "large"], escalations: 1 });
    expect(output.answer?.sources).toEqual(["moon"]);
  });

  it.each([
    ["none", []],
    ["one that was not retrieved", ["tea"]],
  ])("fails where nobody else may answer and the source is %s", async (_what, sources) => {
    const retriever: RetrieverLike = { invoke: () => Promise.resolve([{ id: "moon", pageContent: facts.moon }]) };
    const { ask } = setUp({ retriever, large: { answer: { text: "x", sources } } });
    await expect(ask()).rejects.toMatchObject({ code: "OUTPUT_INVALID" });
  });

  it("asks no model for an answer when nothing was retrieved", async () => {
    const { ask, large } = setUp({ retriever: { invoke: () => Promise.resolve([]) } });
    const { output } = await ask();
    expect(output).toEqual({ answer: undefined, passages: [] });
    expect(large.calls).toEqual([]);
  });

  it("hands the run's abort to the retriever", async () => {
    let seen: AbortSignal | undefined;
    const asked = Promise.withResolvers<undefined>();
    const retriever: RetrieverLike = {
      invoke: (_query, config) => {
        seen = config?.signal;
        asked.resolve(undefined);
        return new Promise(() => undefined);
      },
    };
    const { runtime, built } = setUp({ retriever });
    const run = await runtime.start(built, { question: "Moon?" });
    await asked.promise;
    expect(seen?.aborted).toBe(false);
    run.cancel();
    await expect(run.result).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    expect(seen?.aborted).toBe(true);
  });
});

describe("where a rag answer goes", () => {
  const ladderOf = ({ runtime, built }: ReturnType<typeof setUp>) =>
    runtime.plan(built).steps.find(({ step }) => step === "answer")?.decision;

  it("is the large model for public data, and the small one only for the mechanics", async () => {
    const setting = setUp();
    const { ledger } = await setting.ask();
    expect(ladderOf(setting)).toMatchObject({ class: "llm", ladder: [{ endpoint: "large" }] });
    expect(ledger.steps["decompose"]?.endpoints).toEqual(["small"]);
    expect(ledger.steps["answer"]?.endpoints).toEqual(["large"]);
  });

  it.each([
    ["the question is", { label: { level: "regulated", compartments: ["phi"] } }],
    ["the documents are", { returns: { level: "classified" } }],
  ] as const)("is the small local model when %s sensitive", async (_what, setting) => {
    const ready = setUp(setting);
    const { ledger, output } = await ready.ask();
    expect(ladderOf(ready)).toMatchObject({ class: "slm", ladder: [{ endpoint: "small", location: "on-prem" }] });
    expect(ledger.steps["answer"]?.endpoints).toEqual(["small"]);
    expect(output.answer?.sources).toEqual(["moon"]);
    expect(ready.large.calls.every(({ messages }) => !JSON.stringify(messages).includes("[moon]"))).toBe(true);
  });

  it("carries the retriever's label to the answer and the plan, untrusted", () => {
    const { built, runtime } = setUp({ returns: { level: "customer", compartments: ["pii"] }, spec: { hops: 2 } });
    const label = { level: "customer", compartments: ["pii"], integrity: "untrusted" };
    for (const step of ["retrieve", "suffices", "decompose-again", "retrieve-again", "passages", "answer"])
      expect(built.definition.flows[step]?.output).toEqual(label);
    expect(built.definition.flows["decompose"]?.output.level).toBe("public");
    expect(ladderOf({ built, runtime } as ReturnType<typeof setUp>)?.label).toEqual(label);
    expect(runtime.plan(built).toTable()).toMatch(/answer +model +customer\{pii\}/);
  });

  it("does not trust documents for being asked for by a trusted question", () => {
    const label = { level: "public", integrity: "trusted" } as const;
    const trusted = setUp({ label, returns: { level: "public", integrity: "trusted" } }).built.definition.flows;
    expect(trusted["retrieve"]?.output.integrity).toBe("trusted");
    const flows = setUp({ label }).built.definition.flows;
    expect(flows["decompose"]?.output.integrity).toBe("trusted");
    expect(flows["retrieve"]?.output.integrity).toBe("untrusted");
  });

  it("needs a caller who may see what the documents hold", () => {
    const g = graph("ask", { input: z.object({ question: z.string() }) });
    const retrievers = [{ retriever: bm25, returns: "customer" }] as const;
    const { answer } = rag(g, { question: g.input.field("question"), retrievers });
    expect(() => g.output(answer)).toThrow("caller (output)");
  });
});

describe("a second hop", () => {
  const hops = { spec: { hops: 2 as const } };

  it("looks up what is missing, and keeps what was found", async () => {
    const queries: string[] = [];
    const retriever: RetrieverLike = {
      invoke(query) {
        queries.push(query);
        const id = query === "what is tea" ? "tea" : "moon";
        return Promise.resolve([{ id, pageContent: facts[id] }]);
      },
    };
    const { ask } = setUp({ ...hops, retriever, small: { verdict: "insufficient", again: ["what is tea"] } });
    const { output } = await ask();
    expect(queries).toEqual(["Is there water on the Moon?", "what is tea"]);
    expect(output.passages.map(({ id }) => id)).toEqual(["moon", "tea"]);
  });

  it("is not made when the passages suffice", async () => {
    const { output, ledger } = await setUp(hops).ask();
    expect(Object.keys(ledger.steps)).toEqual(["decompose", "suffices", "answer"]);
    expect(output.answer?.sources).toEqual(["moon"]);
  });

  it("is made when nobody is sure, and there is no third", async () => {
    const unsure: Script = { verdict: "uncertain", again: ["tea"] };
    const { ledger } = await setUp({ ...hops, small: unsure, large: unsure }).ask();
    expect(Object.keys(ledger.steps)).toEqual(["decompose", "suffices", "decompose-again", "answer"]);
  });

  it("is made without judging when the first found nothing", async () => {
    const retriever: RetrieverLike = {
      invoke: (query) => (query === "tea drink" ? bm25.invoke(query) : Promise.resolve([])),
    };
    const { ask } = setUp({
      ...hops,
      retriever,
      small: { again: ["tea drink"] },
      large: { answer: { text: "x", sources: ["tea"] } },
    });
    const { output, ledger } = await ask();
    expect(Object.keys(ledger.steps)).toEqual(["decompose", "decompose-again", "answer"]);
    expect(output.answer?.sources).toEqual(["tea"]);
  });
});

describe("what a retriever may be asked", () => {
  const building =
    (label: Privacy | LabelSpec, spec: Partial<RagSpec>, declared: Privacy | LabelSpec = label) =>
    (): unknown => {
      const g = graph("ask", { input: z.object({ question: z.string() }), label });
      const retrievers = [{ retriever: bm25, returns: "public" as const }];
      const { answer } = rag(g, { question: g.input.field("question"), label: declared, retrievers, ...spec });
      return g.output(answer, { clearance: local });
    };
  const denied = expect.objectContaining({ problems: [expect.objectContaining({ code: "PRIVACY_FLOW_DENIED" })] });

  it("is checked against the graph where the template was told less", () => {
    const g = graph("ask", {
      input: z.object({ question: z.string() }),
      label: { level: "customer", compartments: ["pii"] },
    });
    const { answer } = rag(g, {
      question: g.input.field("question"),
      label: "customer",
      retrievers: [{ retriever: bm25, accepts: "customer", returns: "public" }],
    });
    expect(() => g.output({ answer })).toThrow(/step "retrieve" -> its code \(accepts\)/);
  });

  it("is public where it declares nothing", () => {
    expect(building("public", {})).not.toThrow();
    expect(building("customer", {})).toThrow(denied);
    expect(building({ level: "public", compartments: ["pii"] }, {})).toThrow("cleared for public{}: pii");
  });

  it("holds for each of several retrievers", () => {
    const accepts = { level: "customer", compartments: ["pii"] } as const;
    const returns = "public" as const;
    const retrievers = [
      { retriever: bm25, accepts, returns },
      { retriever: bm25, accepts: "customer" as const, returns },
    ];
    const broken = building(accepts, { retrievers });
    expect(broken).toThrow(denied);
    expect(broken).toThrow("rag.retrievers[1].accepts");
  });

  it("counts what the first hop found among what the second asks", () => {
    const retrievers = [{ retriever: bm25, returns: "regulated" as const }];
    expect(building("public", { retrievers })).not.toThrow();
    expect(building("public", { retrievers, hops: 2 })).toThrow(denied);
    expect(building("public", { retrievers: [{ ...retrievers[0]!, accepts: "regulated" }], hops: 2 })).not.toThrow();
  });

  it.each([
    ["the retriever may not see it", []],
    ["the retriever may", [{ retriever: bm25, accepts: local, returns: "public" as const }]],
  ])(
    "is checked against the graph too: a label whose level is too low does not build, where %s",
    (_who, retrievers) => {
      const understated = building("customer", retrievers.length === 0 ? {} : { retrievers }, "public");
      expect(understated).toThrow('step "decompose" declares privacy public, but sees customer{}');
    },
  );

  it("lists every mistake at once", () => {
    const spec = {
      retrievers: [{ retriever: {}, returns: "publik" }, { retriever: bm25 }],
      hops: 3,
      maxPassages: 0,
      k: 60,
    };
    const error = (() => {
      try {
        building("public", spec as unknown as Partial<RagSpec>)();
      } catch (thrown) {
        return thrown;
      }
      return undefined;
    })();
    expect(error).toBeInstanceOf(DefinitionError);
    expect((error as DefinitionError).problems.map(({ path }) => path)).toEqual([
      "rag.k",
      "rag.retrievers[0].retriever",
      "rag.retrievers[0].returns",
      "rag.retrievers[1].returns",
      "rag.hops",
      "rag.maxPassages",
    ]);
  });

  it("lets two of them live in one graph under names of their own", () => {
    const g = graph("two", { input: z.object({ question: z.string() }) });
    const retrievers = [{ retriever: bm25, returns: "public" }] as const;
    const question = g.input.field("question");
    const refs = ["laws", "cases"].map((name) => rag(g, { question, retrievers, name }).answer);
    expect(g.output({ laws: refs[0]!, cases: refs[1]! }).definition.steps.map(({ name }) => name)).toContain(
      "cases-answer",
    );
  });
});
