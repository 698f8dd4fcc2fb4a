/**
 * One step on a cleared endpoint, a fallback that is cleared too, and an endpoint that is not cleared and would be the
 * cheapest. Each is a `FaultServer` behind the real `ChatOpenAI`.
 * @module
 */
import { setTimeout as pause } from "node:timers/promises";
import { ChatOpenAI } from "@langchain/openai";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  type EndpointSpec,
  type Graph,
  type LedgerSnapshot,
  type RunEvent,
  type Runtime,
  type RuntimeOptions,
} from "tierwise";
import { FaultServer, type ServerReply, type ServerScript } from "tierwise/testing";
import * as z from "zod";
import type { Facts } from "./row.ts";

/** What the step does: writes text or JSON, chooses a label, or calls tools. */
export type Task = "text" | "json" | "label" | "tools";

export type Tool = (args: { readonly q: string }) => unknown;

export interface Trial {
  /** What the cleared endpoint answers. */
  readonly main: ServerScript;
  /** @default it answers well */
  readonly spare?: ServerScript | "none";
  /** @default "text" */
  readonly task?: Task;
  /** What the tool `look` does. */
  readonly tool?: Tool;
  /** The cleared endpoint's server takes no connections. @default false */
  readonly isDown?: boolean;
  /** Another address for the cleared endpoint, made of its own. */
  readonly address?: (server: FaultServer) => string;
  readonly endpoint?: Partial<EndpointSpec>;
  readonly runtime?: Partial<RuntimeOptions>;
  /** The step shows its answers while they are written. @default false */
  readonly streams?: boolean;
  /** Between two pieces of a streamed answer. @default that of the option `stream` */
  readonly idleTimeoutMs?: number;
  /** Of one attempt. @default 5_000 */
  readonly timeoutMs?: number;
  /** Of the whole run. @default 30_000 */
  readonly durationMs?: number;
  readonly maxTurns?: number;
  /** Runs one after the other. @default 1 */
  readonly runs?: number;
}

export const customerData = { level: "customer", compartments: ["pii"] } as const;
const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 2 };
const capUsd = 1;

/** Quick enough for a bench, with the number of attempts that users get. */
export const quickRetry = { maxAttempts: 3, initialDelayMs: 5, maxDelayMs: 20 } as const;

export function client(baseURL: string): ChatOpenAI {
  return new ChatOpenAI({ model: "small", apiKey: "none", configuration: { baseURL } });
}

/** The three servers and a runtime over them. */
export class Desk implements AsyncDisposable {
  readonly main: FaultServer;
  readonly spare: FaultServer;
  readonly outside: FaultServer;
  readonly runtime: Runtime;

  private constructor(servers: readonly [FaultServer, FaultServer, FaultServer], trial: Trial) {
    [this.main, this.spare, this.outside] = servers;
    const { task = "text", address = ({ baseURL }: FaultServer) => baseURL } = trial;
    const cleared = { class: "slm", location: "on-prem", clearance: customerData, price } as const;
    const dearer = { inputPerMillionTokensUsd: 3, outputPerMillionTokensUsd: 6 };
    // A tool loop begins at the large model where there is one.
    const spare = { ...cleared, class: task === "tools" ? "slm" : "llm", price: dearer } as const;
    const free = { inputPerMillionTokensUsd: 0.001, outputPerMillionTokensUsd: 0.001 };
    const catalog = createCatalog([
      endpoint("main", { ...cleared, model: client(address(this.main)), ...trial.endpoint }),
      ...(trial.spare === "none" ? [] : [endpoint("spare", { ...spare, model: client(this.spare.baseURL) })]),
      endpoint("outside", { class: "slm", location: "cloud", price: free, model: client(this.outside.baseURL) }),
    ]);
    this.runtime = createRuntime({ catalog, policy: defaultPolicy(), retry: quickRetry, ...trial.runtime });
  }

  static async open(trial: Trial): Promise<Desk> {
    const good = goodAnswer(trial.task);
    const spare = trial.spare === undefined || trial.spare === "none" ? () => good : trial.spare;
    const servers = await Promise.all([trial.main, spare, () => good].map((script) => FaultServer.start(script)));
    const desk = new Desk(servers as [FaultServer, FaultServer, FaultServer], trial);
    if (trial.isDown === true) await desk.main.stop();
    return desk;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([this.main, this.spare, this.outside].map((server) => server[Symbol.asyncDispose]()));
  }
}

export function goodAnswer(task: Task = "text"): ServerReply {
  if (task === "json") return { content: '{"total":3}' };
  return { content: task === "label" ? "refund" : "fine" };
}

export function deskGraph(
  { task = "text", timeoutMs = 5_000, tool = () => "nothing", maxTurns, streams, idleTimeoutMs }: Omit<Trial, "main">,
  count: () => void = () => undefined,
) {
  const g = graph("desk", { input: z.object({ q: z.string() }), label: customerData });
  const common = { needs: { in: g.input }, timeoutMs, maxOutputTokens: 64 };
  const spec = {
    ...common,
    privacy: "customer",
    prompt: (values: { in: { q: string } }) => values.in.q,
    ...(streams === true && { stream: { ...(idleTimeoutMs !== undefined && { idleTimeoutMs }) } }),
  } as const;
  switch (task) {
    case "text":
      return g.output(g.model("work", { ...spec, complexity: "generation", output: z.string() })) as Graph<
        { q: string },
        unknown
      >;
    case "json":
      return g.output(g.model("work", { ...spec, complexity: "generation", output: z.object({ total: z.number() }) }));
    case "label":
      return g.output(g.classify("work", { ...common, labels: ["refund", "bug"], text: (values) => values.in.q }));
    case "tools": {
      const invoke = (args: unknown): unknown => {
        count();
        return tool(args as { q: string });
      };
      const look = { name: "look", description: "Looks it up.", schema: z.object({ q: z.string() }), invoke };
      const tools = [{ tool: look, effect: "read", accepts: customerData }] as const;
      return g.output(
        g.agent("work", { ...spec, output: z.string(), tools, ...(maxTurns !== undefined && { maxTurns }) }),
      );
    }
  }
}

/** Runs a trial and says what was seen, of its last run and of all servers. */
export async function attempt(trial: Trial): Promise<Facts> {
  await using desk = await Desk.open(trial);
  let executed = 0;
  const work = deskGraph(trial, () => (executed += 1));
  const startedMs = performance.now();
  let last: Ran | undefined;
  let attempts = 0;
  for (let left = trial.runs ?? 1; left > 0; left -= 1) {
    last = await runOnce(desk, work, trial);
    attempts += last.attempts;
  }
  const ms = performance.now() - startedMs;
  // So that servers hear of connections that were closed.
  await pause(100);
  const { main, spare, outside } = desk;
  const isHidden = main.requests.length + spare.requests.length > attempts;
  const sent = main.requests.map(({ body }) => JSON.stringify(body).length);
  return {
    ...last!.facts,
    ...(isHidden && { broken: `more requests than the ${attempts} attempts` }),
    ms,
    executed,
    ...{ main: main.requests.length, spare: spare.requests.length, outside: outside.requests.length },
    gaveUp: main.requests.filter(({ closedByClient }) => closedByClient).length,
    longestRequest: Math.max(0, ...sent),
  };
}

interface Ran {
  readonly attempts: number;
  readonly facts: Pick<Facts, "outcome" | "failures" | "exact" | "answer" | "broken" | "shown" | "voided">;
}

async function runOnce(desk: Desk, work: Graph<{ q: string }, unknown>, trial: Trial): Promise<Ran> {
  const budget = { costUsd: capUsd, durationMs: trial.durationMs ?? 30_000 };
  const run = await desk.runtime.start(work, { q: "where is my order" }, { budget });
  const events: RunEvent[] = [];
  const broken = new Set<string>();
  run.on("*", (event) => {
    events.push(event);
    for (const problem of bookProblems(run.ledger())) broken.add(problem);
  });
  const [outcome, output] = await run.result.then(
    (result) => ["completed", result.output] as const,
    (error: unknown) => [(error as { code?: string }).code ?? "no TierwiseError", undefined] as const,
  );
  // A tool of the row, or of the model, may have reached for it.
  if ("polluted" in {}) broken.add("Object.prototype is polluted");
  const text = typeof output === "string" ? output : JSON.stringify(output ?? "");
  return {
    attempts: events.filter(({ type }) => type === "attempt-start").length,
    facts: {
      outcome,
      failures: failuresOf(events),
      ...piecesOf(events),
      exact: run.ledger().complete,
      answer: text.slice(0, 40),
      broken: [...broken].join("; "),
    },
  };
}

/** What must hold of the books of a run at any time. */
export function bookProblems({ costUsd, reservedUsd, overshootUsd, capUsd: cap = Infinity }: LedgerSnapshot): string[] {
  const most = cap + overshootUsd;
  const finite = [costUsd, reservedUsd, overshootUsd].every((amount) => Number.isFinite(amount) && amount >= 0);
  return [
    ...(finite ? [] : ["an amount is not finite"]),
    // Sums of floats, made for people: a pico-dollar is 1e-12.
    ...(costUsd + reservedUsd <= most + 1e-12 ? [] : ["settled + reserved > cap"]),
  ];
}

function piecesOf(events: readonly RunEvent[]): Pick<Facts, "shown" | "voided"> {
  const isKept = (attempt: number): boolean =>
    events.some((event) => event.type === "attempt-end" && event.attempt === attempt && event.outcome === "accepted");
  const attempts = events.flatMap((event) =>
    event.type === "token" || event.type === "partial" ? [event.attempt] : [],
  );
  const shown = attempts.filter(isKept).length;
  return { shown, voided: attempts.length - shown };
}

function failuresOf(events: readonly RunEvent[]): string {
  const failures = events.flatMap((event) => {
    if (event.type === "attempt-error") return [event.errorType];
    return event.type === "attempt-end" && event.outcome === "rejected" ? [event.rejectReason ?? "rejected"] : [];
  });
  return failures.join(" ");
}
