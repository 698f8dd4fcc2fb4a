import type { ClassifyRequest, Message } from "./port.ts";

/** The third answer that a chat model may give. */
export const uncertainAnswer = "uncertain";

/**
 * Asks for the bare label, not for JSON: a grammar would force a label out of a model that has none, and its
 * log-probabilities would look certain.
 */
export function classifyMessages({ text, labels, system }: ClassifyRequest): Message[] {
  const choices = [...labels, uncertainAnswer].map((label) => `- ${label}`).join("\n");
  const task = `Choose the one label that fits the text. Answer with the label alone, written exactly as here; answer ${uncertainAnswer} if none clearly fits.\n${choices}`;
  return [
    { role: "system", content: system === undefined ? task : `${system}\n\n${task}` },
    { role: "user", content: text },
  ];
}
