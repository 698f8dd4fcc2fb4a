/** E8 to E12: answers that arrive, and are not what they should be. T1 and T2: tools. */
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { faults, type ServerReply, type ServerScript } from "tierwise/testing";
import { attempt, type Tool, type Trial } from "./desk.ts";
import type { Facts, Row } from "./row.ts";
import { always, row } from "./trial-rows.ts";

const done: ServerReply = { content: "done" };

function calls(...args: readonly string[]): ServerReply {
  return { content: null, toolCalls: args.map((text, index) => ({ id: `call_${index}`, name: "look", args: text })) };
}

/** The model is told, and puts it right: one turn more, nothing executed. */
const repaired = { outcome: "completed", main: 2, spare: 0, executed: 0, answer: "done" } as const;

/** What is longer than the output limit allows is not read to its end, and not asked for again. */
const capped = { outcome: "completed", main: 1, spare: 1, executed: 0, answer: "fine" } as const;

const toolCalls: Row[] = (
  [
    ["truncated arguments", faults.truncatedArguments("look"), repaired],
    ["arguments that are no JSON", faults.argumentsNotJson("look"), repaired],
    ["arguments of a wrong type", faults.argumentsWrongType("look"), repaired],
    ["a value of a wrong type", calls('{"q":7}'), repaired],
    ["an undeclared key", calls('{"q":"x","z":1}'), repaired],
    ["keys of the prototype", faults.prototypeKeys("look"), repaired],
    ["an unknown tool", faults.unknownTool(), repaired],
    ["one id for two calls", faults.duplicateCallIds("look"), { ...repaired, executed: 2 }],
    ["calls without ids", faults.emptyCallIds("look"), { ...repaired, executed: 2 }],
    ["500 calls in a turn", faults.manyCalls("look"), { ...repaired, executed: [1, 16], longestRequest: [0, 100_000] }],
    [
      "100 KB of arguments",
      faults.hugeArguments("look", { bytes: 100_000 }),
      { ...repaired, longestRequest: [0, 100_000] },
    ],
    ["10 MB of arguments: read up to the cap, then another endpoint", faults.hugeArguments("look"), capped],
  ] as const
).map(([fault, reply, expected]) => row("E8", fault, { task: "tools", main: [reply, done], expected }));

const hopeless = row("E8", "truncated arguments, always", {
  task: "tools",
  main: always(faults.truncatedArguments("look")),
  maxTurns: 50,
  expected: { outcome: "TOOL_LOOP_LIMIT", main: [2, 8], executed: 0 },
});

/** Different arguments on every turn. */
function counting(): ServerScript {
  let turn = 0;
  return () => calls(`{"q":"${(turn += 1)}"}`);
}

function alternating(): ServerScript {
  let turn = 0;
  return () => calls(`{"q":"${(turn += 1) % 2}"}`);
}

const endless: Row[] = (
  [
    ["one call over and over", always(calls('{"q":"x"}')), () => "the same", [2, 4]],
    ["two calls in turns", alternating(), ({ q }) => `for ${q}`, [4, 8]],
    ["other arguments, the same result", counting(), () => "the same", [3, 10]],
  ] as readonly (readonly [string, ServerScript, Tool, readonly [number, number]])[]
).map(([fault, main, tool, executed]) =>
  row("E9", fault, { task: "tools", main, tool, maxTurns: 50, expected: { outcome: "TOOL_LOOP_LIMIT", executed } }),
);

const passedOn = { outcome: "completed", main: 1, spare: 1 } as const;
const taken = { outcome: "completed", main: 1, spare: 0 } as const;

const ends: Row[] = [
  row("E10", "10 MB of text for a limit of 64 tokens", {
    main: always({ content: "x".repeat(10_000_000) }),
    expected: { ...passedOn, answer: "fine" },
  }),
  row("E10", "cut at the limit, JSON that looks whole", {
    task: "json",
    main: always({ ...faults.lengthLimit(), content: '{"total":9}' }),
    expected: { ...passedOn, failures: "length", answer: '{"total":3}' },
  }),
  row("E10", "unknown finish reason", { main: always(faults.finishReason("tired")), expected: taken }),
  row("E10", "no finish reason", { main: always(faults.finishReason(null)), expected: taken }),
  row("E10", "empty content", { main: always(faults.emptyContent()), expected: { ...passedOn, answer: "fine" } }),
  row("E10", "a refusal", { main: always(faults.refusal()), expected: { ...passedOn, answer: "fine" } }),
];

const usages: Row[] = [
  ...(["absent", "null", "text", "negative", "huge", "fraction", "cached-above-input"] as const).map((kind) =>
    row("E11", `usage ${kind}`, { main: always(faults.usage(kind)), expected: { ...taken, exact: false } }),
  ),
  row("E11", "usage with a wrong total", {
    main: always(faults.usage("wrong-total")),
    expected: { ...taken, exact: false },
  }),
  row("E11", "usage NaN, so the body is no JSON", {
    main: always(faults.usage("nan")),
    expected: { outcome: "completed", main: 2, spare: 1, exact: false },
  }),
];

/** Its name is for spans only. */
async function otherModel(): Promise<Facts> {
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const facts = await attempt({ main: always(faults.otherModel("gpt-0")), runtime: { telemetry: { tracerProvider } } });
  const models = exporter.getFinishedSpans().map(({ attributes }) => attributes["gen_ai.response.model"]);
  return { ...facts, answer: models.find((name) => typeof name === "string") ?? "none" };
}

const label = (reply: ServerReply): Pick<Trial, "task" | "main"> => ({
  task: "label",
  main: always({ content: "refund", ...reply }),
});

const answers: Row[] = [
  {
    id: "E12",
    fault: "another model (answer: what the span names)",
    expected: { ...taken, answer: "gpt-0" },
    run: otherModel,
  },
  row("E12", "no choice", {
    main: always(faults.choices(0)),
    expected: { outcome: "completed", main: [1, 2], spare: 1, answer: "fine" },
  }),
  row("E12", "three choices", { main: always(faults.choices(3)), expected: taken }),
  row("E12", "no log-probabilities", {
    ...label(faults.logprobsMissing()),
    expected: { ...taken, answer: '{"label":"refund"}' },
  }),
  row("E12", "log-probabilities that are no numbers", {
    ...label({
      logprobs: { content: [{ token: "refund", logprob: null, top_logprobs: [{ token: "refund", logprob: null }] }] },
    }),
    expected: { ...passedOn, failures: "low_confidence" },
  }),
];

const cyclic: Record<string, unknown> = {};
cyclic["self"] = cyclic;

/** The tool ran, the model reads that it failed or what fits, and goes on. */
const survived = { outcome: "completed", main: 2, executed: 1, answer: "done", longestRequest: [0, 100_000] } as const;

const results: Row[] = (
  [
    [
      "throws an Error",
      () => {
        throw new Error("CANARY");
      },
    ],
    [
      "throws a text",
      () => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error
        throw "CANARY";
      },
    ],
    ["returns a cycle", () => cyclic],
    ["returns a bigint", () => 10n ** 30n],
    ["returns nothing", () => undefined],
    ["returns bytes", () => Buffer.alloc(1_000, 1)],
    ["returns 100 MB", () => "x".repeat(100_000_000)],
    ["returns a lone surrogate", () => "\ud800"],
  ] as readonly (readonly [string, Tool])[]
).map(([what, tool]) =>
  row("T1", `a tool ${what}`, { task: "tools", main: [calls('{"q":"x"}'), done], tool, expected: survived }),
);

const lost: Row[] = [
  row("T1", "a tool hangs", {
    task: "tools",
    main: [calls('{"q":"x"}'), done],
    tool: () => new Promise(() => undefined),
    timeoutMs: 400,
    expected: { ...survived, ms: [390, 10_000] },
  }),
  row("T2", "a tool has its effect, its reply is lost (in this process)", {
    task: "tools",
    main: [calls('{"q":"x"}'), done],
    tool: () => Promise.reject(new Error("connection lost")),
    expected: survived,
  }),
];

export const answerRows: readonly Row[] = [
  ...toolCalls,
  hopeless,
  ...endless,
  ...ends,
  ...usages,
  ...answers,
  ...results,
  ...lost,
];
