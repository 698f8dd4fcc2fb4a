import { deepFreeze } from "../common/freeze.ts";
import type { Complexity } from "../tiers/complexity.ts";

/**
 * The tier to declare for nine common uses, and with it where they go by default: the first five to a small model first, the
 * last four to a large one. Advice for authors: nothing reads it. Source: decision-framework.md 4.1, "S5 six criteria".
 *
 * An answer over retrieved documents goes to a large model only where the data may: on regulated data take `generation`, with
 * a check against the sources (4.6, "RAG answer").
 */
export const useCaseTiers = deepFreeze({
  classify: "classification",
  extract: "classification",
  /** Finding personal data, or what breaks a rule of the house. */
  moderate: "classification",
  "translate-short": "generation",
  /** On a device, often without a network. */
  embedded: "generation",
  "answer-from-documents": "reasoning",
  assistant: "reasoning",
  code: "reasoning",
  "analyse-across-sources": "planning",
} as const satisfies Readonly<Record<string, Complexity>>);

export type UseCase = keyof typeof useCaseTiers;
