/**
 * What the compiler knows of a graph, and what it refuses. Nothing here runs: `tsc` reads it, and an
 * `@ts-expect-error` above a line that compiles is itself an error.
 */
// Wrong code has types in error, which these rules report a second time.
/* eslint-disable @typescript-eslint/no-unsafe-call, @typescript-eslint/no-unsafe-member-access, @typescript-eslint/no-unsafe-return */
import { tool } from "langchain";
import * as z from "zod";
import {
  createRuntime,
  graph,
  type Graph,
  type GraphBuilder,
  type Ref,
  type Runtime,
  type Value,
} from "../../index.ts";

/** True only for the same type, not for one that merely fits. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(proof: Same<A, B>): void;
/** `is<string>()(value, true)`: the value has just that type. */
declare function is<T>(): <V>(value: V, proof: Same<V, T>) => void;
declare function show(value: unknown): void;

const input = z.object({ ticket: z.string(), customerId: z.string(), note: z.string().optional() });
const g = graph("support", {
  version: "3",
  input,
  label: { level: "customer", compartments: ["pii"] },
  fields: { customerId: { integrity: "trusted" } },
});

// ---- the input, and what steps read of it

const ticket: Ref<string> = g.input.field("ticket");
const note: Ref<string | undefined> = g.input.field("note");
// @ts-expect-error the input has no field of that name
g.input.field("nope");
// @ts-expect-error nor may one be labelled
graph("labels", { input, fields: { nope: { level: "customer" } } });
// @ts-expect-error a level that does not exist
graph("labels", { input, label: "custmer" });
// @ts-expect-error a compartment that does not exist
graph("labels", { input, label: { level: "customer", compartments: ["ssn"] } });
// @ts-expect-error a misspelt member of a label
graph("labels", { input, label: { level: "customer", compartment: ["pii"] } });
graph("labels", { input, label: { level: "customer", compartments: ["tenant:acme", "region:eu"] } });
// @ts-expect-error a graph without an input
graph("labels", {});
// @ts-expect-error a schema that is none
graph("labels", { input: "string" });

// ---- steps: what their functions read

const triage = g.classify("triage", {
  needs: { request: g.input },
  labels: ["refund", "bug", "other"],
  text: ({ request }) => request.ticket,
});
type Triage = Value<typeof triage>;
same<
  Triage,
  | { readonly label: "refund" | "bug" | "other"; readonly uncertain?: false }
  | { readonly label?: undefined; readonly uncertain: true }
>(true);

const order = g.code("order", {
  needs: { id: g.input.field("customerId"), note },
  produces: { level: "regulated", compartments: ["pci"] },
  run: async ({ id, note: text }, { signal, idempotencyKey, runId }) => {
    same<typeof id, string>(true);
    is<string | undefined>()(text, true);
    is<AbortSignal>()(signal, true);
    const { total } = await Promise.resolve({ total: 12 });
    return { id: id + runId + idempotencyKey, item: "mug", total };
  },
});
same<typeof order, Ref<{ id: string; item: string; total: number }>>(true);

g.code("wrong-name", {
  needs: { id: ticket },
  // @ts-expect-error the step does not need what it reads
  run: ({ customer }) => customer,
});
g.code("wrong-type", {
  needs: { id: ticket },
  // @ts-expect-error a text has no such method
  run: ({ id }) => id.toFixed(2),
});
// @ts-expect-error a need is a reference, not its name
g.code("no-reference", { needs: { id: "order" }, run: () => 1 });
// @ts-expect-error needs are named
g.code("no-names", { needs: [order], run: () => 1 });
// @ts-expect-error code has no prompt
g.code("no-prompt", { needs: {}, prompt: () => "" });

// ---- budgets stand where models are called

const thrifty = {
  needs: {},
  complexity: "generation",
  output: z.string(),
  prompt: () => "",
  budget: { costUsd: 0.01, tokens: 900, calls: 2 },
} as const;
g.model("thrifty", thrifty);
// @ts-expect-error a deadline belongs to the run
g.model("late", { ...thrifty, budget: { durationMs: 5 } });
// @ts-expect-error code calls no models
g.code("frugal", { needs: {}, run: () => 1, budget: { calls: 1 } });

// ---- `when` makes a value one that may be missing

const refund = g.agent("refund", {
  needs: { triage, order },
  privacy: "regulated",
  when: ({ triage: verdict, order: { total } }) => verdict.label === "refund" && total > 0,
  tools: [],
  output: z.object({ amount: z.number() }),
  prompt: ({ order: { id } }) => id,
});
same<typeof refund, Ref<{ amount: number } | undefined>>(true);

g.classify("gated-label", {
  needs: { triage },
  labels: ["a", "b"],
  when: ({ triage: verdict }) => verdict.label === "bug",
  text: () => "",
});
g.code("reads-missing", {
  needs: { refund },
  // @ts-expect-error the refund may be missing
  run: ({ refund: { amount } }) => amount,
});
g.code("asks-first", { needs: { refund }, run: ({ refund: found }) => found?.amount.toFixed(2) });
g.code("wrong-label", {
  needs: { triage },
  // @ts-expect-error "refnud" is none of the labels
  when: ({ triage: verdict }) => verdict.label === "refnud",
  run: () => 1,
});
g.code("asked-for-certainty", {
  needs: { triage },
  run: ({ triage: verdict }) => {
    same<typeof verdict.label, "refund" | "bug" | "other" | undefined>(true);
    if (verdict.uncertain === true) return "unknown" as const;
    return verdict.label;
  },
});
const conditional = g.code("conditional", {
  needs: { order },
  when: ({ order: { total } }) => total > 1,
  run: () => "x",
});
same<typeof conditional, Ref<string | undefined>>(true);

const required = g.required(refund);
same<typeof required, Ref<{ amount: number }>>(true);
g.code("required-reader", { needs: { refund: required }, run: ({ refund: { amount } }) => amount });

const fallback = g.orElse(refund, { amount: 0 });
g.code("fallback-reader", { needs: { fallback }, run: ({ fallback: { amount } }) => amount.toFixed(2) });
const word = g.orElse(note, "none");
is<Ref<string>>()(word, true);
const nothing = g.orElse(conditional, null);
is<Ref<string | null>>()(nothing, true);

const first = g.firstOf("first", [refund, order]);
const firstValue: Ref<{ amount: number } | { id: string; item: string; total: number }> = first;
// @ts-expect-error what was skipped is not a value: only the two shapes are left
const neverMissing: Ref<undefined> = first;
// @ts-expect-error there is nothing to choose from
g.firstOf("none", []);

// ---- redaction

const summary = g.redact("summary", {
  from: order,
  output: z.object({ item: z.string(), total: z.number() }),
  map: (found) => {
    same<typeof found, { id: string; item: string; total: number }>(true);
    return { item: found.item, total: found.total };
  },
  removes: ["pci"],
  to: "customer",
  reason: "what the customer may read about the order",
});
same<typeof summary, Ref<{ item: string; total: number }>>(true);

const amount = g.redact("amount", {
  from: refund,
  output: z.object({ cents: z.number() }),
  // The author's code never sees a missing value, its readers do.
  map: ({ amount: found }) => ({ cents: found * 100 }),
  removes: ["pci"],
  to: "customer",
  reason: "r",
});
same<typeof amount, Ref<{ cents: number } | undefined>>(true);

g.redact("wrong-shape", {
  from: order,
  output: z.object({ item: z.string() }),
  // @ts-expect-error the schema wants a text
  map: ({ total }) => ({ item: total }),
  removes: [],
  to: "customer",
  reason: "r",
});
g.redact("wrong-level", {
  from: order,
  output: z.object({ item: z.string() }),
  map: ({ item }) => ({ item }),
  // @ts-expect-error a compartment that does not exist
  removes: ["card"],
  // @ts-expect-error a level that does not exist
  to: "custmer",
  reason: "r",
});

// ---- models

const reply = g.model("reply", {
  needs: { request: g.input, triage, summary, amount },
  complexity: "generation",
  privacy: "customer",
  output: z.object({ text: z.string(), urgent: z.boolean().default(false) }),
  prompt: ({ request, summary: { item }, amount: paid, triage: verdict }) =>
    `${request.ticket}${item}${paid?.cents ?? 0}${verdict.uncertain === true ? "?" : verdict.label}`,
  validate: ({ text, urgent }, { request }) => text !== request.ticket && !urgent,
});
same<typeof reply, Ref<{ text: string; urgent: boolean }>>(true);
// @ts-expect-error a model step states how hard it is
g.model("no-tier", { needs: {}, output: z.string(), prompt: () => "" });
// @ts-expect-error a tier that does not exist
g.model("wrong-tier", { needs: {}, complexity: "generaton", output: z.string(), prompt: () => "" });
g.model("wrong-prompt", {
  needs: { order },
  complexity: "generation",
  output: z.string(),
  // @ts-expect-error a prompt is text
  prompt: ({ order: found }) => found,
});
// @ts-expect-error classify implies its tier
g.classify("tier", { needs: {}, complexity: "generation", labels: ["a", "b"], text: () => "" });

// ---- tools: pins and bounds read the step's needs

const issueRefund = tool((args: { orderId: string; amount: number }) => `${args.orderId} ${args.amount}`, {
  name: "issue_refund",
  description: "Pays money back",
  schema: z.object({ orderId: z.string(), amount: z.number() }),
});
const bySchema = tool((args) => String(args), {
  name: "by_schema",
  description: "",
  schema: { type: "object", properties: {}, additionalProperties: false } as const,
});

g.agent("tools", {
  needs: { order, conditional },
  output: z.string(),
  prompt: () => "",
  tools: [
    issueRefund,
    bySchema,
    { name: "structural", schema: z.object({}), invoke: (args: { q: string }) => args.q },
    {
      tool: issueRefund,
      effect: "write",
      idempotency: "keyed",
      accepts: { level: "regulated", compartments: ["pci"] },
      returns: "customer",
      pin: { orderId: ({ order: { id } }) => id },
      max: { amount: ({ order: { total }, conditional: maybe }) => (maybe === undefined ? 0 : total) },
      untrustedArguments: { reason: "a person reads them" },
    },
  ],
});
g.agent("wrong-pin", {
  needs: { order },
  output: z.string(),
  prompt: () => "",
  // @ts-expect-error the order has no such member
  tools: [{ tool: issueRefund, pin: { orderId: ({ order: found }) => found.number } }],
});
g.agent("wrong-need", {
  needs: { order },
  output: z.string(),
  prompt: () => "",
  // @ts-expect-error the step does not need the summary
  tools: [{ tool: issueRefund, max: { amount: ({ summary: found }) => found.total } }],
});
g.agent("wrong-bound", {
  needs: { order },
  output: z.string(),
  prompt: () => "",
  // @ts-expect-error a bound is a number
  tools: [{ tool: issueRefund, max: { amount: ({ order: { id } }) => id } }],
});
g.agent("wrong-effect", {
  needs: {},
  output: z.string(),
  prompt: () => "",
  // @ts-expect-error an effect that does not exist
  tools: [{ tool: issueRefund, effect: "delete" }],
});
// @ts-expect-error a tool has a name, a schema and something to call
g.agent("no-tool", { needs: {}, output: z.string(), prompt: () => "", tools: [{ name: "x" }] });

// ---- the finished graph

const support = g.output({ reply, triage, refund });
same<
  typeof support,
  Graph<
    { ticket: string; customerId: string; note?: string | undefined },
    {
      readonly reply: { text: string; urgent: boolean };
      readonly triage: Triage;
      readonly refund: { amount: number } | undefined;
    }
  >
>(true);
const one = graph("one", { input: z.string() });
same<ReturnType<typeof outputOne>, Graph<string, number>>(true);
function outputOne() {
  return one.output(one.code("length", { needs: { text: one.input }, run: ({ text }) => text.length }));
}
// @ts-expect-error an output is a reference
one.output({ length: 3 });
// @ts-expect-error a misspelt clearance
one.output(one.input, { clearence: "public" });

// ---- running it

declare const runtime: Runtime;
async function runs() {
  const { output, ledger, decisions } = await runtime.run(support, { ticket: "a", customerId: "b" });
  same<typeof output.reply, { text: string; urgent: boolean }>(true);
  show([output.refund?.amount.toFixed(2), ledger.costUsd, decisions["reply"]?.[0]?.ladder]);
  // @ts-expect-error the refund may be missing
  show(output.refund.amount);
  // @ts-expect-error the order is not part of the output
  show(output.order);
  // @ts-expect-error a field is missing
  await runtime.run(support, { ticket: "a" });
  // @ts-expect-error a field has another type
  await runtime.start(support, { ticket: "a", customerId: 7 });
  // @ts-expect-error a graph for a text takes no number
  await runtime.run(outputOne(), 7);
  // @ts-expect-error the builder is not the graph
  await runtime.run(g, { ticket: "a", customerId: "b" });
  // @ts-expect-error a misspelt cap
  await runtime.run(support, { ticket: "a", customerId: "b" }, { budget: { costUSD: 1 } });
  runtime.plan(support).check();

  const run = await runtime.start(support, { ticket: "a", customerId: "b" }, { budget: { costUsd: 1 } });
  run.on("attempt-end", (event) => show(event.confidence));
  run.on("token", ({ text }) => is<string>()(text, true));
  run.on("token", ({ attempt }) => is<number>()(attempt, true));
  run.on("partial", ({ value }) => is<unknown>()(value, true));
  // @ts-expect-error a decision has no confidence
  run.on("policy-decision", (event) => show(event.confidence));
  for await (const event of run) if (event.type === "tool-end") same<typeof event.tool, string>(true);
}
// @ts-expect-error a runtime needs a catalog and a policy
createRuntime({});

// ---- both sides of a schema: what a caller passes, and what steps read

const defaults = graph("defaults", {
  input: z.object({ at: z.string().transform((text) => new Date(text)), top: z.int().default(3) }),
});
const at: Ref<Date> = defaults.input.field("at");
const top: Ref<number> = defaults.input.field("top");
const defaulted = defaults.output({ at, top });
void runtime.run(defaulted, { at: "2026-11-23" });
// @ts-expect-error callers pass the text, not what becomes of it
void runtime.run(defaulted, { at: new Date() });

// ---- a graph may be written by several functions, and over any schema

interface Message {
  readonly text: string;
}
function addReply<I, V>(builder: GraphBuilder<I, V>, message: Ref<Message>): Ref<string> {
  return builder.model("reply", {
    needs: { message },
    complexity: "generation",
    output: z.string(),
    prompt: ({ message: { text } }) => text,
  });
}
function summarise<TOutput>(name: string, output: z.ZodType<TOutput>) {
  const own = graph(name, { input: z.object({ text: z.string() }) });
  const summarised = own.model("summarised", {
    needs: { message: own.input },
    complexity: "generation",
    output,
    prompt: ({ message: { text } }) => text,
  });
  return own.output({ summarised, reply: addReply(own, own.input) });
}
const lines = summarise("lines", z.object({ lines: z.array(z.string()) }));
same<typeof lines, Graph<{ text: string }, { readonly summarised: { lines: string[] }; readonly reply: string }>>(true);
// @ts-expect-error the input of this builder is no message
addReply(one, one.input);

// ---- graphs inside graphs

const perLine = summarise("line", z.string());
const nesting = graph("nesting", {
  input: z.object({ lines: z.array(z.object({ text: z.string() })), n: z.number() }),
});
const mapped = nesting.map("mapped", { over: nesting.input.field("lines"), each: perLine });
same<Value<typeof mapped>, readonly { readonly summarised: string; readonly reply: string }[]>(true);
const collected = nesting.map("collected", {
  over: nesting.input.field("lines"),
  each: perLine,
  onItemError: "collect",
});
same<Value<typeof collected>[number]["ok"], boolean>(true);
// @ts-expect-error the graph takes objects with a text
nesting.map("wrong", { over: nesting.orElse(nesting.input.field("n"), []), each: perLine });
const numbers = graph("numbers", { input: z.number() });
const increment = numbers.output(numbers.code("plus", { needs: { n: numbers.input }, run: ({ n }) => n + 1 }));
const looped = nesting.loop("looped", {
  start: nesting.input.field("n"),
  body: increment,
  until: (n) => n.toFixed() === "9",
  maxIterations: 3,
});
same<Value<typeof looped>, number>(true);
// @ts-expect-error every loop has a limit
nesting.loop("endless", { start: nesting.input.field("n"), body: increment, until: () => false });
const skipped = nesting.subgraph("skipped", { input: nesting.input.field("n"), graph: increment, onError: "skip" });
same<Value<typeof skipped>, number | undefined>(true);
// @ts-expect-error a fallback is of the step's own type
nesting.subgraph("fallback", { input: nesting.input.field("n"), graph: increment, onError: { value: "no number" } });
const approved = nesting.approve("approved", {
  needs: { n: nesting.input.field("n") },
  question: ({ n }) => n.toFixed(),
});
same<Value<typeof approved>["approved"], boolean>(true);

// ---- answers that are shown while they are written

const streamed = { needs: { n: nesting.input.field("n") }, output: z.number(), prompt: () => "" };
const written = nesting.model("written", { ...streamed, complexity: "generation", stream: true });
same<Value<typeof written>, number>(true);
nesting.agent("worked", { ...streamed, tools: [], stream: { holdUntilChecked: true, idleTimeoutMs: 1_000 } });
// @ts-expect-error to show nothing, the option is left out
nesting.model("unwritten", { ...streamed, complexity: "generation", stream: false });
// @ts-expect-error a misspelt option
nesting.model("misspelt", { ...streamed, complexity: "generation", stream: { holdUntilCheck: true } });
// @ts-expect-error a closed label has no pieces
nesting.classify("label", { needs: streamed.needs, labels: ["a", "b"], text: () => "", stream: true });

show([runs, firstValue, neverMissing, lines, mapped, collected, looped, skipped, approved, written]);
