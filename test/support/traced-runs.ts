/** Small runs whose recorder has a clock that moves only when told. */
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type Graph, type Run } from "../../src/index.ts";
import { traceRecorder, type TraceRecorder, type TraceRecorderOptions } from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type Script, type ScriptedReply } from "../../src/testing/index.ts";

const usage = { inputTokens: 100, outputTokens: 10 };
const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1, version: "test" };

/** In every prompt and every answer, and in no trace. */
export const canary = "CANARY-4711";

export class Lab {
  readonly recorder: TraceRecorder;
  #nowMs = 0;

  constructor(options: TraceRecorderOptions = {}) {
    const nowMs = () => this.#nowMs;
    const clock = { nowMs, epochMs: () => 1_800_000_000_000 + nowMs(), setTimer: () => () => undefined };
    this.recorder = traceRecorder({ clock, ...options });
  }

  pass(ms: number): void {
    this.#nowMs += ms;
  }

  /** Replies that each take 10 ms. */
  slow(...replies: readonly ScriptedReply[]): Script {
    const left = [...replies];
    return () => {
      this.pass(10);
      return { usage, ...left.shift()! };
    };
  }

  start<O>(
    built: Graph<string, O>,
    runId: string,
    { small = [], large = [], ...options }: Start = {},
  ): Promise<Run<O>> {
    const model = (script: Script, name: string) => new ScriptedModel(script, { model: `${name}-model` }).factory;
    const catalog = createCatalog([
      endpoint("small", { class: "slm", location: "on-prem", price, model: model(small, "small") }),
      endpoint("large", { class: "llm", location: "cloud", price, model: model(large, "large") }),
    ]);
    const runtime = createRuntime({
      ...{ catalog, policy: defaultPolicy(), retry: { maxAttempts: 1 }, clock: new SimulatedClock() },
      telemetry: { tracerProvider: this.recorder },
    });
    return runtime.start(built, canary, { runId, ...options });
  }

  /** To its end, whichever that is. */
  async run(built: Graph<string, unknown>, runId: string, start: Start = {}): Promise<void> {
    const { result } = await this.start(built, runId, start);
    await result.catch(() => undefined);
  }
}

export interface Start {
  readonly small?: Script;
  readonly large?: Script;
  readonly budget?: { readonly costUsd: number };
}

/** One answer, which is accepted when it begins with "right". */
export function replying(): Graph<string, string> {
  const g = graph("reply", { input: z.string(), version: "1" });
  const answer = g.model("answer", {
    needs: { text: g.input },
    complexity: "generation",
    output: z.string(),
    prompt: ({ text }) => text,
    validate: (text) => text.startsWith("right"),
  });
  return g.output(answer);
}

/** One answer for each of two words. */
export function overList(): Graph<string, unknown> {
  const inner = graph("draft", { input: z.string(), version: "1" });
  const written = inner.model("write", {
    needs: { word: inner.input },
    complexity: "generation",
    output: z.string(),
    prompt: ({ word }) => word,
  });
  const each = inner.output(written);
  const g = graph("drafts", { input: z.string(), version: "1" });
  const words = g.code("words", { needs: { input: g.input }, run: () => ["one", "two"] });
  return g.output(g.map("draft", { over: words, each, concurrency: 1 }));
}
