/** How hard a step is, easiest first. The position plus one is its score, 1 to 5. */
export const complexityTiers = ["classification", "generation", "reasoning", "planning", "agentic"] as const;

export type Complexity = (typeof complexityTiers)[number];

export function isComplexity(value: unknown): value is Complexity {
  return complexityTiers.some((tier) => tier === value);
}

/**
 * Output limit sent to the model when a step names none, in tokens; for `agentic` it is per turn. These are what a
 * budget reserves, so they are deliberately small.
 */
export const defaultMaxOutputTokens: Readonly<Record<Complexity, number>> = Object.freeze({
  classification: 64,
  generation: 1_024,
  reasoning: 4_096,
  planning: 4_096,
  agentic: 2_048,
});
