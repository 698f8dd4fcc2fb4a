import { amortisedPrice, createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import * as z from "zod";
import { small } from "./models.ts";

// P3: a draft model is a property of the server behind an endpoint, not of a graph. It changes price and speed, and what
// the server's log-probabilities are worth.
const g = graph("desk", {
  input: z.object({ request: z.string() }),
  defaults: { workload: { inputTokens: 600, outputTokens: 400 }, volume: { requestsPerDay: 20_000 } },
});
const route = g.classify("route", {
  needs: { input: g.input },
  labels: ["refund", "bug"],
  text: ({ input }) => input.request,
});
const reply = g.model("reply", {
  needs: { input: g.input },
  complexity: "generation",
  output: z.string(),
  prompt: ({ input }) => `Reply to: ${input.request}`,
});
const desk = g.output({ route, reply });

const server = {
  capexUsd: 15_000,
  opexUsdPerMonth: 300,
  outputTokensPerSecond: 1_000,
  inputTokensPerSecond: 8_000,
  utilisation: 0.3,
};
const draft = { draftModel: "qwen-0.5b", speedup: 2.2 };
const servers = {
  "without a draft model": {},
  "with a draft model": { speculativeDecoding: draft },
  "with one, and exact log-probabilities": { speculativeDecoding: { ...draft, exactLogprobs: true } },
};

for (const [title, speculation] of Object.entries(servers)) {
  const catalog = createCatalog([
    endpoint("own", {
      ...{ class: "slm", location: "on-prem", model: small(), capabilities: { logprobs: true } },
      ...speculation,
      price: amortisedPrice({ ...server, ...speculation }),
    }),
  ]);
  const { steps } = createRuntime({ catalog, policy: defaultPolicy() }).plan(desk);
  console.log(`${title}:`);
  for (const { step, decision } of steps) {
    const { estimate, ladder } = decision;
    if (estimate === "unknown" || estimate.costUsd === "unknown" || estimate.monthlyUsd === "unknown") continue;
    const cost = `$${estimate.costUsd.high.toFixed(6)} a request, $${estimate.monthlyUsd.high.toFixed(0)} a month`;
    console.log(`  ${step}: ${cost}; its answer is judged by: ${ladder[0]!.signal}`);
  }
}
console.log("Prices are amortised; the speedup is a number you measure, and nothing was generated here.");
