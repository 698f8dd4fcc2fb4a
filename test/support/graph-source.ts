/** Which graph to write: how many steps, a multiple of 10, and whether its agents have tools of LangChain. */
export interface GraphSource {
  readonly steps: number;
  readonly withTools: boolean;
}

/**
 * A file with one graph of so many steps, as an author writes it: ten kinds in turn, each reading what came before, with
 * schemas, labels and values of its own, so that no type is met twice.
 */
export function graphSource({ steps, withTools }: GraphSource): string {
  const blocks = Array.from({ length: steps / 10 }, (_, index) => blockOf(index));
  const tools = withTools ? langChainTools : plainTools;
  return [head, tools, ...blocks, `export const built = g.output(joined${blocks.length - 1});`].join("\n");
}

const head = `
import * as z from "zod";
import { graph } from "../src/graph/graph.ts";

const inner = graph("inner", { input: z.object({ text: z.string() }) });
const length = inner.code("length", { needs: { value: inner.input }, run: ({ value }) => value.text.length });
const measured = inner.output(length);

const counting = graph("counting", { input: z.object({ count: z.number() }) });
const next = counting.code("next", { needs: { n: counting.input }, run: ({ n }) => ({ count: n.count + 1 }) });
const counted = counting.output(next);

const g = graph("many", {
  input: z.object({ text: z.string(), items: z.array(z.object({ text: z.string() })), count: z.number() }),
  label: { level: "customer", compartments: ["pii"] },
});
`;

const langChainTools = `
import { tool } from "langchain";
const search = tool(({ query }) => query, { name: "search", schema: z.object({ query: z.string() }) });
const refund = tool(({ id, amount }) => id + amount, {
  name: "refund",
  schema: z.object({ id: z.number(), amount: z.number() }),
});
`;

const plainTools = `
const search = { name: "search", schema: z.object({ query: z.string() }), invoke: ({ query }: { query: string }) => query };
const refund = { name: "refund", schema: z.object({ id: z.number() }), invoke: ({ id }: { id: number }) => id };
`;

function blockOf(index: number): string {
  const text = index === 0 ? 'g.input.field("text")' : `joined${index - 1}`;
  return `
const order${index} = g.code("order${index}", {
  needs: { text: ${text}, input: g.input },
  run: async ({ text, input }, { signal }) => ({ id${index}: input.count, text: String(text), aborted: signal.aborted }),
});
const answer${index} = g.model("answer${index}", {
  needs: { order: order${index}, request: g.input },
  complexity: "generation",
  output: z.object({ answer${index}: z.string(), total: z.number() }),
  prompt: ({ order, request }) => order.text + request.text,
  validate: ({ total }, { order }) => total > order.id${index},
});
const triage${index} = g.classify("triage${index}", {
  needs: { answer: answer${index}, request: g.input },
  labels: ["refund${index}", "bug${index}", "other"],
  text: ({ answer, request }) => answer.answer${index} + request.text,
});
const decided${index} = g.agent("decided${index}", {
  needs: { triage: triage${index}, order: order${index} },
  when: ({ triage }) => triage.label === "refund${index}",
  tools: [
    search,
    { tool: refund, effect: "write", pin: { id: ({ order }) => order.id${index} }, max: { amount: () => 10 } },
  ],
  output: z.object({ amount${index}: z.number() }),
  prompt: ({ order }) => order.text,
});
const lengths${index} = g.map("lengths${index}", { over: g.input.field("items"), each: measured, concurrency: 4 });
const rounds${index} = g.loop("rounds${index}", {
  start: g.input,
  body: counted,
  until: ({ count }) => count > ${index},
  maxIterations: 5,
});
const nested${index} = g.subgraph("nested${index}", { input: { text: g.input.field("text") }, graph: measured });
const approved${index} = g.approve("approved${index}", {
  needs: { decided: decided${index}, lengths: lengths${index}, nested: nested${index}, rounds: rounds${index} },
  question: ({ decided, lengths, nested }) => String(decided?.amount${index} ?? nested + lengths.length),
});
const public${index} = g.redact("public${index}", {
  from: order${index},
  output: z.object({ released${index}: z.string() }),
  map: ({ text }) => ({ released${index}: text }),
  removes: ["pii"],
  to: "internal",
  reason: "what the customer may read",
});
const joined${index} = g.firstOf("joined${index}", [decided${index}, g.required(public${index}), approved${index}]);
`;
}
