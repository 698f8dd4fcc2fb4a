import type { ChatRequest, ClassifyRequest, Message, ModelRequest, ToolCall, ToolSpec } from "./port.ts";

type Redact = (text: string) => string;

/**
 * The request with `redact` applied to every text that comes from data: contents of all roles, and what a model wrote into
 * earlier tool calls. Tool specs, the schema and the closed set are the author's and stay; so do call ids, which join a
 * call to its result.
 */
export function redactRequest(request: ModelRequest, redact: Redact): ModelRequest {
  return request.kind === "classify" ? redactClassify(request, redact) : redactChat(request, redact);
}

function redactClassify(request: ClassifyRequest, redact: Redact): ClassifyRequest {
  const { text, system } = request;
  return { ...request, text: redact(text), system: system === undefined ? undefined : redact(system) };
}

function redactChat(request: ChatRequest, redact: Redact): ChatRequest {
  const messages = request.messages.map((message): Message => {
    const content = redact(message.content);
    if (message.role !== "assistant") return { ...message, content };
    const toolCalls = message.toolCalls.map((call) => redactCall(call, request.tools, redact));
    return { ...message, content, toolCalls };
  });
  return { ...request, messages };
}

function redactCall(call: ToolCall, tools: readonly ToolSpec[], redact: Redact): ToolCall {
  // A name that no tool has is the model's own text.
  const name = tools.some((tool) => tool.name === call.name) ? call.name : redact(call.name);
  return { ...call, name, args: call.args && (redactJson(call.args, redact) as Record<string, unknown>) };
}

/** Every text in a JSON value. Keys too: in an argument that is a map, they are data. */
export function redactJson(value: unknown, redact: Redact): unknown {
  if (typeof value === "string") return redact(value);
  if (Array.isArray(value)) return value.map((item) => redactJson(item, redact));
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, member]) => [redact(key), redactJson(member, redact)]));
}
