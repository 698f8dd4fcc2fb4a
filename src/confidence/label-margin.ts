import { unavailable, type Confidence } from "./confidence.ts";

/** One generated token with its most likely alternatives, as OpenAI-compatible servers return them. */
export interface TokenLogprob {
  readonly token: string;
  /** Natural logarithm of the probability. */
  readonly logprob: number;
  readonly alternatives: readonly { readonly token: string; readonly logprob: number }[];
}

/**
 * Margin between the label that was answered and its best rival, at the first token where they part: p(chosen) -
 * p(best token that leads to another label). Labels that share a beginning are thus compared where they differ, not at
 * their first token.
 * @returns `unavailable` when the tokens do not spell a label or carry no usable probabilities
 */
export function labelMargin(tokens: readonly TokenLogprob[], labels: readonly string[]): Confidence {
  let text = "";
  for (const { token, logprob, alternatives } of tokens) {
    const spelled = (text + token).trimStart();
    const chosen = labels.filter((label) => leadsTo(spelled, label));
    if (chosen.length === 0) return unavailable;
    const rivals = alternatives.filter((rival) => opensAnother((text + rival.token).trimStart(), labels, chosen));
    if (rivals.length > 0 || chosen.length === 1)
      return marginOf(
        logprob,
        rivals.map((rival) => rival.logprob),
      );
    text += token;
  }
  return unavailable;
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
  return Number.isFinite(raw) ? { kind: "label-margin", raw: Math.min(1, Math.max(0, raw)) } : unavailable;
}
