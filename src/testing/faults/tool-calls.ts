import type { ServedToolCall, ServerReply } from "../server-reply.ts";

/** Arguments that stop in the middle. */
export function truncatedArguments(tool: string): ServerReply {
  return calling({ id: "call_1", name: tool, args: '{"q":"what is' });
}

/** Arguments that never were JSON. */
export function argumentsNotJson(tool: string): ServerReply {
  return calling({ id: "call_1", name: tool, args: "q = what is new" });
}

/** JSON that is not what any tool's schema asks for: a list with a number where an object is due. */
export function argumentsWrongType(tool: string): ServerReply {
  return calling({ id: "call_1", name: tool, args: '[{"q":7}]' });
}

/** Keys that reach for the prototype, beside the right ones. @param args the right ones */
export function prototypeKeys(tool: string, args: Readonly<Record<string, unknown>> = { q: "x" }): ServerReply {
  const own = JSON.stringify(args).slice(1, -1);
  const reach = '"__proto__":{"polluted":true},"constructor":{"prototype":{"polluted":true}}';
  return calling({ id: "call_1", name: tool, args: `{${own === "" ? "" : `${own},`}${reach}}` });
}

/** A tool that was not offered. */
export function unknownTool(name = "delete_everything"): ServerReply {
  return calling({ id: "call_1", name, args: "{}" });
}

/** Two different calls with one id. */
export function duplicateCallIds(tool: string): ServerReply {
  return calling({ id: "call_1", name: tool, args: '{"q":"a"}' }, { id: "call_1", name: tool, args: '{"q":"b"}' });
}

/** Two calls with no id. */
export function emptyCallIds(tool: string): ServerReply {
  return calling({ id: "", name: tool, args: '{"q":"a"}' }, { id: "", name: tool, args: '{"q":"b"}' });
}

/** Far more calls in one turn than anybody needs. */
export function manyCalls(tool: string, { count = 500 }: { count?: number } = {}): ServerReply {
  const calls = Array.from({ length: count }, (_, index) => ({
    id: `call_${index}`,
    name: tool,
    args: `{"q":"${index}"}`,
  }));
  return calling(...calls);
}

/** One call whose arguments fill the memory. */
export function hugeArguments(tool: string, { bytes = 10_000_000 }: { bytes?: number } = {}): ServerReply {
  const frame = '{"q":""}';
  return calling({ id: "call_1", name: tool, args: `{"q":"${"x".repeat(Math.max(0, bytes - frame.length))}"}` });
}

function calling(...toolCalls: readonly ServedToolCall[]): ServerReply {
  return { content: null, toolCalls };
}
