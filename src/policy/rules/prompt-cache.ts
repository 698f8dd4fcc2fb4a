import type { Candidate } from "../../catalog/candidate.ts";
import type { Conversation, StepFacts } from "../facts.ts";
import type { Rule } from "../rule.ts";

/**
 * Counts the cold prompt cache of a change of models inside a conversation: the endpoint that holds it reads it at its cache
 * price, every other pays for the whole of it anew. Where staying costs less than the first of the ladder, it stays. Never
 * where a large model is asked for and a small one holds the conversation: that one nearly always costs less, and a turn that
 * plans, or repairs a weak answer, wants the stronger.
 */
export const promptCacheRule: Rule = {
  name: "prompt-cache",
  version: "1",
  apply(candidates, facts) {
    const { conversation } = facts;
    const [first] = candidates;
    const warm = candidates.find(({ endpoint }) => endpoint.name === conversation?.endpoint);
    if (conversation === undefined || first === undefined || warm === undefined || warm === first) return {};
    if (first.endpoint.class === "llm" && warm.endpoint.class === "slm") return {};
    const staying = turnCost(warm, conversation, facts);
    const changing = turnCost(first, conversation, facts);
    if (staying === undefined || changing === undefined || staying >= changing) return {};
    return { order: [warm.endpoint.name], flags: [`warm-cache:${warm.endpoint.name}`] };
  },
};

/** Pico-dollars of the next turn: the conversation, and an answer of a quarter of the limit where no workload says more. */
function turnCost({ endpoint }: Candidate, { endpoint: holder, tokens }: Conversation, facts: StepFacts) {
  const { price } = endpoint;
  if (price === undefined) return undefined;
  const { low, high } = facts.workload?.outputTokens ?? { low: 0, high: facts.needs.maxOutputTokens / 2 };
  const perToken = endpoint.name === holder ? price.cacheReadPicoPerToken : price.cacheWritePicoPerToken;
  return tokens * Number(perToken) + ((low + high) / 2) * Number(price.outputPicoPerToken);
}
