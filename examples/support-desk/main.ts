/**
 * The main job, end to end: `npm run demo`. Without endpoints it needs no key and no network. Options: `--json`,
 * `--seed N`, `--limit N`.
 */
import { parseArgs } from "node:util";
import { createRuntime, defaultPolicy, formatTrace } from "tierwise";
import { trainClassifier } from "tierwise/embedded";
import { deskCatalog, readTextModels } from "./catalog.ts";
import { runDesk } from "./desk-run.ts";
import { printReport } from "./print-report.ts";
import { progressBar } from "./progress-bar.ts";
import { makeReport, shownRun } from "./report.ts";
import { scriptedPerson } from "./scripted-person.ts";
import { heldOutTickets, trainingTickets } from "./shop.ts";
import { supportDesk } from "./support-graph.ts";
import { thresholdFor } from "./threshold.ts";
import { startTracing } from "./tracing.ts";

/** Of the accepted tickets at most this share may be wrong, by cross-validation on the training tickets. */
const maxErrorRate = 0.1;

async function main(): Promise<void> {
  const { json, seed, limit } = readOptions();
  const models = readTextModels(process.env);
  const { standIns, priced } = models;
  const startedMs = performance.now();
  const classifier = trainClassifier(trainingTickets, { seed });
  const trainingMs = performance.now() - startedMs;
  const acceptAt = thresholdFor(trainingTickets, { maxErrorRate, seed });
  const catalog = deskCatalog(classifier, models);
  const tracing = startTracing(process.env, { maxRuns: heldOutTickets.length });
  const questions: string[] = [];
  const runtime = createRuntime({
    catalog,
    policy: defaultPolicy({ acceptAt }),
    onHuman: scriptedPerson(questions),
    telemetry: { content: "off", tracerProvider: tracing.recorder },
  });
  const costUsd = priced ? 0.05 : undefined;
  const plan = runtime.plan(supportDesk, costUsd === undefined ? {} : { budget: { costUsd } });
  const tickets = heldOutTickets.slice(0, limit);
  const desk = await runDesk({ runtime, tickets, seed, costUsd, onProgress: progressBar(tickets.length) });
  const answers = tickets.map(({ text, label, difficulty }) => {
    const { label: answered, probability } = classifier.classify(text);
    return { confidence: probability, correct: answered === label, difficulty };
  });
  const totalMs = performance.now() - startedMs;
  const report = makeReport({
    desk,
    questions,
    plan,
    catalog,
    standIns,
    acceptAt,
    trainingTickets: trainingTickets.length,
    trainingMs,
    totalMs,
    answers,
  });
  const shown = shownRun(desk.runs);
  if (json) console.log(JSON.stringify(report, undefined, 2));
  else
    printReport(report, {
      plan: plan.toTable(),
      trace: shown === undefined ? "" : formatTrace(tracing.recorder.trace(shown.runId)),
      environment: process.env,
    });
  await tracing.shutdown();
}

function readOptions(): { json: boolean; seed: number; limit: number } {
  const { values } = parseArgs({
    options: { json: { type: "boolean" }, seed: { type: "string" }, limit: { type: "string" } },
  });
  return {
    json: values.json ?? false,
    seed: count("--seed", values.seed, 1),
    limit: count("--limit", values.limit, heldOutTickets.length),
  };
}

function count(name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1 && value < 2 ** 32) return value;
  throw new Error(`${name} is not a whole number from 1; write for example ${name} 7`);
}

try {
  await main();
} catch (error) {
  // One clear line; a stack trace of ours would help nobody who runs a demo.
  console.error(`demo: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
