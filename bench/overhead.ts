/**
 * What Tierwise costs beside the work of the steps themselves: `npm run bench -- overhead [--strict]`. Measures every bar of
 * the first table of the performance specification that does not need a data set, beside code written by hand and LangGraph.js.
 *
 * CPU time of this process, subjects in turn, medians of the blocks: a busy machine slows all of them alike, so ratios hold
 * where absolute figures do not. Exits 1 for a missed bar only with `--strict`.
 * @module
 */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { trace } from "@opentelemetry/api";
import { BatchSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { checkGraphs, perStep, type Checked } from "../test/support/type-cost.ts";
import { inTurns, median, startServer, type Subject } from "./measure.ts";
import {
  byHand,
  byHandWithSpans,
  newRuntime,
  shapes,
  spans16,
  spansAlike,
  withLangGraph,
  withTierwise,
  type Shape,
} from "./overhead/code-steps.ts";
import { discard } from "./overhead/discard.ts";
import { langGraphMakespan, tierwiseMakespan } from "./overhead/makespan.ts";
import { modelSubjects } from "./overhead/model-steps.ts";

interface Bar {
  readonly bar: string;
  readonly wanted: string;
  readonly measured: string;
  readonly met: boolean;
  /** The same for others. */
  readonly beside: string;
}

const us = (value: number): string => `${value.toFixed(value < 10 ? 2 : 0)} us`;
const times = (value: number): string => `${value.toFixed(2)} x`;

export async function run(): Promise<boolean> {
  console.log(`Node ${process.version}; ${versions()}`);
  const bars: Bar[] = [];
  const parts = [withoutSdk, withSdk, longChain, concurrentRuns, inFlight, makespan, modelSteps, imports, typeCost];
  for (const part of parts) {
    const startedMs = performance.now();
    bars.push(...(await part()));
    console.log(`${part.name}: ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
  }
  console.table(bars.map(({ met, ...told }) => ({ ...told, ok: met ? "yes" : "NO" })));
  const missed = bars.filter(({ met }) => !met).map(({ bar }) => bar);
  console.log(missed.length === 0 ? "Every bar is met." : `Missed: ${missed.join("; ")}.`);
  console.log("The bars of the embedded classifier are measured by: npm run bench -- embedded");
  return missed.length === 0 || !process.argv.includes("--strict");
}

function versions(): string {
  const names = ["@langchain/langgraph", "@langchain/core", "@langchain/openai", "@opentelemetry/sdk-trace"];
  const versionOf = (name: string): string => {
    const file = join(import.meta.dirname, "..", "node_modules", name, "package.json");
    return (JSON.parse(readFileSync(file, "utf8")) as { version: string }).version;
  };
  return names.map((name) => `${name} ${versionOf(name)}`).join(", ");
}

/** Calls that make a block of some ten milliseconds. */
const callsFor = ({ steps }: Shape, total: number): number => Math.max(1, Math.round(total / steps));

async function withoutSdk(): Promise<Bar[]> {
  const bars: Bar[] = [];
  const noTracer = trace.getTracer("bench");
  for (const shape of shapes) {
    const subject = (name: string, call: Subject["call"], total = 2_000): Subject => ({
      ...{ name, call, per: shape.steps, calls: callsFor(shape, total) },
    });
    const cpu = await inTurns(
      [
        subject("tierwise", withTierwise(shape)),
        subject("hand", byHand(shape)),
        subject("spans16", byHandWithSpans(shape, noTracer, spans16)),
        subject("langgraph", withLangGraph(shape), 100),
      ],
      { blocks: 25 },
    );
    const { tierwise, hand, spans16: spans, langgraph } = cpu as Record<string, number> & typeof cpu;
    const beside = `by hand ${us(hand!)}, with spans ${us(spans!)}, LangGraph.js ${us(langgraph!)}`;
    const ratio = langgraph! / tierwise!;
    bars.push(
      {
        bar: `CPU a step, ${shape.name}, no SDK`,
        wanted: "<= 5 us",
        measured: us(tierwise!),
        met: tierwise! <= 5,
        beside,
      },
      {
        ...{ bar: "  less than LangGraph.js", wanted: ">= 150 x" },
        measured: times(ratio),
        met: ratio >= 150,
        beside: "",
      },
    );
  }
  return bars;
}

function newProvider() {
  const processor = new BatchSpanProcessor({ exporter: discard, maxQueueSize: 1_000_000 });
  return { provider: new TracerProvider({ spanProcessors: [processor] }), flush: () => processor.forceFlush() };
}

async function withSdk(): Promise<Bar[]> {
  const bars: Bar[] = [];
  const { provider, flush } = newProvider();
  const tracer = provider.getTracer("bench");
  for (const shape of shapes) {
    const calls = callsFor(shape, 1_000);
    const subject = (name: string, call: () => Promise<unknown>): Subject => ({
      ...{ name, per: shape.steps * calls, calls: 1 },
      call: async () => {
        for (let done = 0; done < calls; done += 1) await call();
        // Exporting is part of the price.
        await flush();
      },
    });
    const cpu = await inTurns(
      [
        subject("tierwise", withTierwise(shape, newRuntime(provider))),
        subject("spans16", byHandWithSpans(shape, tracer, spans16)),
        subject("spansAlike", byHandWithSpans(shape, tracer, spansAlike)),
      ],
      { blocks: 25 },
    );
    const [own, spans, alike] = [cpu["tierwise"]!, cpu["spans16"]!, cpu["spansAlike"]!];
    bars.push({
      bar: `CPU a step, ${shape.name}, SDK`,
      ...{ wanted: "<= 1.75 x spans16", measured: times(own / spans), met: own / spans <= 1.75 },
      beside: `${us(own)}; spans16 ${us(spans)}; spans with our attributes ${us(alike)} (${times(own / alike)})`,
    });
  }
  return bars;
}

async function longChain(): Promise<Bar[]> {
  const short: Shape = { name: "10", steps: 10, isParallel: false };
  const long: Shape = { name: "5,000", steps: 5_000, isParallel: false };
  const cpu = await inTurns(
    [
      { name: "short", calls: 500, per: 10, call: withTierwise(short) },
      { name: "long", calls: 1, per: 5_000, call: withTierwise(long) },
    ],
    { blocks: 25 },
  );
  const ratio = cpu["long"]! / cpu["short"]!;
  const beside = `${us(cpu["long"]!)} against ${us(cpu["short"]!)} a step`;
  return [
    {
      bar: "chain of 5,000 against chain of 10",
      wanted: "<= 1.1 x",
      measured: times(ratio),
      met: ratio <= 1.1,
      beside,
    },
  ];
}

async function concurrentRuns(): Promise<Bar[]> {
  const shape: Shape = { name: "10", steps: 10, isParallel: false };
  const { provider, flush } = newProvider();
  const at1000 = (name: string, call: () => Promise<unknown>): Subject => ({
    ...{ name, calls: 1, per: 1_000 },
    call: async () => {
      await Promise.all(Array.from({ length: 1_000 }, call));
      await flush();
    },
  });
  const cpu = await inTurns(
    [
      at1000("tierwise", withTierwise(shape, newRuntime(provider))),
      at1000("spans16", byHandWithSpans(shape, provider.getTracer("bench"), spans16)),
    ],
    { blocks: 11 },
  );
  const perSecond = (name: string): number => Math.round(1e6 / cpu[name]!);
  const ratio = perSecond("tierwise") / perSecond("spans16");
  const beside = `${perSecond("tierwise")} runs/s of CPU against ${perSecond("spans16")}`;
  return [
    {
      bar: "1,000 concurrent runs of 10 steps, SDK",
      wanted: ">= 0.6 x runs/s of spans16",
      measured: times(ratio),
      met: ratio >= 0.6,
      beside,
    },
  ];
}

function inFlight(): Bar[] {
  const file = join(import.meta.dirname, "overhead", "in-flight.ts");
  const kilobytes = (...more: string[]): number =>
    Number(execFileSync(process.execPath, ["--expose-gc", file, ...more], { encoding: "utf8" })) / 1_024;
  const [plain, sdk] = [kilobytes(), kilobytes("sdk")];
  const show = (value: number): string => `${value.toFixed(1)} KB`;
  const bar = "retained by a run of 3 steps under way";
  return [
    { bar, wanted: "<= 4.5 KB", measured: show(plain), met: plain <= 4.5, beside: "" },
    { bar: `${bar}, SDK`, wanted: "<= 8 KB", measured: show(sdk), met: sdk <= 8, beside: "" },
  ];
}

async function makespan(): Promise<Bar[]> {
  const subjects = {
    tierwise: tierwiseMakespan(newRuntime()),
    sdk: tierwiseMakespan(newRuntime(newProvider().provider)),
    langgraph: langGraphMakespan(),
  };
  const ratios = { tierwise: [] as number[], sdk: [] as number[], langgraph: [] as number[] };
  for (let round = -2; round < 21; round += 1) {
    for (const [name, measure] of Object.entries(subjects)) {
      const ratio = await measure();
      if (round >= 0) ratios[name as keyof typeof ratios].push(ratio);
    }
  }
  const [own, sdk] = [median(ratios.tierwise), median(ratios.sdk)];
  const beside = `with SDK ${times(sdk)}, LangGraph.js ${times(median(ratios.langgraph))}`;
  const show = own.toFixed(3);
  return [
    { bar: "makespan over critical path, 6 layers of 8", wanted: "<= 1.03", measured: show, met: own <= 1.03, beside },
  ];
}

async function modelSteps(): Promise<Bar[]> {
  const server = await startServer();
  try {
    // Clients of providers are large: they take long to be compiled.
    const cpu = await inTurns(modelSubjects(server.baseURL), { blocks: 31, warmUp: 40 });
    const [invoke, structured] = [cpu["invoke"]!, cpu["withStructuredOutput"]!];
    const [plainRatio, objectRatio] = [cpu["model step"]! / invoke, cpu["structured step"]! / structured];
    return [
      {
        ...{ bar: "model step beside ChatOpenAI.invoke", wanted: "<= 1.1 x", measured: times(plainRatio) },
        ...{ met: plainRatio <= 1.1, beside: `${us(cpu["model step"]!)} against ${us(invoke)}` },
      },
      {
        ...{ bar: "structured beside withStructuredOutput", wanted: "< 1 x", measured: times(objectRatio) },
        met: objectRatio < 1,
        beside: `${us(cpu["structured step"]!)} against ${us(structured)}, which is ${times(structured / invoke)} an invoke`,
      },
    ];
  } finally {
    server.stop();
  }
}

function imports(): Bar[] {
  const own = pathToFileURL(join(import.meta.dirname, "..", "dist", "index.js")).href;
  const others = { own, bare: "node:path", langgraph: import.meta.resolve("@langchain/langgraph") };
  const least: Record<string, number> = {};
  for (let round = 0; round < 15; round += 1) {
    for (const [name, specifier] of Object.entries(others)) {
      const startedMs = performance.now();
      execFileSync(process.execPath, ["--input-type=module", "--eval", `await import("${specifier}")`]);
      least[name] = Math.min(least[name] ?? Infinity, performance.now() - startedMs);
    }
  }
  const above = (name: string): number => least[name]! - least["bare"]!;
  const show = (value: number): string => `${value.toFixed(0)} ms`;
  const beside = `LangGraph.js ${show(above("langgraph"))}; bare Node ${show(least["bare"]!)}`;
  const measured = show(above("own"));
  return [
    {
      bar: 'import "tierwise" over bare Node, least of 15',
      wanted: "<= 60 ms",
      measured,
      met: above("own") <= 60,
      beside,
    },
  ];
}

/** Also a test, `test/type-cost.test.ts`, which fails a build: the count is exact. */
function typeCost(): Bar[] {
  return [false, true].map((withTools) => {
    const [at10, at100, at300] = checkGraphs([10, 100, 300], { withTools }) as [Checked, Checked, Checked];
    const slopes = [perStep([10, 100], [at10, at100]), perStep([100, 300], [at100, at300])];
    const average = perStep([10, 300], [at10, at300]);
    return {
      bar: `type instantiations a step, 10 to 300 steps${withTools ? ", LangChain tools" : ""}`,
      ...{ wanted: "<= 400, linear", measured: average.toFixed(0), met: average <= 400 },
      beside: `10 to 100: ${slopes[0]!.toFixed(0)}, 100 to 300: ${slopes[1]!.toFixed(0)}`,
    };
  });
}
