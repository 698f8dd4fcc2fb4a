/** Small runs whose recorder has a clock that moves only when told. */
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, graph, type Graph, type Run } from "../../src/index.ts";
import { traceRecorder, type TraceRecorder, type TraceRecorderOptions } from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type Script, type ScriptedReply } from "../../src/testing/index.ts";
import { priced, usage } from "./priced-models.ts";
import { draftingTwo } from "./small-graphs.ts";

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
    const model = (script: Script, name: string) => new ScriptedModel(script, { model: `${name}-model` });
    const catalog = createCatalog([
      priced("small", model(small, "small")),
      priced("large", model(large, "large"), { class: "llm", location: "cloud" }),
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
export const overList = (): Graph<string, unknown> => draftingTwo(z.string());
