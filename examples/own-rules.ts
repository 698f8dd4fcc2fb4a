import { createCatalog, createPolicy, createRuntime, defaultRules, endpoint, graph } from "tierwise";
import * as z from "zod";
import { large, small } from "./models.ts";
import { stayInRegion } from "./rules/stay-in-region.ts";
import { tighterEvenings } from "./rules/tighter-evenings.ts";

const g = graph("answer", { input: z.object({ question: z.string() }) });
const answer = g.model("answer", {
  needs: { input: g.input },
  complexity: "generation",
  output: z.string(),
  prompt: ({ input }) => input.question,
});
const built = g.output(answer);

const catalog = createCatalog([
  endpoint("phi4", {
    class: "slm",
    location: "on-prem",
    model: small(),
    price: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05 },
  }),
  endpoint("gpt", {
    class: "llm",
    location: "cloud",
    model: large(),
    price: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10 },
  }),
]);
const policy = createPolicy({ name: "acme", version: "1", rules: [...defaultRules, stayInRegion, tighterEvenings] });

/** The rules are pure, so an hour can be asked for: the clock is one of the runtime's options. */
function planAt(hourUtc: number, tenant: string): string {
  const atMs = Date.UTC(2026, 10, 23, hourUtc);
  const clock = { nowMs: () => 0, epochMs: () => atMs, setTimer: () => () => undefined };
  return createRuntime({ catalog, policy, clock }).plan(built, { tags: { tenant } }).explain();
}

console.log(`at noon, any tenant\n${planAt(12, "zeta")}\n`);
console.log(`at noon, a tenant that stays in the EU\n${planAt(12, "acme")}\n`);
console.log(`at 20:00 UTC, any tenant\n${planAt(20, "zeta")}`);
