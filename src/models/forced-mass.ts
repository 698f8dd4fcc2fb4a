import type { TokenLogprob } from "../confidence/label-margin.ts";

/** A natural logarithm of a probability; servers round, so a hair above 0 is one. */
export function isLogprob(value: number): boolean {
  return Number.isFinite(value) && value <= 1e-6;
}

/**
 * Probability, 0 to 1, that the token at which `label` begins leads to `label`: the sum over all listed tokens that do,
 * because a masked distribution may share out its whole mass among the spellings of one word. Near 1 where a grammar was
 * applied before the probabilities were taken; small where the model itself would have said something else.
 * @returns `undefined` when the tokens do not spell the label, or its probability is none
 */
export function forcedMass(tokens: readonly TokenLogprob[], label: string): number | undefined {
  // The last one: servers that list the tokens of a model's thinking list them first.
  const at = tokens
    .map(({ token }) => token)
    .join("")
    .lastIndexOf(label);
  if (at < 0) return undefined;
  let start = 0;
  for (const chosen of tokens) {
    const lead = at - start;
    start += chosen.token.length;
    if (start > at) return massOf(chosen, chosen.token.slice(0, lead), label);
  }
  return undefined;
}

function massOf(chosen: TokenLogprob, lead: string, label: string): number | undefined {
  if (!isLogprob(chosen.logprob)) return undefined;
  const leading = chosen.alternatives.filter(
    ({ token, logprob }) => isLogprob(logprob) && leadsTo(token, lead + label),
  );
  const logprobs = new Map([...leading, chosen].map(({ token, logprob }) => [token, logprob]));
  return Math.min(
    1,
    [...logprobs.values()].reduce((sum, logprob) => sum + Math.exp(logprob), 0),
  );
}

function leadsTo(token: string, text: string): boolean {
  return token !== "" && (text.startsWith(token) || token.startsWith(text));
}
