import { redactJson } from "../models/redact-request.ts";
import { stableJson } from "../common/stable-hash.ts";
import { recordingError, type RecordedReply, type RecordedRequest } from "./recording.ts";

/** Replaces what must not be in the file; sees every text of prompts and answers, one at a time. */
export type RecordingRedactor = (text: string) => string;

type Redact = (text: string) => string;

/** What a hook does wrong ends the call: nothing is written that it has not seen. */
export function checkedRedactor(file: string, redact: RecordingRedactor = (text) => text): Redact {
  return (text) => {
    let clean: unknown;
    try {
      clean = redact(text);
    } catch (error) {
      throw recordingError(file, "was not written: its redact hook threw; see cause", error);
    }
    if (typeof clean === "string") return clean;
    throw recordingError(
      file,
      `was not written: redact(text) must return a text, found a value of type ${typeof clean}`,
    );
  };
}

/** Every text that comes from data. Tools, schema and limits are the author's and stay. */
export function redactRequest(request: RecordedRequest, redact: Redact): RecordedRequest {
  return { ...request, messages: request.messages.map((message) => redactMessage(message, namesOf(request), redact)) };
}

/**
 * The same for a reply. Tokens would spell out what was replaced: where the hook changes anything of the answer, its
 * log-probabilities are left out.
 */
export function redactReply(reply: RecordedReply, request: RecordedRequest, redact: Redact): RecordedReply {
  const clean = redactMessage(reply, namesOf(request), redact);
  const { logprobs, ...metadata } = (reply["response_metadata"] ?? {}) as { logprobs?: { content?: unknown } | null };
  const whole = isTokens(logprobs?.content) ? logprobs.content.map(({ token }) => token).join("") : "";
  const isTouched = redact(whole) !== whole || !isSame(clean, reply) || !isSame(redactJson(logprobs, redact), logprobs);
  return isTouched ? { ...clean, response_metadata: metadata } : reply;
}

function namesOf({ tools }: RecordedRequest): unknown[] {
  return tools.map((tool) => (tool as { function?: { name?: unknown } }).function?.name);
}

function redactMessage(
  message: Readonly<Record<string, unknown>>,
  tools: readonly unknown[],
  redact: Redact,
): Record<string, unknown> {
  const calls = ["tool_calls", "invalid_tool_calls"].flatMap((key) => {
    const list = message[key];
    return Array.isArray(list) ? [[key, list.map((call) => redactCall(call as object, tools, redact))]] : [];
  });
  return { ...message, content: redactJson(message["content"], redact), ...(Object.fromEntries(calls) as object) };
}

function redactCall(call: { name?: unknown; args?: unknown }, tools: readonly unknown[], redact: Redact): object {
  // A name that no tool has is the model's own text.
  const name = tools.includes(call.name) ? call.name : redactJson(call.name, redact);
  return { ...call, name, args: redactJson(call.args, redact) };
}

function isTokens(content: unknown): content is { readonly token: string }[] {
  return Array.isArray(content);
}

function isSame(a: unknown, b: unknown): boolean {
  return stableJson([a]) === stableJson([b]);
}
