/**
 * A worker of the crash matrix: takes runs over, starts those it is told, answers what is asked as an honest person would,
 * and tells how runs ended. Argument: its task, as JSON.
 */
import { setTimeout as sleep } from "node:timers/promises";
import { createCatalog, createRuntime, defaultPolicy, endpoint, memoryBudgets, type BudgetPort } from "tierwise";
import { dbosEngine } from "tierwise/dbos";
import { crashFlow } from "./flow.ts";
import { PlainClient } from "./plain-client.ts";
import { KillPoints, type KillAt } from "./kill-points.ts";
import { prices, type ModelName } from "./prices.ts";

export interface WorkerTask {
  readonly databaseUrl: string;
  readonly modelUrl: string;
  readonly serviceUrl: string;
  readonly leaseMs: number;
  /** Questions to people that are as old as this are answered. */
  readonly answerAfterMs: number;
  /** Started as soon as it is ready. */
  readonly start: readonly string[];
  readonly killAt?: KillAt;
}

export type WorkerOrder = { readonly start: string } | { readonly result: string } | "passed";

export type WorkerNews =
  | { readonly type: "ready" }
  | { readonly type: "ended"; readonly runId: string; readonly ended: Ended }
  | { readonly type: "passed"; readonly passed: readonly (readonly [string, number])[] };

export interface Ended {
  readonly output?: unknown;
  readonly costUsd?: number;
  readonly complete?: boolean;
  readonly attempts?: number;
  readonly error?: string;
}

const task = JSON.parse(process.argv[2] ?? "{}") as WorkerTask;
const points = new KillPoints(task.start[0], task.killAt);
points.watchDatabase();
points.watchFetch();
process.once("disconnect", () => process.exit());
const tell = (news: WorkerNews): void => void process.send?.(news);

/** Each run has an account of its own, so a reservation says whose it is. */
function watchedBudgets(): BudgetPort {
  const inner = memoryBudgets();
  const runs = new Map<string, string>();
  return {
    reserve: (request) => {
      const runId = request.accounts[0]!.account;
      runs.set(request.id, runId);
      return points.around(runId, "reserve", () => inner.reserve(request));
    },
    settle: (request) => points.around(runs.get(request.id) ?? "", "settle", () => inner.settle(request)),
  };
}

function model(name: ModelName) {
  const client = new PlainClient(task.modelUrl, name);
  const isSmall = name === "small";
  return endpoint(name, {
    class: isSmall ? "slm" : "llm",
    location: "cloud",
    model: () => client,
    price: prices[name],
  });
}

const engine = dbosEngine({
  ...{ database: task.databaseUrl, leaseMs: task.leaseMs, pollMs: 50, maxRecoveries: 1_000 },
  logger: silent(),
});
const flow = crashFlow({ serviceUrl: task.serviceUrl, points });
const runtime = createRuntime({
  catalog: createCatalog([model("small"), model("large")]),
  policy: defaultPolicy(),
  // What was measured would make two runs differ.
  feedback: false,
  engine,
  graphs: [flow],
  macKey: "a key that no production system has",
  onHuman: { clearance: "public", ask: engine.ask },
  budgets: {
    port: watchedBudgets(),
    accounts: ({ tags }) => [{ name: tags["run"] ?? "none", per: "hour", costUsd: 1_000 }],
  },
});

function silent() {
  const nothing = (): void => undefined;
  return { debug: nothing, info: nothing, warn: nothing, error: nothing };
}

async function start(runId: string): Promise<void> {
  const run = await runtime.start(flow, { runId }, { runId, tags: { run: runId } });
  run.result.catch(() => undefined);
}

async function result(runId: string): Promise<Ended> {
  try {
    const { output, ledger } = await runtime.attach(runId).result();
    const { costUsd, complete, attempts } = ledger;
    return { output, costUsd, complete, attempts };
  } catch (error) {
    return { error: String(error) };
  }
}

/** Approves, and says of an unsafe tool what the service's own books say. */
async function answerAll(): Promise<void> {
  for (;;) {
    for (const { runId, key, kind, tool, askedAtMs } of await engine.questions({ clearance: "public" })) {
      if (Date.now() - askedAtMs < task.answerAfterMs) continue;
      const answer = kind === "resolve-tool" ? await whatBecameOf(runId, tool) : true;
      await engine.answer(runId, key, { answer, by: "bench", clearance: "public" }).catch(() => undefined);
    }
    await sleep(50);
  }
}

async function whatBecameOf(runId: string, tool: string | undefined): Promise<unknown> {
  const asked = { method: "POST", body: JSON.stringify({ runId, tool }) };
  const { done } = (await (await fetch(`${task.serviceUrl}/done`, asked)).json()) as { done: boolean };
  return done ? { outcome: "done", result: { receipt: "R-found" } } : { outcome: "not-done" };
}

process.on("message", (order: WorkerOrder) => {
  if (order === "passed") tell({ type: "passed", passed: [...points.passed] });
  else if ("start" in order) void start(order.start).catch(() => undefined);
  else void result(order.result).then((ended) => tell({ type: "ended", runId: order.result, ended }));
});

await runtime.ready();
tell({ type: "ready" });
void answerAll();
for (const runId of task.start) await start(runId).catch(() => undefined);
