import { unavailable, type Confidence } from "./confidence.ts";

/** One generated token with its most likely alternatives, as OpenAI-compatible servers return them. */
export interface TokenLogprob {
  readonly token: string;
  /** Natural logarithm of the probability. */
  readonly logprob: number;
  readonly alternatives: readonly { readonly token: string; readonly logprob: number }[];
}

/**
 * Margin between the label that was answered and its best rival: p(chosen) - p(best rival), where a rival counts from the
 * token at which it parts from the answer, with the probability of all that was shared before it. Labels with the same
 * beginning are thus compared where they differ, not at their first token.
 * @returns `unavailable` when the tokens do not spell a label or carry no probabilities; 0 when a probability is
 * no number or above 1
 */
export function labelMargin(tokens: readonly TokenLogprob[], labels: readonly string[]): Confidence {
  let text = "";
  let shared = 0;
  const rivals: number[] = [];
  for (const { token, logprob, alternatives } of tokens) {
    const spelled = (text + token).trimStart();
    // White space before the label says nothing about it.
    if (spelled === "") continue;
    const chosen = labels.filter((label) => leadsTo(spelled, label));
    if (chosen.length === 0) return unavailable;
    for (const rival of alternatives)
      if (opensAnother((text + rival.token).trimStart(), labels, chosen)) rivals.push(shared + rival.logprob);
    shared += logprob;
    text += token;
    if (chosen.length === 1) return marginOf(shared, rivals);
  }
  // The answer is also the beginning of another label, whose probability does not show.
  return rivals.length > 0 && labels.includes(text.trim()) ? marginOf(shared, rivals) : unavailable;
}

/** True while the text can still become the label, or has become it. */
function leadsTo(text: string, label: string): boolean {
  return text !== "" && (label.startsWith(text) || text.trimEnd() === label);
}

function opensAnother(text: string, labels: readonly string[], chosen: readonly string[]): boolean {
  return labels.some((label) => !chosen.includes(label) && leadsTo(text, label));
}

function marginOf(chosen: number, rivals: readonly number[]): Confidence {
  const best = rivals.length === 0 ? 0 : Math.exp(Math.max(...rivals));
  const raw = Math.exp(chosen) - best;
  // A signal that is broken (NaN, or a probability above 1) is no confidence, which is not the same as no signal.
  const possible = raw <= 1 + 1e-6 && chosen <= 1e-6;
  return { kind: "label-margin", raw: possible ? Math.min(1, Math.max(0, raw)) : 0 };
}
