/**
 * What deciding costs: `decide()` over 30 endpoints with every default rule, and `plan()` of a graph of 300 steps, beside
 * `ChatOpenAI.invoke` against a server on the loopback interface, in one process. `npm run bench -- decide`.
 *
 * CPU time of this process (the server has its own), blocks in turn, medians of the blocks: a busy machine slows all of them
 * alike. Bars: one decision at most 2 % of an invoke, the plan at most 20 invokes.
 * @module
 */
import { ChatOpenAI } from "@langchain/openai";
import {
  createCatalog,
  createRuntime,
  decide,
  defaultPolicy,
  endpoint,
  graph,
  makeLabel,
  type Candidate,
  type StepFacts,
} from "tierwise";
import * as z from "zod";
import { cpuUs, median, startServer } from "./measure.ts";

const blocks = 15;
const decisionsPerBlock = 2_000;
const invokesPerBlock = 20;
const maxDecisionRatio = 0.02;
const maxPlanInvokes = 20;

const locations = ["edge", "on-prem", "cloud"] as const;

/** Half of them may see the data, a third are large, and all declare everything that a rule reads. */
const endpoints = Array.from({ length: 30 }, (_, index) =>
  endpoint(`model-${index}`, {
    class: index % 3 === 0 ? "llm" : "slm",
    location: locations[index % 3]!,
    clearance: index % 2 === 0 ? "public" : { level: "regulated", compartments: ["pii"] },
    model: () => ({ invoke: () => Promise.reject(new Error("a decision calls nothing")) }),
    price: { inputPerMillionTokensUsd: 1 + index / 10, outputPerMillionTokensUsd: 4 },
    latency: { p95Ms: 100 + 20 * index },
    quality: 0.9,
    capabilities: { languages: ["en"], contextTokens: 128_000 },
  }),
);

/** Frozen, as a runtime makes them once for all its decisions; so are a graph's demands below. */
const capabilities: Candidate["capabilities"] = Object.freeze({
  onlyLabels: undefined,
  ...{ tools: true, jsonSchema: true, logprobs: true, outputLimit: true, contextTokens: 128_000 },
  languages: Object.freeze(["en"]),
});
const candidates = endpoints.map((one): Candidate => Object.freeze({ endpoint: one, capabilities }));

const demands = {
  requires: Object.freeze({ languages: Object.freeze(["en"]) }),
  domain: Object.freeze({ name: "support", specificity: "high" }),
  minQuality: 0.5,
  maxLatencyMs: 2_000,
} as const;

const facts: StepFacts = Object.freeze({
  step: "reply",
  kind: "model",
  complexity: "generation",
  privacy: "regulated",
  label: makeLabel({ level: "customer", compartments: ["pii"] }),
  needs: Object.freeze({ tools: false, jsonSchema: true, maxOutputTokens: 1_024 }),
  ...demands,
  volume: Object.freeze({ requestsPerDay: 2_000, tokensPerMonth: 50_000_000 }),
  workload: Object.freeze({
    inputTokens: Object.freeze({ low: 100, high: 500 }),
    outputTokens: Object.freeze({ low: 10, high: 100 }),
  }),
  ...{ latencyLeftMs: 2_000, remainingMs: 60_000, moneyCapped: true, atMs: 0 },
  ...{ excluded: Object.freeze([]), tags: Object.freeze({}) },
});

function longGraph(steps: number) {
  const label = { level: "customer", compartments: ["pii"] } as const;
  const g = graph("long", { input: z.object({ text: z.string() }), label, defaults: demands });
  const refs = Array.from({ length: steps }, (_, index) =>
    g.model(`step-${index}`, {
      ...{ needs: { input: g.input }, complexity: "generation", output: z.object({ text: z.string() }) },
      prompt: ({ input }) => input.text,
    }),
  );
  return g.output(refs.at(-1)!);
}

export async function run(): Promise<boolean> {
  const server = await startServer();
  try {
    const client = new ChatOpenAI({
      model: "m",
      apiKey: "unused",
      maxRetries: 0,
      configuration: { baseURL: server.baseURL },
    });
    const policy = defaultPolicy();
    const runtime = createRuntime({ catalog: createCatalog(endpoints), policy });
    const long = longGraph(300);
    const measured = {
      decide: [] as number[],
      identified: [] as number[],
      plan: [] as number[],
      invoke: [] as number[],
    };
    for (let block = -2; block < blocks; block += 1) {
      const figures = {
        decide: await cpuUs(1, () => repeat(() => decide(policy, candidates, facts))),
        identified: await cpuUs(1, () => repeat(() => decide(policy, candidates, facts).id)),
        plan: await cpuUs(1, () => runtime.plan(long)),
        invoke: await cpuUs(invokesPerBlock, () => client.invoke("Say ok.")),
      };
      if (block < 0) continue;
      measured.decide.push(figures.decide / decisionsPerBlock);
      measured.identified.push(figures.identified / decisionsPerBlock);
      measured.plan.push(figures.plan);
      measured.invoke.push(figures.invoke);
    }
    return report(measured);
  } finally {
    server.stop();
  }
}

/** In one go: awaiting each would cost more than a decision. */
function repeat(call: () => unknown): void {
  for (let done = 0; done < decisionsPerBlock; done += 1) call();
}

function report(measured: Record<"decide" | "identified" | "plan" | "invoke", readonly number[]>): boolean {
  const invokeUs = median(measured.invoke);
  const decisionRatio = median(measured.decide) / invokeUs;
  const planInvokes = median(measured.plan) / invokeUs;
  const percent = (ratio: number): string => `${(100 * ratio).toFixed(1)} %`;
  console.log(`ChatOpenAI.invoke, loopback: ${Math.round(invokeUs)} us of CPU`);
  console.log(
    `decide(), 30 endpoints, all rules: ${median(measured.decide).toFixed(1)} us, ${percent(decisionRatio)} of an invoke (at most ${percent(maxDecisionRatio)})`,
  );
  console.log(`  with its hash (decision.id): ${percent(median(measured.identified) / invokeUs)}`);
  console.log(`plan(), 300 steps: ${planInvokes.toFixed(1)} invokes (at most ${maxPlanInvokes})`);
  return decisionRatio <= maxDecisionRatio && planInvokes <= maxPlanInvokes;
}
