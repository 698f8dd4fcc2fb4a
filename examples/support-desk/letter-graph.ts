/** The letter to the customer: a draft, then the same again without what the check found, at most twice. */
import { graph } from "tierwise";
import * as z from "zod";
import { isClean, problemsOf } from "./letter-check.ts";

const facts = z.object({
  firstName: z.string(),
  about: z.string(),
  item: z.string(),
  parcel: z.string(),
  action: z.enum(["refunded", "answered"]),
  amountCents: z.int(),
  help: z.string(),
});
const letter = z.object({ text: z.string(), firstName: z.string(), action: z.string() });
const label = { level: "customer", compartments: ["pii"] } as const;
const text = z.string().max(2_000);

const body = graph("revision", { version: "1", input: letter, label });
const rewrite = body.model("rewrite", {
  needs: { letter: body.input },
  complexity: "generation",
  output: text,
  workload: { inputTokens: { low: 60, high: 300 }, outputTokens: { low: 40, high: 200 } },
  prompt: ({ letter: { text: draft } }) =>
    `Rewrite this reply. Take out every promise of money and every number of a card, and keep the rest.\n---\n${draft}`,
});
const revised = body.code("revised", {
  needs: { letter: body.input, rewrite },
  run: ({ letter: { firstName, action }, rewrite: next }) => ({ text: next, firstName, action }),
});
const revision = body.output(revised);

const g = graph("letter", { version: "1", input: facts, label });
const draft = g.model("draft", {
  needs: { facts: g.input },
  complexity: "generation",
  output: text,
  workload: { inputTokens: { low: 100, high: 400 }, outputTokens: { low: 40, high: 200 }, escalationRatio: 0.15 },
  prompt: ({ facts: { firstName, about, item, parcel, action, amountCents, help } }) =>
    `Write a short, friendly reply to ${firstName} about their request (${about}).\nTheir order: ${item}; ${parcel}\n` +
    `What was done: ${action}, ${amountCents} cents\nHelp article: ${help}\nStart with "Hi ${firstName},".`,
  validate: (written, { facts: { firstName } }) => written.startsWith(`Hi ${firstName},`),
});
const first = g.code("first", {
  needs: { facts: g.input, draft },
  run: ({ facts: { firstName, action }, draft: written }) => ({ text: written, firstName, action }),
});
const polish = g.loop("polish", {
  start: first,
  body: revision,
  until: ({ text: written, action }) => isClean(problemsOf(written, action)),
  maxIterations: 2,
  // What is still not clean is found again by the desk, which then sends a fixed text.
  onLimit: "accept",
});

export const letterGraph = g.output(polish);
