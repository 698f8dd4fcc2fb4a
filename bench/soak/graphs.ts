import { graph, type Graph } from "tierwise";
import * as z from "zod";

export interface Ticket {
  readonly text: string;
  readonly lines: string[];
}

const ticket = z.object({ text: z.string(), lines: z.array(z.string()) });
const common = { complexity: "generation", maxOutputTokens: 64, timeoutMs: 1_500 } as const;

/** Asks once, or not at all where it was asked the same before. */
export function lineGraph(): Graph<string, string> {
  const g = graph("line", { input: z.string() });
  const said = g.model("said", {
    ...{ ...common, needs: { word: g.input }, output: z.string(), memo: true },
    prompt: ({ word }) => `say ${word}`,
  });
  return g.output(said);
}

function polished(): Graph<string, string> {
  const g = graph("polished", { input: z.string() });
  const next = g.model("next", {
    ...{ ...common, needs: { text: g.input }, output: z.string() },
    prompt: ({ text }) => `better: ${text.slice(0, 200)}`,
  });
  return g.output(next);
}

/** Most kinds of steps; three to ten requests. */
export function longGraph(): Graph<Ticket, unknown> {
  const g = graph("long", { input: ticket });
  const triage = g.classify("triage", {
    ...{
      needs: { ticket: g.input },
      labels: ["refund", "bug"],
      timeoutMs: 1_500,
      onError: { value: { uncertain: true } },
    },
    text: ({ ticket: { text } }) => text,
  });
  const order = g.code("order", {
    needs: { ticket: g.input },
    run: async ({ ticket: { text } }) => Promise.resolve({ total: text.length }),
  });
  const look = {
    ...{ name: "look", description: "Looks it up.", schema: z.object({ q: z.string() }) },
    invoke: ({ q }: { q: string }) => Promise.resolve(`nothing about ${q}`),
  };
  const refund = g.agent("refund", {
    ...{ needs: { triage, order }, output: z.string(), tools: [{ tool: look, effect: "read" }] as const },
    ...{ maxOutputTokens: 64, timeoutMs: 1_500, onError: "skip" as const },
    when: ({ triage: { label } }) => label === "refund",
    prompt: ({ order: { total } }) => `refund ${total}`,
  });
  const reply = g.model("reply", {
    ...{ ...common, needs: { ticket: g.input }, output: z.string(), stream: true },
    prompt: ({ ticket: { text } }) => text,
    validate: (answer) => answer !== "weak",
  });
  const lines = g.map("lines", {
    ...{ over: g.input.field("lines"), each: lineGraph(), concurrency: 3, onItemError: "collect" },
  });
  const better = g.loop("better", {
    ...{ start: reply, body: polished(), maxIterations: 3, onLimit: "accept" },
    until: (_text, iteration) => iteration >= 2,
  });
  const first = g.firstOf("first", [refund, reply]);
  return g.output({ first, better, lines });
}

/** One label, one text. */
export function shortGraph(): Graph<Ticket, unknown> {
  const g = graph("short", { input: ticket });
  const triage = g.classify("triage", {
    ...{ needs: { ticket: g.input }, labels: ["refund", "bug"], timeoutMs: 1_500 },
    text: ({ ticket: { text } }) => text,
  });
  const reply = g.model("reply", {
    ...{ ...common, needs: { ticket: g.input, triage }, output: z.string() },
    prompt: ({ ticket: { text }, triage: { label = "none" } }) => `${label}: ${text}`,
    validate: (answer) => answer !== "weak",
  });
  return g.output(reply);
}
