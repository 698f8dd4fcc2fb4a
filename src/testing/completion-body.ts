import type { EventStream, ServedCompletion, ServedToolCall, ServerReply } from "./server-reply.ts";

const defaultUsage = { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15 };

/** The completion as one JSON text. */
export function completionBody(reply: ServedCompletion): string {
  const { content = "ok", refusal, toolCalls = [], logprobs, usage } = reply;
  const message = {
    role: "assistant",
    content,
    ...(refusal !== undefined && { refusal }),
    ...(toolCalls.length > 0 && { tool_calls: toolCalls.map(servedCall) }),
  };
  const choice = { message, finish_reason: finishOf(reply), ...(logprobs !== undefined && { logprobs }) };
  return textOf({
    ...envelope("chat.completion", reply),
    choices: Array.from({ length: reply.choices ?? 1 }, (_, index) => ({ index, ...choice })),
    ...(usage !== null && { usage: usage ?? defaultUsage }),
  });
}

/** The same completion as server-sent events: a word at a time, arguments in two pieces. */
export function eventStreamBody(reply: ServerReply, { wantsUsage }: { wantsUsage: boolean }): string {
  const { newline = "\n", comments = false, doneMarks = 1 } = reply.stream ?? {};
  const events = arranged(eventsOf(reply, wantsUsage), reply.stream ?? {});
  const done = reply.stream?.error === true ? [] : Array.from({ length: doneMarks }, () => "[DONE]");
  return [...events, ...done]
    .map((event) => `${comments ? `: keep-alive${newline}${newline}` : ""}data: ${event}${newline}${newline}`)
    .join("");
}

function eventsOf(reply: ServerReply, wantsUsage: boolean): string[] {
  const { logprobs, usage } = reply;
  const base = envelope("chat.completion.chunk", reply);
  const total = usage ?? defaultUsage;
  const place = usage === null ? undefined : (reply.stream?.usage ?? "end");
  const deltas = deltasOf(reply);
  const events = deltas.map((delta, index) => {
    const last = index === deltas.length - 1;
    const choice = { index: 0, delta, finish_reason: last ? finishOf(reply) : null };
    const share = place === "falling" ? deltas.length - index : index + 1;
    return {
      ...base,
      choices:
        (reply.choices ?? 1) === 0 ? [] : [{ ...choice, ...(index === 1 && logprobs !== undefined && { logprobs }) }],
      ...((place === "growing" || place === "falling") && { usage: scaled(total, share / deltas.length) }),
    };
  });
  const atEnd = place === "end" && wantsUsage ? [{ ...base, choices: [], usage: total }] : [];
  return [...events, ...atEnd].map(textOf);
}

function deltasOf({ content = "ok", refusal, toolCalls = [] }: ServedCompletion): object[] {
  const words = (content ?? "").match(/\s*\S+\s*$|\s*\S+/g) ?? [];
  return [
    { role: "assistant", content: content === null ? null : "" },
    ...words.map((word) => ({ content: word })),
    ...(refusal === undefined ? [] : [{ refusal }]),
    ...toolCalls.flatMap(callDeltas),
    {},
  ];
}

function callDeltas(call: ServedToolCall, index: number): object[] {
  const half = Math.floor(call.args.length / 2);
  const { id, type, function: named } = servedCall(call);
  const first = { index, id, type, function: { ...named, arguments: call.args.slice(0, half) } };
  const second = { index, function: { arguments: call.args.slice(half) } };
  return [{ tool_calls: [first] }, { tool_calls: [second] }];
}

function arranged(events: readonly string[], { duplicates, swapped, error }: EventStream): readonly string[] {
  if (error === true) return [...events.slice(0, Math.ceil(events.length / 2)), streamError];
  if (swapped === true) return [...events.slice(0, 1), ...events.slice(1, 3).reverse(), ...events.slice(3)];
  return duplicates === true ? events.flatMap((event) => [event, event]) : events;
}

const streamError = JSON.stringify({
  error: { message: "The server had an error while processing your request.", type: "server_error", code: null },
});

function servedCall({ id, name, args }: ServedToolCall) {
  return { id, type: "function", function: { name, arguments: args } };
}

function finishOf({ finishReason, toolCalls = [] }: ServedCompletion): string | null {
  return finishReason === undefined ? (toolCalls.length > 0 ? "tool_calls" : "stop") : finishReason;
}

function envelope(object: string, { model = "served-model" }: ServedCompletion) {
  return { id: "chatcmpl-1", object, created: 0, model };
}

/** Token counts of a part of the answer; what is no number stays as it is. */
function scaled(usage: Readonly<Record<string, unknown>>, ratio: number): Record<string, unknown> {
  const scale = (count: unknown): unknown => (typeof count === "number" ? Math.ceil(count * ratio) : count);
  return Object.fromEntries(Object.entries(usage).map(([name, count]) => [name, scale(count)]));
}

/** JSON, but for `NaN`: Python's encoder, and so many a server, writes it as a bare word. */
function textOf(value: unknown): string {
  const marked = JSON.stringify(value, (_key, member: unknown) => (Number.isNaN(member) ? "\u0000NaN" : member));
  return marked.replaceAll('"\\u0000NaN"', "NaN");
}
