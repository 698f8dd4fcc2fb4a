/**
 * Cascade: ask the small model first, take its answer only where it is sure, else ask the large one. The small model here is
 * real, and so is its confidence. Look at the messages that fit nothing, and at what the drafts that were turned down cost.
 */
import { createCatalog, createRuntime, endpoint, escalationReport, graph, slmWithEscalation } from "tierwise";
import type { EscalationReport, RunEvent } from "tierwise";
import * as z from "zod";
import { largeText } from "./models.ts";
import { intents, topics } from "./shared/intents.ts";

const g = graph("triage", { input: z.object({ message: z.string() }) });
const topic = g.classify("topic", {
  needs: { input: g.input },
  labels: topics,
  text: ({ input }) => input.message,
});
const triage = g.output(topic);

const catalog = createCatalog([
  endpoint("intents", {
    ...{ class: "slm", location: "in-process", model: intents },
    price: { inputPerMillionTokensUsd: 0.01, outputPerMillionTokensUsd: 0.01 },
  }),
  endpoint("large", { class: "llm", location: "cloud", ...largeText }),
]);
const runtime = createRuntime({ catalog, policy: slmWithEscalation({ acceptAt: 0.85 }) });
console.log(runtime.plan(triage).explain());

const messages = [
  "Please refund my second payment",
  "The lamp flickers and does not light up",
  "Hello, are you there?",
  "It is not what I expected",
];
let report: EscalationReport | undefined;
for (const message of messages) {
  const events: RunEvent[] = [];
  const run = await runtime.start(triage, { message });
  run.on("*", (event) => events.push(event));
  const { output, ledger } = await run.result;
  report = escalationReport(events, report);

  console.log(`\n"${message}"`);
  for (const event of events) {
    if (event.type !== "attempt-end") continue;
    const confidence = event.confidence.calibrated?.toFixed(2) ?? event.basis;
    console.log(`  ${event.endpoint}: ${event.outcome}, ${confidence}, $${event.costUsd?.toFixed(8)}`);
  }
  console.log(`  => ${output.label ?? "uncertain"}, $${ledger.costUsd.toFixed(8)} in all`);
}
const { asked, escalated, escalationRate } = report!.total;
console.log(`\n${escalated} of ${asked} escalated: ${escalationRate}`);
if (largeText.standIn) console.log("large: a scripted stand-in, it names the first label whatever the message says");
