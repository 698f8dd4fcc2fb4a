/** The models of the small examples: real endpoints where the environment names them, else scripted stand-ins that say so. */
import { ChatOpenAI } from "@langchain/openai";
import type { EndpointModel } from "tierwise";
import { ScriptedModel, type ScriptedCall, type ScriptedReply } from "tierwise/testing";

const { SLM_BASE_URL, SLM_MODEL, LLM_BASE_URL, LLM_MODEL, OPENAI_API_KEY } = process.env;

/** `SLM_BASE_URL` and `SLM_MODEL`, for example a vLLM or Ollama server. */
export function small(): EndpointModel {
  if (SLM_BASE_URL === undefined) return standIn("small");
  return new ChatOpenAI({ model: SLM_MODEL ?? "default", apiKey: "none", configuration: { baseURL: SLM_BASE_URL } });
}

/** `LLM_BASE_URL` or `OPENAI_API_KEY`, and `LLM_MODEL`. */
export function large(): EndpointModel {
  const model = LLM_MODEL ?? "default";
  if (LLM_BASE_URL !== undefined)
    return new ChatOpenAI({ model, apiKey: "none", configuration: { baseURL: LLM_BASE_URL } });
  return OPENAI_API_KEY === undefined ? standIn("large") : new ChatOpenAI({ model, apiKey: OPENAI_API_KEY });
}

/**
 * What `endpoint` takes of the two: the model, an example price, and whether it is a scripted stand-in, which its spans then say.
 */
export const smallText = {
  model: small(),
  price: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05, version: "example" },
  standIn: SLM_BASE_URL === undefined,
};
export const largeText = {
  model: large(),
  price: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10, version: "example" },
  standIn: LLM_BASE_URL === undefined && OPENAI_API_KEY === undefined,
};

/** Fixed texts without understanding; a factory, because an output limit can always be kept. */
function standIn(size: string): EndpointModel {
  return new ScriptedModel(answer, { model: `scripted-stand-in-${size}` }).factory;
}

function answer({ messages }: ScriptedCall): ScriptedReply {
  const text = messages.map(({ content }) => content).join("\n");
  if (text.includes("Choose the one label")) return { text: /- (\w+)/.exec(text)?.[1] ?? "uncertain" };
  if (text.includes("JSON Schema")) return { text: JSON.stringify(objectFor(text)) };
  return { text: "(scripted stand-in) Two sentences would stand here." };
}

/** An answer for each shape that the examples ask for; it names the first passage as its source, and the first domain. */
function objectFor(text: string): object {
  if (text.includes('"sources"'))
    return { text: "(scripted stand-in) An answer.", sources: [/^\[(.+?)\]/m.exec(text)?.[1]] };
  if (text.includes("with fewer words"))
    return {
      text: `(scripted stand-in) ${text.includes("A shorter text") ? "Short." : "A shorter text than before."}`,
    };
  if (text.includes('"questions"')) return { questions: [] };
  if (text.includes('"domain"')) return { domain: /"enum":\["(.+?)"/.exec(text)?.[1] };
  return { value: ["(scripted stand-in) Why?", "(scripted stand-in) So what?"] };
}
