import type { ServerReply } from "../server-reply.ts";

const counts = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

/** Ways in which token counts go wrong. */
const usages = {
  absent: null,
  nan: { ...counts, completion_tokens: Number.NaN },
  null: { prompt_tokens: null, completion_tokens: null, total_tokens: null },
  text: { prompt_tokens: "12", completion_tokens: "5", total_tokens: "17" },
  negative: { prompt_tokens: -10, completion_tokens: -5, total_tokens: -15 },
  huge: { prompt_tokens: 1e18, completion_tokens: 1e18, total_tokens: 2e18 },
  fraction: { prompt_tokens: 10.5, completion_tokens: 5.5, total_tokens: 16 },
  "wrong-total": { ...counts, total_tokens: 99 },
  "cached-above-input": { ...counts, prompt_tokens_details: { cached_tokens: 50 } },
} as const;

/** A right answer with token counts that cannot be, or with none. `nan` is a bare `NaN`, so the whole body is no JSON. */
export function usage(kind: keyof typeof usages): ServerReply {
  return { usage: usages[kind] };
}

/** No choice, or several where one was asked for. */
export function choices(count: number): ServerReply {
  return { choices: count };
}

/** The model declines in OpenAI's own member for it, without content. */
export function refusal(): ServerReply {
  return { content: null, refusal: "I'm sorry, I can't help with that." };
}

/** Cut at the output limit: `length`, with text that looks whole. */
export function lengthLimit(): ServerReply {
  return { finishReason: "length" };
}

/** A reason to end that nobody knows, or `null` for none. */
export function finishReason(reason: string | null): ServerReply {
  return { finishReason: reason };
}

/** A choice without any text. */
export function emptyContent(): ServerReply {
  return { content: "" };
}

/** Answered by another model than was asked for. */
export function otherModel(model = "another-model"): ServerReply {
  return { model };
}

/** Log-probabilities that are no numbers: `null`, which is how JSON writes NaN. */
export function logprobsWithoutNumbers(): ServerReply {
  const token = { token: "ok", logprob: null, top_logprobs: [{ token: "ok", logprob: null }] };
  return { logprobs: { content: [token] } };
}

/** Asked for log-probabilities, sends none. */
export function logprobsMissing(): ServerReply {
  return { logprobs: null };
}
