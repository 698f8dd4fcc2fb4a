/** Rows of trials at the desk, and what its servers are told to answer. */
import type { ServerReply, ServerScript } from "tierwise/testing";
import { attempt, type Trial } from "./desk.ts";
import type { Expected, Row } from "./row.ts";

export function row(id: string, fault: string, { expected, ...trial }: Trial & { readonly expected: Expected }): Row {
  return { id, fault, expected, run: () => attempt(trial) };
}

export const good: ServerReply = { content: "fine" };
export const once = (reply: ServerReply): ServerScript => [reply, good];
export const always =
  (reply: ServerReply): ServerScript =>
  () =>
    reply;
