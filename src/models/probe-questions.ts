/**
 * What a probe asks: fixed texts that anyone may read, and how each reply is read. Pure; of a reply nothing goes on but a
 * short code.
 */
import type { TokenLogprob } from "../confidence/label-margin.ts";
import { forcedMass, isLogprob } from "./forced-mass.ts";
import type { ChatRequest, ModelReply, ToolSpec } from "./port.ts";

export type ProbeName = "logprobs" | "tools" | "jsonSchema" | "toolsWithLogprobs" | "logprobsBeforeGrammar";

export interface Finding {
  readonly supported: boolean;
  /** A short code, such as "tool call returned" or "HTTP 400"; never a text of the provider. */
  readonly evidence: string;
}

/** `supported` is `undefined` where the reply does not tell. */
export interface Reading {
  readonly supported: boolean | undefined;
  readonly evidence: string;
}

export interface ProbeQuestion {
  readonly request: ChatRequest;
  /** Asks for log-probabilities. */
  readonly logprobs: boolean;
  /** Not asked unless these were found. */
  readonly after: readonly ProbeName[];
  readonly read: (reply: ModelReply) => Reading;
  /** What it means that the endpoint refuses the request. */
  readonly refused: (evidence: string) => Reading;
}

/** Limits of the output, in tokens: a word, and room for a model that thinks before its call or its JSON. */
const wordTokens = 16;
const answerTokens = 256;

const add: ToolSpec = {
  name: "add",
  description: "Adds two whole numbers.",
  parameters: objectOf({ a: { type: "integer" }, b: { type: "integer" } }),
};

/** No model gives it as the number of a spider's legs, so only a grammar brings it about. */
const forcedLabel = "walrus";

const plain = ask("Answer with one word: what colour is a clear sky at noon?", { maxOutputTokens: wordTokens });
const toolTask = ask("Use the tool add to add 2 and 3.", { tools: [add] });

/** The plainest request there is: tells a refused option from an endpoint that refuses everything. */
export const plainRequest: ChatRequest = plain;

/** In the order in which they are asked. */
export const probeQuestions: Readonly<Record<ProbeName, ProbeQuestion>> = {
  logprobs: { request: plain, logprobs: true, after: [], read: readLogprobs, refused: no },
  tools: { request: toolTask, logprobs: false, after: [], read: readToolCall, refused: no },
  // Says nothing of JSON: a server that ignores the schema must not pass by a willing model.
  jsonSchema: {
    request: ask("What is the capital of France?", { schema: objectOf({ city: { type: "string" } }) }),
    logprobs: false,
    after: [],
    read: readAnswer,
    refused: no,
  },
  toolsWithLogprobs: { request: toolTask, logprobs: true, after: ["logprobs", "tools"], read: readBoth, refused: no },
  logprobsBeforeGrammar: {
    request: ask("How many legs has a spider? Answer with one word.", {
      schema: objectOf({ answer: { type: "string", enum: [forcedLabel] } }),
    }),
    logprobs: true,
    after: ["logprobs", "jsonSchema"],
    read: readForced,
    refused: untold,
  },
};

function ask(content: string, more: Partial<Pick<ChatRequest, "tools" | "schema" | "maxOutputTokens">>): ChatRequest {
  const request = { kind: "chat", tools: [], schema: undefined, maxOutputTokens: answerTokens } as const;
  return { ...request, messages: [{ role: "user", content }], ...more };
}

function objectOf(properties: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  return { type: "object", properties, required: Object.keys(properties), additionalProperties: false };
}

function yes(evidence: string): Reading {
  return { supported: true, evidence };
}

function no(evidence: string): Reading {
  return { supported: false, evidence };
}

function untold(why: string): Reading {
  return { supported: undefined, evidence: `cannot be told: ${why}` };
}

function readLogprobs({ logprobs }: ModelReply): Reading {
  const [first] = logprobs;
  if (first === undefined) return no("no logprobs in the reply");
  if (!areLogprobs(logprobs)) return no("logprobs that are no probabilities");
  return yes(first.alternatives.length > 0 ? "logprobs returned" : "logprobs returned, without alternatives");
}

function areLogprobs(tokens: readonly TokenLogprob[]): boolean {
  return tokens.every(({ logprob }) => isLogprob(logprob));
}

function readToolCall({ toolCalls, finishReason }: ModelReply): Reading {
  if (toolCalls.length === 0) return no(finishReason === "length" ? cut : "no tool call in the reply");
  const fit = toolCalls.every(
    ({ name, args }) => name === add.name && Number.isInteger(args?.["a"]) && Number.isInteger(args?.["b"]),
  );
  return fit ? yes("tool call returned") : no("tool call that does not fit its tool");
}

const cut = "cut at the output limit";

function readAnswer(reply: ModelReply): Reading {
  const answer = objectIn(reply);
  if (answer === undefined) return no(reply.finishReason === "length" ? cut : "answer that is no JSON object");
  const fits = typeof answer["city"] === "string" && Object.keys(answer).length === 1;
  return fits ? yes("answer fits the schema") : no("answer that does not fit the schema");
}

function readBoth(reply: ModelReply): Reading {
  const call = readToolCall(reply);
  if (call.supported !== true) return call;
  const logprobs = readLogprobs(reply);
  return logprobs.supported === true ? yes("tool call and logprobs returned") : logprobs;
}

/** From these on a probability counts as near 1, and as plainly below it. Between them the reply does not tell. */
const certain = 0.9;
const uncertain = 0.5;

function readForced(reply: ModelReply): Reading {
  if (objectIn(reply)?.["answer"] !== forcedLabel) return untold("the answer is not the forced label");
  const mass = forcedMass(reply.logprobs, forcedLabel);
  if (mass === undefined) return untold("the logprobs do not spell the answer");
  if (mass >= certain) return no("forced label looks certain");
  return mass <= uncertain
    ? yes("forced label looks unlikely")
    : untold("forced label looks neither likely nor unlikely");
}

function objectIn({ text }: ModelReply): Readonly<Record<string, unknown>> | undefined {
  try {
    const found: unknown = JSON.parse(text);
    return typeof found === "object" && found !== null && !Array.isArray(found) ? { ...found } : undefined;
  } catch {
    return undefined;
  }
}
