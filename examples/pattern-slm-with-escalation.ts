import { readFileSync } from "node:fs";
import { createCatalog, createRuntime, endpoint, escalationReport, graph, slmWithEscalation } from "tierwise";
import type { EscalationReport, RunEvent } from "tierwise";
import { trainClassifier, type TrainingExample } from "tierwise/embedded";
import * as z from "zod";
import { large } from "./models.ts";

// P2, the recommended pattern: a small model first, a large one behind it, a gate at 0.85 between them. After 410 rows of
// training that gate is strict: `chooseThreshold` finds the lowest one that keeps the error you can live with.
const intents = trainClassifier(rows("train"));
const g = graph("triage", { input: z.object({ ticket: z.string() }) });
const triage = g.classify("triage", {
  needs: { input: g.input },
  labels: intents.labels,
  text: ({ input }) => input.ticket,
});
const built = g.output(triage);

const price = { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10 };
const catalog = createCatalog([
  endpoint("intents", { class: "slm", location: "in-process", model: intents }),
  endpoint("large", { class: "llm", location: "cloud", model: large(), price, standIn: true }),
]);
const runtime = createRuntime({ catalog, policy: slmWithEscalation() });
console.log(runtime.plan(built).toTable());

const tickets = rows("heldout");
const right = { slm: 0, llm: 0 };
let report: EscalationReport | undefined;
for (const { text, label } of tickets) {
  const events: RunEvent[] = [];
  const run = await runtime.start(built, { ticket: text });
  run.on("*", (event) => events.push(event));
  const { output, ledger } = await run.result;
  report = escalationReport(events, report);
  if (output.label === label) right[ledger.endpoints.at(-1) === "intents" ? "slm" : "llm"] += 1;
}
const { asked, escalated, escalationRate, slm, llm } = report!.total;
console.log(`${asked} tickets, ${escalated} escalated: rate ${escalationRate?.toFixed(3)}`);
console.log(`small: ${slm.accepted} accepted, ${right.slm} of them right; ${slm.rejected} turned down`);
console.log(`large (a scripted stand-in without understanding): ${llm.accepted} accepted, ${right.llm} of them right`);

// Without a large model the pattern is not there, and says so.
const alone = createCatalog([endpoint("intents", { class: "slm", location: "in-process", model: intents })]);
const [step] = createRuntime({ catalog: alone, policy: slmWithEscalation() }).plan(built).steps;
console.log(`without a large model: ${step!.decision.flags.join()}`);

function rows(part: string): TrainingExample[] {
  const lines = readFileSync(new URL(`support-desk/data/tickets.${part}.jsonl`, import.meta.url), "utf8").trim();
  return lines.split("\n").map((line) => JSON.parse(line) as TrainingExample);
}
