import { afterEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createPolicy,
  createRuntime,
  defaultPolicy,
  defaultRules,
  DefinitionError,
  endpoint,
  graph,
  locationClearance,
  TierwiseError,
  volumeRule,
  type ErrorCode,
  type LabelModel,
} from "../src/index.ts";
import { ScriptedModel, type ScriptedReply } from "../src/testing/index.ts";

/** Stands in every input of every run below; it may come out nowhere. */
const canary = "CANARY-4711";

/** What plain JavaScript, or a cast, can hand in: everything here is wrong on purpose. */
const wrong = (value: unknown): never => value as never;

const priced = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 2 };
const scripted = (...replies: readonly ScriptedReply[]) => new ScriptedModel(replies).factory;
const gpt = { class: "llm", location: "cloud", model: scripted(), price: priced } as const;
const phi = { class: "slm", location: "on-prem", model: scripted(), price: priced } as const;
const runtimeOf = (...endpoints: ReturnType<typeof endpoint>[]) =>
  createRuntime({ catalog: createCatalog(endpoints), policy: defaultPolicy() });

const ticketInput = { input: z.object({ ticket: z.string() }) };
const input = { ticket: canary };

/** A graph of one model step, to be broken by its caller. */
function replyGraph(options: object = {}, step: object = {}) {
  const g = graph("support", { ...ticketInput, ...options });
  const spec = {
    needs: { request: g.input },
    complexity: "generation" as const,
    output: z.string(),
    prompt: () => canary,
  };
  return g.output({ reply: g.model("reply", { ...spec, ...step }) });
}

/** A graph whose one step is wrong; `add` writes it. */
function broken(add: (g: ReturnType<typeof draft>) => unknown): unknown {
  const g = draft();
  add(g);
  return g.output({ request: g.input });
}
const draft = () => graph("support", ticketInput);

const otherLabels: LabelModel = {
  kind: "classifier",
  name: "intents",
  version: "1",
  labels: ["billing", "delivery"],
  classify: () => ({ label: "billing", rawProbability: 1, probability: 1 }),
};

interface Row {
  readonly name: string;
  readonly code: ErrorCode;
  /** The whole message, line by line. */
  readonly message: readonly string[];
  readonly attempt: () => unknown;
}

const graphs: readonly Row[] = [
  {
    name: "a graph without options",
    code: "GRAPH_INVALID",
    attempt: () => graph("support", wrong(undefined)).output(wrong({})),
    message: [
      'graph "support": 3 problems',
      "  graph: expected an object of options, found undefined",
      '  graph.input: expected a schema of zod 4 (its full form, "zod", has toJSONSchema; "zod/mini" has not), found undefined',
      "  output: expected a reference or named references, found an object",
    ],
  },
  {
    name: "a graph with a name that no span could carry",
    code: "GRAPH_INVALID",
    attempt: () => graph("my support graph", ticketInput).output(wrong(null)),
    message: [
      'graph "my support graph": 2 problems',
      '  name: expected 1 to 64 of A-Z a-z 0-9 _ . - and a letter first, found "my support graph"',
      "  output: expected a reference or named references, found null",
    ],
  },
  {
    name: "a misspelt option of a graph",
    code: "GRAPH_INVALID",
    attempt: () => replyGraph({ lable: "customer" }),
    message: [
      'graph "support": 1 problem',
      "  graph.lable: unknown option; known are input, version, label, fields, privacy, defaults",
    ],
  },
  {
    name: "a misspelt privacy level",
    code: "GRAPH_INVALID",
    attempt: () => replyGraph({ label: "custmer" }),
    message: [
      'graph "support": 1 problem',
      '  graph.label: expected a privacy level (public, internal, customer, regulated, classified), found "custmer"',
    ],
  },
  {
    name: "a misspelt member of a label, which would be data without compartments",
    code: "GRAPH_INVALID",
    attempt: () => replyGraph({ label: { level: "customer", compartment: ["pii"] } }),
    message: [
      'graph "support": 1 problem',
      '  graph.label: unknown member "compartment"; known are level, compartments, integrity',
    ],
  },
  {
    name: "a compartment that does not exist, and a field that does not either",
    code: "GRAPH_INVALID",
    attempt: () => replyGraph({ label: { level: "customer", compartments: ["ssn"] }, fields: { tickt: {} } }),
    message: [
      'graph "support": 2 problems',
      '  graph.label: expected compartments "pii", "phi", "pci", "secret", "tenant:<id>" or "region:<id>", found "ssn"',
      "  graph.fields.tickt: the input has no field of that name",
    ],
  },
  {
    name: "a misspelt complexity tier, a misspelt option and a missing prompt, all in one error",
    code: "GRAPH_INVALID",
    attempt: () => replyGraph({}, { complexity: "generaton", prompt: undefined, promt: () => "" }),
    message: [
      'graph "support": 3 problems',
      "  steps.reply.promt: unknown option; known are needs, when, privacy, timeoutMs, onError, maxOutputTokens, system, budget, latency, maxLatencyMs, volume, domain, requires, minQuality, escalation, acceptAt, workload, complexity, output, prompt, validate, memo, stream",
      '  steps.reply.complexity: expected one of "classification", "generation", "reasoning", "planning", "agentic", found "generaton"',
      "  steps.reply.prompt: expected a function, found undefined",
    ],
  },
  {
    name: "limits outside their ranges",
    code: "GRAPH_INVALID",
    attempt: () => replyGraph({}, { timeoutMs: 0, maxOutputTokens: 1.5, system: "" }),
    message: [
      'graph "support": 3 problems',
      "  steps.reply.timeoutMs: expected a whole number from 1 to 86400000, found 0",
      "  steps.reply.maxOutputTokens: expected a whole number from 1 to 1000000, found 1.5",
      '  steps.reply.system: expected a text that is not empty, found ""',
    ],
  },
  {
    name: "an output schema that no model can answer in JSON",
    code: "GRAPH_INVALID",
    attempt: () => replyGraph({}, { output: z.object({ at: z.date() }) }),
    message: [
      'graph "support": 1 problem',
      "  steps.reply.output: cannot be written as JSON Schema; a model's answer needs plain JSON types (no dates, maps, transforms or bigints)",
    ],
  },
  {
    name: "a code step with a misspelt privacy and without code",
    code: "GRAPH_INVALID",
    attempt: () => broken((g) => g.code("order", wrong({ needs: {}, privacy: "customr" }))),
    message: [
      'graph "support": 2 problems',
      '  steps.order.privacy: expected one of "public", "internal", "customer", "regulated", "classified", found "customr"',
      "  steps.order.run: expected a function, found undefined",
    ],
  },
  {
    name: "two steps of one name, the second with a need that is no reference",
    code: "GRAPH_INVALID",
    attempt: () =>
      broken((g) => {
        g.code("order", { needs: {}, run: () => 1 });
        g.code("order", { needs: { id: wrong("order") }, run: () => 1 });
      }),
    message: [
      'graph "support": 2 problems',
      '  steps.order: there are two steps called "order"; names must differ',
      '  steps.order.needs.id: expected a reference (what a step method returned, or g.input), found "order"',
    ],
  },
  {
    name: "a reference of another graph",
    code: "GRAPH_INVALID",
    attempt: () => broken((g) => g.code("order", { needs: { id: draft().input }, run: () => 1 })),
    message: [
      'graph "support": 1 problem',
      "  steps.order.needs.id: the reference belongs to another graph; use that graph as a step, or define the step here",
    ],
  },
  {
    name: "a field that the input does not have",
    code: "GRAPH_INVALID",
    attempt: () => broken((g) => g.code("order", { needs: { id: g.input.field(wrong("id")) }, run: () => 1 })),
    message: ['graph "support": 1 problem', '  input: there is no field "id"'],
  },
  {
    name: "a closed set that is not one",
    code: "GRAPH_INVALID",
    attempt: () =>
      broken((g) => {
        g.classify("one", { needs: {}, labels: ["a"], text: () => "" });
        g.classify("two", { needs: {}, labels: ["uncertain", "b", "b"], text: () => "", endorse: wrong("yes") });
      }),
    message: [
      'graph "support": 4 problems',
      "  steps.one.labels: expected at least two texts that are not empty, found an array",
      "  steps.two.labels: the same label stands here twice",
      '  steps.two.labels: "uncertain" is the answer of a model that cannot tell; choose another word',
      '  steps.two.endorse: expected { reason: "…" } with a reason that is not empty, found "yes"',
    ],
  },
  {
    name: "tools that are none, or bound to arguments they do not have",
    code: "GRAPH_INVALID",
    attempt: () =>
      broken((g) => {
        const schema = z.object({ orderId: z.string() });
        const tool = { name: "refund", schema, invoke: () => "" };
        g.agent("act", {
          needs: {},
          output: z.string(),
          prompt: () => "",
          tools: [
            { tool, effect: wrong("delete"), pin: { order: () => "" }, max: { orderId: () => 1 } },
            { tool: { ...tool, schema: z.string() } },
            wrong("search"),
          ],
        });
      }),
    message: [
      'graph "support": 5 problems',
      "  steps.act.tools[0].pin.order: the tool has no argument of that name; it has orderId",
      "  steps.act.tools[0].max.orderId: only a number can have an upper bound; pin it instead",
      '  steps.act.tools[0].effect: expected one of "read", "write", "irreversible", found "delete"',
      "  steps.act.tools[1].tool.schema: expected the schema of an object: a tool's arguments have names",
      '  steps.act.tools[2].tool: expected a tool with name, schema and invoke (LangChain\'s tool() makes one), found "search"',
    ],
  },
  {
    name: "a redaction that does not say what it does",
    code: "GRAPH_INVALID",
    attempt: () => broken((g) => g.redact("summary", wrong({ from: g.input, output: z.boolean(), to: "public" }))),
    message: [
      'graph "support": 3 problems',
      "  steps.summary.map: expected a function, found undefined",
      "  steps.summary.removes: expected an array of compartments, found undefined",
      "  steps.summary.reason: expected a text that is not empty, found undefined",
    ],
  },
  {
    name: "a redaction of nothing",
    code: "GRAPH_INVALID",
    attempt: () => broken((g) => g.redact("summary", wrong(undefined))),
    message: [
      'graph "support": 7 problems',
      "  steps.summary.needs.from: expected a reference (what a step method returned, or g.input), found undefined",
      "  steps.summary: expected an object of options, found undefined",
      '  steps.summary.output: expected a schema of zod 4 (its full form, "zod", has toJSONSchema; "zod/mini" has not), found undefined',
      "  steps.summary.map: expected a function, found undefined",
      "  steps.summary.removes: expected an array of compartments, found undefined",
      '  steps.summary.to: expected one of "public", "internal", "customer", "regulated", "classified", found undefined',
      "  steps.summary.reason: expected a text that is not empty, found undefined",
    ],
  },
  {
    name: "alternatives that are none, and a fallback for what is no reference",
    code: "GRAPH_INVALID",
    attempt: () =>
      broken((g) => {
        g.firstOf("any", wrong([]));
        g.orElse(wrong("order"), 1);
      }),
    message: [
      'graph "support": 2 problems',
      "  steps.any: expected a list of references, found an array",
      '  required/orElse: expected a reference that this graph made, found "order"',
    ],
  },
  {
    name: "a misspelt clearance of the caller, which would be a wider one",
    code: "GRAPH_INVALID",
    attempt: () => {
      const g = draft();
      return g.output({ request: g.input }, wrong({ clearence: "public" }));
    },
    message: ['graph "support": 1 problem', "  output.clearence: unknown option; known are clearance"],
  },
  {
    name: "a step after the output",
    code: "GRAPH_INVALID",
    attempt: () => {
      const g = draft();
      g.output({ request: g.input });
      return g.code("late", { needs: {}, run: () => 1 });
    },
    message: ['graph "support": step "late" was added after g.output(); add it before'],
  },
  {
    name: "an output after the output",
    code: "GRAPH_INVALID",
    attempt: () => {
      const g = draft();
      g.output({ request: g.input });
      return g.output({ request: g.input });
    },
    message: ['graph "support": g.output() was called twice'],
  },
];

const catalogs: readonly Row[] = [
  {
    name: "an endpoint of which everything is wrong, all in one error",
    code: "CATALOG_INVALID",
    attempt: () =>
      endpoint("4o", {
        class: wrong("SLM"),
        location: wrong("moon"),
        clearance: wrong({ level: "secret" }),
        model: wrong("gpt-4o"),
        price: wrong("cheap"),
        capabilities: wrong({ tools: "yes", json: true }),
        latency: wrong({ p95: 100 }),
        reasoningTokens: -1,
        ...{ clearence: "customer" },
      }),
    message: [
      'endpoint "4o": 11 problems',
      "  endpoint.clearence: unknown option; known are class, location, clearance, model, price, capabilities, limits, latency, reasoningTokens, domains, quality, certified, speculativeDecoding, anonymiser, dataAgreement, attestation, provider, standIn",
      '  name: expected 1 to 64 of A-Z a-z 0-9 _ . - and a letter first, found "4o"',
      '  endpoint.model: expected a LangChain chat model, a factory of one, or a trained classifier, found "gpt-4o"',
      '  endpoint.price: expected { inputPerMillionTokensUsd, outputPerMillionTokensUsd }, "list" or { list: { provider: "…", model: "…" } }, found "cheap"; leave it out if it is unknown',
      '  endpoint.class: expected one of "slm", "llm", found "SLM"',
      '  endpoint.location: expected one of "in-process", "edge", "on-prem", "cloud", found "moon"',
      '  endpoint.clearance: expected a privacy level (public, internal, customer, regulated, classified), found "secret"',
      "  endpoint.capabilities.json: unknown option; known are tools, jsonSchema, logprobs, toolsWithLogprobs, contextTokens, languages",
      '  endpoint.capabilities.tools: expected true or false, found "yes"',
      "  endpoint.latency.p95Ms: expected milliseconds above 0, found undefined",
      "  endpoint.reasoningTokens: expected a whole number from 0 to 1000000, found -1",
    ],
  },
  {
    name: "an endpoint that is only a name",
    code: "CATALOG_INVALID",
    attempt: () => endpoint("gpt", wrong(undefined)),
    message: [
      'endpoint "gpt": 4 problems',
      "  endpoint: expected an object of options, found undefined",
      "  endpoint.model: expected a LangChain chat model, a factory of one, or a trained classifier, found undefined",
      '  endpoint.class: expected one of "slm", "llm", found undefined',
      '  endpoint.location: expected one of "in-process", "edge", "on-prem", "cloud", found undefined',
    ],
  },
  {
    name: "a price that has more decimals than a pico-dollar a token",
    code: "CATALOG_INVALID",
    attempt: () => endpoint("gpt", { ...gpt, price: { ...priced, inputPerMillionTokensUsd: 1.1234567 } }),
    message: [
      'endpoint "gpt": 1 problem',
      "  endpoint.price.inputPerMillionTokensUsd: expected at most 6 decimals, found 1.1234567; round it up, so that no budget counts too little",
    ],
  },
  {
    name: "an empty catalog",
    code: "CATALOG_INVALID",
    attempt: () => createCatalog([]),
    message: ["catalog: 1 problem", "  endpoints: expected at least one endpoint(...), found an array"],
  },
  {
    name: "two endpoints of one name, and something that is no endpoint",
    code: "CATALOG_INVALID",
    attempt: () => createCatalog([endpoint("gpt", gpt), endpoint("gpt", phi), wrong({ name: "phi" })]),
    message: [
      "catalog: 2 problems",
      '  endpoints[1]: there are two endpoints called "gpt"; names must differ',
      "  endpoints[2]: expected what endpoint(...) returns, found an object",
    ],
  },
  {
    name: "a client that retries by itself and cannot be rebuilt",
    code: "CATALOG_INVALID",
    attempt: () =>
      runtimeOf(endpoint("gpt", { ...gpt, model: { invoke: wrong(() => 1), ...{ caller: { maxRetries: 6 } } } })),
    message: [
      'endpoint "gpt": 1 problem',
      "  model: its client retries 6 times by itself, so one attempt could be 7 requests; build it with maxRetries: 0",
    ],
  },
];

const runtimes: readonly Row[] = [
  {
    name: "a threshold that is no probability",
    code: "RUNTIME_INVALID",
    attempt: () => defaultPolicy({ acceptAt: 85 }),
    message: ["policy: 1 problem", "  policy.acceptAt: expected a number from 0 to 1, found 85"],
  },
  {
    name: "a threshold that is a text, and a misspelt one",
    code: "RUNTIME_INVALID",
    attempt: () => defaultPolicy(wrong({ acceptAt: "0.9", acceptat: 0.9 })),
    message: [
      "policy: 2 problems",
      "  policy.acceptat: unknown option; known are acceptAt, routeAt, reviewRatio",
      '  policy.acceptAt: expected a number from 0 to 1, found "0.9"',
    ],
  },
  {
    name: "a runtime of which everything is wrong, all in one error",
    code: "RUNTIME_INVALID",
    attempt: () =>
      createRuntime(
        wrong({
          catalogue: [],
          telemetry: { content: "on", redact: true, modelSpans: "both", costAliases: 1 },
          requireLabels: "yes",
          feedback: 0,
          onHuman: { ask: "me" },
        }),
      ),
    message: [
      "createRuntime: 10 problems",
      "  runtime.catalogue: unknown option; known are catalog, policy, telemetry, onHuman, budgets, requireLabels, feedback, retry, macKey, clock, random, engine, graphs",
      "  runtime.catalog: expected what createCatalog(...) returns, found undefined",
      "  runtime.policy: expected a policy such as defaultPolicy(), or a registry, found undefined",
      "  runtime.telemetry.redact: unknown option; known are tracerProvider, meterProvider, content, clearance, modelSpans, costAliases",
      '  runtime.telemetry.clearance: content: "on" needs the highest label that your traces may hold, found undefined',
      '  runtime.telemetry.modelSpans: expected one of "tierwise", "provider", found "both"',
      "  runtime.telemetry.costAliases: expected true or false, found 1",
      '  runtime.requireLabels: expected true or false, found "yes"',
      "  runtime.feedback: expected true or false, found 0",
      '  runtime.onHuman.ask: expected a function, found "me"',
    ],
  },
  {
    name: "LANGSMITH_TRACING=true",
    code: "RUNTIME_INVALID",
    attempt: () => {
      vi.stubEnv("LANGSMITH_TRACING", "true");
      return runtimeOf(endpoint("gpt", gpt));
    },
    message: [
      "createRuntime: 1 problem",
      "  environment.LANGSMITH_TRACING: is on: LangChain posts every prompt to a tracing server, past every clearance. Unset it for this process.",
    ],
  },
  {
    name: "OPENAI_LOG=debug and LANGCHAIN_VERBOSE=true",
    code: "RUNTIME_INVALID",
    attempt: () => {
      vi.stubEnv("OPENAI_LOG", "debug");
      vi.stubEnv("LANGCHAIN_VERBOSE", "true");
      return runtimeOf(endpoint("gpt", gpt));
    },
    message: [
      "createRuntime: 2 problems",
      "  environment.LANGCHAIN_VERBOSE: is on: LangChain prints every prompt, past every clearance. Unset it for this process.",
      "  environment.OPENAI_LOG: is on: the OpenAI client prints requests, past every clearance. Unset it for this process.",
    ],
  },
];

const plans: readonly Row[] = [
  {
    name: "the first endpoint of a newcomer, without a clearance",
    code: "NO_ELIGIBLE_ENDPOINT",
    attempt: () =>
      runtimeOf(endpoint("gpt", gpt)).run(replyGraph({ label: { level: "customer", compartments: ["pii"] } }), input),
    message: [
      'step "reply" -> "gpt": the data is customer{pii}; "gpt" declares no clearance (public). If it may see this data: endpoint("gpt", { clearance: { level: "customer", compartments: ["pii"] } }); otherwise add an endpoint that may.',
    ],
  },
  {
    name: "an endpoint with too low a clearance",
    code: "NO_ELIGIBLE_ENDPOINT",
    attempt: () =>
      runtimeOf(endpoint("gpt", { ...gpt, clearance: "internal" })).run(replyGraph({ label: "customer" }), input),
    message: [
      'step "reply" -> "gpt": the data is customer{}; "gpt" is cleared for internal{}. If it may see this data: endpoint("gpt", { clearance: "customer" }); otherwise add an endpoint that may.',
    ],
  },
  {
    name: "several endpoints, none of which is cleared",
    code: "NO_ELIGIBLE_ENDPOINT",
    attempt: () =>
      runtimeOf(endpoint("gpt", gpt), endpoint("phi", { ...phi, clearance: "customer" })).run(
        replyGraph({ label: { level: "customer", compartments: ["pii"] } }),
        input,
      ),
    message: [
      'step "reply": no eligible endpoint for customer{pii}; 2 refused',
      "  gpt: clearance: declares no clearance (public); the data is customer{pii}: level +2, pii",
      "  phi: clearance: is cleared for customer{}; the data is customer{pii}: pii",
      'Fix: add an endpoint with clearance { level: "customer", compartments: ["pii"] }, or g.redact what the step reads.',
    ],
  },
  {
    name: "two steps without an endpoint, both in one error",
    code: "NO_ELIGIBLE_ENDPOINT",
    attempt: () => {
      const g = graph("support", { ...ticketInput, label: "customer" });
      const spec = {
        needs: { request: g.input },
        complexity: "generation",
        output: z.string(),
        prompt: () => "",
      } as const;
      const refs = { one: g.model("one", spec), two: g.model("two", spec) };
      return runtimeOf(endpoint("gpt", { ...gpt, clearance: "internal" })).run(g.output(refs), input);
    },
    message: [
      'graph "support" with this catalog: 2 problems',
      '  steps.one: step "one" -> "gpt": the data is customer{}; "gpt" is cleared for internal{}. If it may see this data: endpoint("gpt", { clearance: "customer" }); otherwise add an endpoint that may.',
      '  steps.two: step "two" -> "gpt": the data is customer{}; "gpt" is cleared for internal{}. If it may see this data: endpoint("gpt", { clearance: "customer" }); otherwise add an endpoint that may.',
    ],
  },
  {
    name: "an unpriced endpoint under a money budget",
    code: "NO_ELIGIBLE_ENDPOINT",
    attempt: () => {
      const unpriced = { class: gpt.class, location: gpt.location, model: gpt.model };
      return runtimeOf(endpoint("gpt", unpriced)).run(replyGraph(), input, { budget: { costUsd: 0.01 } });
    },
    message: [
      'step "reply": no eligible endpoint for public{}; 1 refused',
      "  gpt: money: has no price, and a money budget is set",
      "Fix: declare prices, or drop the money budget.",
    ],
  },
  {
    name: "a classifier that was trained on other labels",
    code: "NO_ELIGIBLE_ENDPOINT",
    attempt: () => {
      const g = draft();
      const triage = g.classify("triage", {
        needs: { request: g.input },
        labels: ["refund", "bug"],
        text: () => canary,
      });
      const intents = endpoint("intents", { class: "slm", location: "in-process", model: otherLabels });
      return runtimeOf(intents).run(g.output({ triage }), input);
    },
    message: [
      'step "triage": no eligible endpoint for public{}; 1 refused',
      "  intents: capability: was trained on other labels than the step's",
      "Fix: add an endpoint that can do the work and may see the data, or loosen the rule above that was meant otherwise.",
    ],
  },
  {
    name: "a reasoning step with small models only",
    code: "HUMAN_REQUIRED",
    attempt: () => runtimeOf(endpoint("phi", phi)).run(replyGraph({}, { complexity: "reasoning" }), input),
    message: [
      'step "reply": no eligible endpoint for public{}; 1 refused',
      "  phi: tier-ladder: reasoning needs a large model: no certified gate for a small one",
      "Fix: add a large model that may see the data, or wire a person who may with createRuntime({ onHuman }).",
    ],
  },
  {
    name: "an unlabelled graph where labels are required",
    code: "PRIVACY_LABEL_MISSING",
    attempt: () => {
      const options = { catalog: createCatalog([endpoint("gpt", gpt)]), policy: defaultPolicy(), requireLabels: true };
      return createRuntime(options).run(replyGraph(), input);
    },
    message: [
      'graph "support" declares no label, and this runtime requires one (requireLabels); write graph("support", { label: ... })',
    ],
  },
  {
    name: "a builder in place of a graph",
    code: "RUNTIME_INVALID",
    attempt: () => runtimeOf(endpoint("gpt", gpt)).run(wrong(draft()), wrong(input)),
    message: ["expected a graph (what g.output(...) returns), found an object"],
  },
];

const runOptions: readonly Row[] = [
  {
    name: "a deadline that is no number of milliseconds, and a budget below nothing",
    code: "RUNTIME_INVALID",
    attempt: () =>
      runtimeOf(endpoint("gpt", gpt)).run(replyGraph(), input, wrong({ budget: { durationMs: "8000", costUsd: -1 } })),
    message: [
      "run options: 2 problems",
      "  run.budget.costUsd: expected a number from 1e-12 to 1000000, found -1",
      '  run.budget.durationMs: expected a number from 1 to 1728000000, found "8000"',
    ],
  },
  {
    name: "a deadline of nothing",
    code: "RUNTIME_INVALID",
    attempt: () => runtimeOf(endpoint("gpt", gpt)).start(replyGraph(), input, { budget: { durationMs: 0 } }),
    message: ["run options: 1 problem", "  run.budget.durationMs: expected a number from 1 to 1728000000, found 0"],
  },
  {
    name: "a misspelt cap, which would be none",
    code: "RUNTIME_INVALID",
    attempt: () =>
      runtimeOf(endpoint("gpt", gpt)).run(replyGraph(), input, wrong({ budget: { costUSD: 1 }, budgets: {} })),
    message: [
      "run options: 2 problems",
      "  run.budgets: unknown option; known are budget, signal, runId, tags, conversationId",
      "  run.budget.costUSD: unknown option; known are costUsd, tokens, calls, durationMs",
    ],
  },
  {
    name: "a controller in place of its signal, and a run id that is a sentence",
    code: "RUNTIME_INVALID",
    attempt: () =>
      runtimeOf(endpoint("gpt", gpt)).run(replyGraph(), input, {
        signal: wrong(new AbortController()),
        runId: "the first run",
      }),
    message: [
      "run options: 2 problems",
      "  run.signal: expected an AbortSignal, found an object",
      '  run.runId: expected 1 to 128 letters, digits and _ . : -, found "the first run"',
    ],
  },
];

/** Runs a graph over `schema` with an input that does not fit it. */
const refused = (schema: z.ZodType, value: unknown): unknown => {
  const g = graph("support", { input: schema });
  return runtimeOf(endpoint("gpt", gpt)).run(g.output({ all: g.input }), value);
};

const inputs: readonly Row[] = [
  {
    name: "an input of the wrong types",
    code: "INPUT_INVALID",
    attempt: () =>
      refused(z.object({ ticket: z.number(), at: z.object({ day: z.int() }) }), { ticket: canary, at: canary }),
    message: ['graph "support": the input does not fit its schema: "ticket" is not number; "at" is not object'],
  },
  {
    name: "an input outside its bounds, formats and choices",
    code: "INPUT_INVALID",
    attempt: () =>
      refused(z.object({ a: z.string().max(3), b: z.email(), c: z.enum(["x", "y"]), d: z.array(z.int().min(5)) }), {
        a: canary,
        b: canary,
        c: canary,
        d: [7, 1],
      }),
    message: [
      'graph "support": the input does not fit its schema: "a" is above the greatest string of 3; "b" is not in the format email; "c" is not one of the 2 allowed values; "d.1" is below the least number of 5',
    ],
  },
  {
    name: "an input whose record keys are data",
    code: "INPUT_INVALID",
    attempt: () => refused(z.object({ by: z.record(z.string(), z.number()) }), { by: { [canary]: canary } }),
    message: ['graph "support": the input does not fit its schema: "by.*" is not number'],
  },
  {
    name: "an input whose map keys are numbers that are data",
    code: "INPUT_INVALID",
    attempt: () => refused(z.object({ by: z.map(z.number(), z.number()) }), { by: new Map([[4711, canary]]) }),
    message: ['graph "support": the input does not fit its schema: "by.*" is not number'],
  },
  {
    name: "an input with members that nobody declared",
    code: "INPUT_INVALID",
    attempt: () => refused(z.strictObject({ ticket: z.string() }), { ticket: canary, [canary]: 1 }),
    message: ['graph "support": the input does not fit its schema: the value has an unknown member'],
  },
  {
    name: "an input that fails the author's own checks, which quote it",
    code: "INPUT_INVALID",
    attempt: () => refused(z.object({ a: z.string().refine(() => false, { error: `bad: ${canary}` }) }), { a: canary }),
    message: ['graph "support": the input does not fit its schema: "a" fails a check of the schema'],
  },
  {
    name: "an input whose check throws it",
    code: "INPUT_INVALID",
    attempt: () =>
      refused(
        z.string().refine((text) => {
          throw new Error(text);
        }),
        canary,
      ),
    message: [
      'graph "support": the input does not fit its schema: the schema threw; asynchronous checks are not supported here',
    ],
  },
  {
    name: "an input that matches none of several shapes",
    code: "INPUT_INVALID",
    attempt: () => refused(z.union([z.object({ a: z.int() }), z.object({ b: z.int() })]), { a: canary }),
    message: ['graph "support": the input does not fit its schema: the value matches none of the allowed shapes'],
  },
];

/** A run that fails while it holds the canary: in the prompt, in the answer, in what code throws. */
const failing = (step: object, ...replies: readonly ScriptedReply[]): unknown =>
  runtimeOf(endpoint("gpt", { ...gpt, model: scripted(...replies) })).run(replyGraph({}, step), input);

const failures: readonly Row[] = [
  {
    name: "a prompt that throws the input",
    code: "STEP_FAILED",
    attempt: () =>
      failing({
        prompt: ({ request }: { request: typeof input }) => {
          throw new RangeError(`cannot use ${request.ticket}`);
        },
      }),
    message: ['step "reply": prompt threw RangeError; see cause'],
  },
  {
    name: "a code step that throws the input, not as an Error",
    code: "STEP_FAILED",
    attempt: () => {
      const g = draft();
      const order = g.code("order", {
        needs: { request: g.input },
        run: ({ request }) => Promise.reject(request.ticket as unknown as Error),
      });
      return runtimeOf(endpoint("gpt", gpt)).run(g.output({ order }), input);
    },
    message: ['step "order": run threw a string that is no Error; see cause'],
  },
  {
    name: "an answer that does not fit and quotes the prompt",
    code: "OUTPUT_INVALID",
    attempt: () => failing({ output: z.object({ total: z.number() }) }, { text: `{ "total": "${canary}" }` }),
    message: [
      'step "reply": no endpoint of the ladder gave an acceptable answer; the last one (gpt) was refused for schema_invalid: "total" is not number',
    ],
  },
  {
    name: "a provider that quotes the prompt in its error",
    code: "PROVIDER_ERROR",
    attempt: () => failing({}, { error: Object.assign(new Error(`400 bad prompt: ${canary}`), { status: 400 }) }),
    message: ['step "reply": endpoint "gpt": HTTP 400'],
  },
];

/** A policy whose rules are the default ones and these. */
const policyOf = (...rules: readonly unknown[]) =>
  createPolicy({ name: "own", version: "1", rules: [...defaultRules, ...rules.map(wrong)] });
/** A rule that does nothing but leave what it says. */
const leaves = (name: string, only: unknown) => ({ name, version: "1", only, apply: () => ({}) });
const first = defaultRules.length;

/** One step that carries what no endpoint is cleared for, once for each name. */
const stepsNamed = (...names: readonly string[]) => {
  const g = graph("support", { ...ticketInput, label: { level: "customer", compartments: ["pii"] } });
  const spec = { needs: { request: g.input }, complexity: "generation", output: z.string(), prompt: () => "" } as const;
  return g.output(Object.fromEntries(names.map((name) => [name, g.model(name, spec)])));
};

const policies: readonly Row[] = [
  {
    name: "rules that leave no place together",
    code: "RUNTIME_INVALID",
    attempt: () =>
      policyOf(leaves("inside", { locations: ["on-prem", "edge"] }), leaves("hosted", { locations: ["cloud"] })),
    message: [
      "policy: 1 problem",
      '  policy.rules: contradict each other: "inside" leaves only on-prem, edge, "hosted" leaves only cloud; together no endpoint is left. Drop one of them.',
    ],
  },
  {
    name: "rules that leave no class together, beside one that leaves both",
    code: "RUNTIME_INVALID",
    attempt: () =>
      policyOf(
        leaves("small", { classes: ["slm"], locations: ["cloud"] }),
        leaves("either", { classes: ["llm", "slm"] }),
        leaves("large", { classes: ["llm"], locations: ["cloud"] }),
      ),
    message: [
      "policy: 1 problem",
      '  policy.rules: contradict each other: "small" leaves only slm, "either" leaves only llm, slm, "large" leaves only llm; together no endpoint is left. Drop one of them.',
    ],
  },
  {
    name: "bounds of rules that are none",
    code: "RUNTIME_INVALID",
    attempt: () =>
      policyOf(
        leaves("a", { classes: ["slm", "mlm"] }),
        leaves("b", { location: ["cloud"] }),
        leaves("c", { locations: "cloud" }),
        leaves("d", { locations: [] }),
        leaves("e", "slm"),
      ),
    message: [
      "policy: 5 problems",
      `  policy.rules[${first}].only.classes: expected some of slm, llm, found "mlm"`,
      `  policy.rules[${first + 1}].only.location: unknown option; known are classes, locations`,
      `  policy.rules[${first + 2}].only.locations: expected an array of texts that are not empty, found "cloud"`,
      `  policy.rules[${first + 3}].only.locations: expected some of in-process, edge, on-prem, cloud, found none; leave it out`,
      `  policy.rules[${first + 4}].only: expected an object of options, found "slm"`,
    ],
  },
  {
    name: "a rule called like a gate, and one that is there already",
    code: "RUNTIME_INVALID",
    attempt: () => policyOf(leaves("clearance", {}), leaves("latency", {})),
    message: [
      "policy: 2 problems",
      `  policy.rules[${first}].name: "clearance" is taken by a gate or another rule; names must differ`,
      `  policy.rules[${first + 1}].name: "latency" is taken by a gate or another rule; names must differ`,
    ],
  },
  {
    name: "settings of a policy that are no shares",
    code: "RUNTIME_INVALID",
    attempt: () => defaultPolicy(wrong({ acceptAt: NaN, routeAt: "0.8", reviewRatio: 5 })),
    message: [
      "policy: 3 problems",
      "  policy.acceptAt: expected a number from 0 to 1, found NaN",
      '  policy.routeAt: expected a number from 0 to 1, found "0.8"',
      "  policy.reviewRatio: expected a number from 0 to 1, found 5",
    ],
  },
  {
    name: "volume bands that are none",
    code: "RUNTIME_INVALID",
    attempt: () => volumeRule(wrong({ hybridFrom: -1, ownSlmFrom: "30M", ownFrom: 1 })),
    message: [
      "volumeRule: 4 problems",
      "  bands.ownFrom: unknown option; known are hybridFrom, ownSlmFrom, ownLlmFrom",
      "  bands.hybridFrom: expected tokens a month, 0 or more, found -1",
      '  bands.ownSlmFrom: expected tokens a month, 0 or more, found "30M"',
      "  bands.ownLlmFrom: expected tokens a month, 0 or more, found undefined",
    ],
  },
  {
    name: "a reasoning step with small models only, and a person who may not see its data",
    code: "HUMAN_REQUIRED",
    attempt: () =>
      createRuntime({
        catalog: createCatalog([endpoint("phi", { ...phi, clearance: "customer" })]),
        policy: defaultPolicy(),
        onHuman: { ask: () => Promise.resolve(canary), clearance: "internal" },
      }).run(replyGraph({ label: "customer" }, { complexity: "reasoning" }), input),
    message: [
      'step "reply": no eligible endpoint for customer{}; 1 refused',
      "  phi: tier-ladder: reasoning needs a large model: no certified gate for a small one",
      "Fix: add a large model that may see the data, or wire a person who may with createRuntime({ onHuman }).",
    ],
  },
  {
    name: "a policy for large models only, and a small one",
    code: "NO_ELIGIBLE_ENDPOINT",
    attempt: () =>
      createRuntime({
        catalog: createCatalog([endpoint("phi", phi)]),
        policy: policyOf(leaves("large-only", { classes: ["llm"] })),
      }).run(replyGraph(), input),
    message: [
      'step "reply": no eligible endpoint for public{}; 1 refused',
      "  phi: large-only: is a slm; only llm may be asked",
      "Fix: add an endpoint that can do the work and may see the data, or loosen the rule above that was meant otherwise.",
    ],
  },
  {
    name: "several steps and no clearance anywhere, in one sentence",
    code: "NO_ELIGIBLE_ENDPOINT",
    attempt: () =>
      runtimeOf(endpoint("gpt", gpt), endpoint("phi", phi)).run(stepsNamed("a", "b", "c", "d", "e", "f"), input),
    message: [
      'graph "support": no endpoint of the catalog declares a clearance, so all may see public data only; 6 steps carry up to customer{pii} ("a", "b", "c", "d", "e", …). Write endpoint("gpt", { clearance: { level: "customer", compartments: ["pii"] } }) for those that may see it.',
    ],
  },
  {
    name: "demands of which everything is wrong, all in one error",
    code: "GRAPH_INVALID",
    attempt: () =>
      replyGraph(
        {},
        {
          ...{ latency: "fast", maxLatencyMs: 300, volume: { requestsPerDay: 1, tokensPerMonth: 1 } },
          domain: { name: "legal", specificity: "hihg" },
          requires: { tool: true, languages: ["de", 7], contextTokens: 0 },
          ...{ minQuality: 1.2, escalation: "maybe", acceptAt: -1 },
          workload: { inputTokens: { low: 5, high: 1 }, outputTokens: -1, turns: 0, escalationRatio: 2, tokens: 1 },
        },
      ),
    message: [
      'graph "support": 14 problems',
      "  steps.reply.workload.tokens: unknown option; known are inputTokens, outputTokens, turns, escalationRatio",
      "  steps.reply.workload.inputTokens: expected a number from 0 to 1000000000, or { low, high } of two such, the lower one first, found { low: 5, high: 1 }",
      "  steps.reply.workload.outputTokens: expected a number from 0 to 1000000000, or { low, high } of two such, the lower one first, found -1",
      "  steps.reply.workload.turns: expected a number from 1 to 100, or { low, high } of two such, the lower one first, found 0",
      "  steps.reply.workload.escalationRatio: expected a number from 0 to 1, found 2",
      "  steps.reply.latency: give either latency or maxLatencyMs: a class is a bound of its own",
      "  steps.reply.volume: expected { requestsPerDay } or { tokensPerMonth }, one of them, found an object",
      '  steps.reply.domain.specificity: expected one of "general", "specific", "high", "multi", found "hihg"',
      "  steps.reply.requires.tool: unknown option; known are tools, jsonSchema, logprobs, contextTokens, languages",
      "  steps.reply.requires.contextTokens: expected a whole number from 1 to 1000000000, found 0",
      "  steps.reply.requires.languages: expected an array of texts that are not empty, found an array with 7",
      "  steps.reply.minQuality: expected a number from 0 to 1, found 1.2",
      '  steps.reply.escalation: expected one of "never", "allowed", "human", found "maybe"',
      "  steps.reply.acceptAt: expected a number from 0 to 1, found -1",
    ],
  },
  {
    name: "demands that are nothing of their kind",
    code: "GRAPH_INVALID",
    attempt: () =>
      replyGraph({}, { latency: "slow", volume: 5e6, domain: "my field", requires: "tools", workload: { low: 1 } }),
    message: [
      'graph "support": 7 problems',
      "  steps.reply.workload.low: unknown option; known are inputTokens, outputTokens, turns, escalationRatio",
      "  steps.reply.workload.inputTokens: expected a number from 0 to 1000000000, or { low, high } of two such, the lower one first, found undefined",
      "  steps.reply.workload.outputTokens: expected a number from 0 to 1000000000, or { low, high } of two such, the lower one first, found undefined",
      '  steps.reply.latency: expected one of "real-time", "fast", "interactive", "batch", found "slow"',
      "  steps.reply.volume: expected { requestsPerDay } or { tokensPerMonth }, one of them, found 5000000",
      '  steps.reply.domain.name: expected 1 to 64 of A-Z a-z 0-9 _ . - and a letter first, found "my field"',
      '  steps.reply.requires: expected an object of options, found "tools"',
    ],
  },
  {
    name: "a volume below nothing",
    code: "GRAPH_INVALID",
    attempt: () => replyGraph({}, { volume: { requestsPerDay: -1 } }),
    message: [
      'graph "support": 1 problem',
      "  steps.reply.volume.requestsPerDay: expected a number from 0 to 1e15, found -1",
    ],
  },
  {
    name: "a volume that is no number, and a bound of nothing",
    code: "GRAPH_INVALID",
    attempt: () => replyGraph({}, { volume: { tokensPerMonth: NaN }, maxLatencyMs: 0 }),
    message: [
      'graph "support": 2 problems',
      "  steps.reply.maxLatencyMs: expected a whole number from 1 to 86400000, found 0",
      "  steps.reply.volume.tokensPerMonth: expected a number from 0 to 1e15, found NaN",
    ],
  },
  {
    name: "misspelt defaults of a graph, told once and not for every step",
    code: "GRAPH_INVALID",
    attempt: () => replyGraph({ defaults: { latencyMs: 500, complexity: "generation", escalation: "maybe" } }),
    message: [
      'graph "support": 3 problems',
      "  graph.defaults.latencyMs: unknown option; known are latency, maxLatencyMs, volume, domain, requires, minQuality, escalation, acceptAt, workload",
      "  graph.defaults.complexity: unknown option; known are latency, maxLatencyMs, volume, domain, requires, minQuality, escalation, acceptAt, workload",
      '  graph.defaults.escalation: expected one of "never", "allowed", "human", found "maybe"',
    ],
  },
  {
    name: "an endpoint whose facts are none, all in one error",
    code: "CATALOG_INVALID",
    attempt: () =>
      endpoint("phi", {
        ...phi,
        quality: 1.2,
        certified: wrong({ tiers: ["reasoning", "thinking"] }),
        speculativeDecoding: { draftModel: "tiny", speedup: 0.5 },
        anonymiser: wrong({ name: "digits" }),
        dataAgreement: wrong({ by: "legal", on: "2026-03-01" }),
        attestation: { by: "ops", reason: " " },
        capabilities: { languages: wrong("de"), contextTokens: 1.5 },
        domains: [""],
      }),
    message: [
      'endpoint "phi": 11 problems',
      "  endpoint.capabilities.contextTokens: expected a whole number from 1 to 1000000000, found 1.5",
      '  endpoint.capabilities.languages: expected an array of texts that are not empty, found "de"',
      '  endpoint.domains: expected an array of texts that are not empty, found an array with ""',
      "  endpoint.quality: expected a number from 0 to 1, found 1.2",
      '  endpoint.certified.tiers: expected some of classification, generation, reasoning, planning, agentic, found "thinking"',
      "  endpoint.certified.evidence: expected a text that is not empty, found undefined",
      "  endpoint.speculativeDecoding.speedup: expected a number from 1 to 10, found 0.5",
      "  endpoint.anonymiser.redact: expected a function, found undefined",
      "  endpoint.dataAgreement.on: unknown option; known are by, reason",
      "  endpoint.dataAgreement.reason: expected a text that is not empty, found undefined",
      '  endpoint.attestation.reason: expected a text that is not empty, found " "',
    ],
  },
  {
    name: "an endpoint that is certified for nothing, and qualities that are none",
    code: "CATALOG_INVALID",
    attempt: () => {
      const certified = { tiers: [], evidence: "evaluation of 2026-10-12" };
      return endpoint("phi", { ...phi, certified, quality: wrong({ reasoning: 2, speed: 1 }) });
    },
    message: [
      'endpoint "phi": 3 problems',
      "  endpoint.quality.speed: unknown option; known are classification, generation, reasoning, planning, agentic",
      "  endpoint.quality.reasoning: expected a number from 0 to 1, found 2",
      "  endpoint.certified.tiers: expected some of classification, generation, reasoning, planning, agentic, found none",
    ],
  },
  {
    name: "a quality in words",
    code: "CATALOG_INVALID",
    attempt: () => endpoint("phi", { ...phi, quality: wrong("good") }),
    message: [
      'endpoint "phi": 1 problem',
      '  endpoint.quality: expected a number from 0 to 1, or one by tier, found "good"',
    ],
  },
  {
    name: "what is no endpoint, under the strict preset",
    code: "CATALOG_INVALID",
    attempt: () => locationClearance([wrong({ name: "phi" }), wrong(undefined)]),
    message: [
      "locationClearance: 2 problems",
      "  endpoints[0]: expected what endpoint(...) returns, found an object",
      "  endpoints[1]: expected what endpoint(...) returns, found undefined",
    ],
  },
  {
    name: "no endpoints at all, under the strict preset",
    code: "CATALOG_INVALID",
    attempt: () => locationClearance(wrong(undefined)),
    message: ["locationClearance: 1 problem", "  endpoints: expected an array of endpoints, found undefined"],
  },
];

const rows = [...graphs, ...catalogs, ...runtimes, ...plans, ...runOptions, ...inputs, ...failures, ...policies];

async function errorOf(attempt: () => unknown): Promise<unknown> {
  try {
    await attempt();
  } catch (error) {
    return error;
  }
  return undefined;
}

afterEach(() => void vi.unstubAllEnvs());

describe("wrong inputs", () => {
  it.each(rows)("$name: $code", async ({ attempt, code, message }) => {
    const error = await errorOf(attempt);
    if (!TierwiseError.isInstance(error)) throw error;
    expect(error.message).toBe(message.join("\n"));
    expect(error.code).toBe(code);
  });

  it.each(rows)("$name: the error tells no input value and no place in our source", async ({ attempt }) => {
    const error = await errorOf(attempt);
    if (!TierwiseError.isInstance(error)) throw error;
    const problems = error instanceof DefinitionError ? error.problems : [];
    const told = [error.message, JSON.stringify(error.details), JSON.stringify(problems)].join("\n");
    expect(told).not.toContain(canary);
    expect(told).not.toContain("4711");
    expect(error.message).not.toMatch(/^\s*at .+:\d+/m);
    expect(error.message).not.toMatch(/undefined is not|Cannot read prop|\/src\/|node_modules/);
  });

  it("do not count a ladder that ends in the person who is wired among them", async () => {
    const asked: string[] = [];
    const runtime = createRuntime({
      catalog: createCatalog([endpoint("phi", phi)]),
      policy: defaultPolicy(),
      onHuman: { ask: ({ step }) => (asked.push(step), Promise.resolve("fine")) },
    });
    const reasoning = replyGraph({}, { complexity: "reasoning" });
    expect(runtime.plan(reasoning).problems).toEqual([]);
    expect((await runtime.run(reasoning, input)).output).toEqual({ reply: "fine" });
    expect(asked).toEqual(["reply"]);
  });

  it("are more than thirty, each with a name of its own", () => {
    expect(rows.length).toBeGreaterThanOrEqual(30);
    expect(new Set(rows.map(({ name }) => name)).size).toBe(rows.length);
  });
});
