/** Both sides count with these: the workers' catalog and the provider's bill. */
export const prices = {
  small: { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 2, version: "crash" },
  large: { inputPerMillionTokensUsd: 10, outputPerMillionTokensUsd: 20, version: "crash" },
} as const;

export type ModelName = keyof typeof prices;

/** Of every answer; fewer than any request has bytes. */
export const tokens = { prompt_tokens: 20, completion_tokens: 10, total_tokens: 30 } as const;
