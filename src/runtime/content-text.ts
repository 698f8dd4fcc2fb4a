/** Prompts, answers, arguments and results as text for spans: JSON as the GenAI conventions write messages. */
import type { Message, ModelReply, ModelRequest, ToolCall } from "../models/port.ts";
import { maxContentBytes } from "../telemetry/record-content.ts";
import { boundedText } from "./tool-call/bounded-text.ts";

/** Nothing longer is read through. What is cut here stays above the cap of a span, by a character of four bytes, so that it is cut there. */
const bounds = { keepBytes: maxContentBytes + 4, readBytes: 16 * 1024 * 1024 };

type Part = Readonly<Record<string, unknown>>;

/** What was sent; `undefined` where it cannot be written. */
export function requestText(request: ModelRequest): string | undefined {
  const messages = request.kind === "chat" ? request.messages : [{ role: "user", content: request.text } as const];
  return jsonText(messages.map((message) => ({ role: message.role, parts: partsOf(message) })));
}

export function replyText({ text, toolCalls, finishReason }: ModelReply): string | undefined {
  const parts = [...textParts(text), ...toolCalls.map(callPart)];
  return jsonText([{ role: "assistant", parts, finish_reason: finishReason ?? "unknown" }]);
}

/** `undefined` for what has no text, such as a cycle: nothing is recorded then. */
export function jsonText(value: unknown): string | undefined {
  const written = boundedText(value, bounds);
  return written.ok ? written.text : undefined;
}

function partsOf(message: Message): readonly Part[] {
  if (message.role === "tool")
    return [{ type: "tool_call_response", id: message.toolCallId, response: message.content }];
  return message.role === "assistant"
    ? [...textParts(message.content), ...message.toolCalls.map(callPart)]
    : textParts(message.content);
}

function textParts(content: string): readonly Part[] {
  return content === "" ? [] : [{ type: "text", content }];
}

function callPart({ id, name, args }: ToolCall): Part {
  return { type: "tool_call", id, name, arguments: args };
}
