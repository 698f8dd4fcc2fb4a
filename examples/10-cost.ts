/**
 * Cost: every run has its books. The ledger says what each step took, the baseline what the dearest model that the policy could
 * have chosen would have cost for the same tokens. Look at the rejected drafts: they are in the cost and not in the baseline.
 */
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, savingRatio, type LedgerTotals } from "tierwise";
import * as z from "zod";
import { largeText, smallText } from "./models.ts";
import { intents, topics } from "./shared/intents.ts";

const g = graph("desk", { input: z.object({ message: z.string() }) });
const topic = g.classify("topic", {
  needs: { input: g.input },
  labels: topics,
  text: ({ input }) => input.message,
});
const reply = g.model("reply", {
  needs: { input: g.input, topic },
  complexity: "generation",
  output: z.string(),
  prompt: ({ input }) => `Answer in two sentences: ${input.message}`,
});
const desk = g.output({ topic, reply });

const catalog = createCatalog([
  endpoint("intents", { class: "slm", location: "in-process", model: intents }),
  endpoint("small", { class: "slm", location: "on-prem", ...smallText }),
  endpoint("large", { class: "llm", location: "cloud", ...largeText }),
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });

const messages = ["Please refund my order", "Where is my parcel?", "Hello, are you there?"];
const books: LedgerTotals[] = [];
const usd = (value: number): string => `$${value.toFixed(8)}`;
for (const message of messages) {
  const { ledger } = await runtime.run(desk, { message });
  books.push(ledger);
  console.log(`"${message}"`);
  for (const [step, { endpoints, inputTokens, outputTokens, costUsd, baselineUsd }] of Object.entries(ledger.steps)) {
    const tokens = `${inputTokens} + ${outputTokens} tokens`;
    console.log(`  ${step}: ${endpoints.join(", ")}; ${tokens}; ${usd(costUsd)}, baseline ${usd(baselineUsd)}`);
  }
  console.log(`  small ${usd(ledger.slmUsd)}, large ${usd(ledger.llmUsd)}, exact: ${ledger.complete}`);
}

const sum = (pick: (ledger: LedgerTotals) => number): number =>
  books.reduce((total, ledger) => total + pick(ledger), 0);
const costUsd = sum((ledger) => ledger.costUsd);
const baselineUsd = sum((ledger) => ledger.baselineUsd);
const saved = savingRatio({ beforeUsd: baselineUsd, afterUsd: costUsd });
console.log(`\n${messages.length} runs: ${usd(costUsd)}, all on the dearest allowed model ${usd(baselineUsd)}`);
console.log(`${(100 * saved).toFixed(1)} % less`);
if (largeText.standIn)
  console.log("A simulation, not a saving: scripted stand-ins wrote the texts, and prices are examples.");
