/** The support desk, and one step after it: the letter to the customer, which the caller sees while it is written. */
import { graph, type Graph } from "tierwise";
import * as z from "zod";
import { customerById } from "../support-desk/shop.ts";
import { supportDesk } from "../support-desk/support-graph.ts";

const languages = ["en", "de", "fr", "pl"] as const;

const g = graph("support-service", {
  version: "1",
  input: z.strictObject({
    ticket: z.string().min(1).max(10_000),
    customerId: z.string().refine(isCustomer),
    language: z.enum(languages).default("en"),
  }),
  label: { level: "customer", compartments: ["pii", "pci"] },
  // The caller is the shop's own front end, which knows who is logged in; only `ticket` was written by a stranger.
  fields: {
    customerId: { integrity: "trusted", compartments: ["pii"] },
    language: { integrity: "trusted", level: "public", compartments: [] },
  },
});

const desk = g.subgraph("desk", {
  input: { ticket: g.input.field("ticket"), customerId: g.input.field("customerId") },
  graph: supportDesk,
});

const letter = g.model("letter", {
  needs: { desk, language: g.input.field("language") },
  // What the desk's own check turned down goes to a person instead, and nothing of it is shown.
  when: ({ desk: { check } }) => !check.promisesRefund && !check.hasCardNumber,
  complexity: "generation",
  output: z.string().max(4_000),
  stream: true,
  prompt: ({ desk: { reply }, language }) =>
    `Write this reply as a letter in the language "${language}". Add no promise and leave out none.\n---\n${reply}`,
});

const summary = g.code("summary", {
  needs: { desk, letter },
  run: ({ desk: { triage, outcome }, letter: text }) => ({
    topic: triage.label ?? "unclear",
    action: text === undefined ? ("needs_person" as const) : (outcome?.action ?? ("needs_person" as const)),
    ...(text !== undefined && { letter: text }),
  }),
});

export const serviceGraph = g.output(summary);

export type TicketInput = typeof serviceGraph extends Graph<infer I, unknown> ? I : never;
export type TicketAnswer = typeof serviceGraph extends Graph<never, infer O> ? O : never;

function isCustomer(id: string): boolean {
  try {
    customerById(id);
    return true;
  } catch {
    return false;
  }
}
