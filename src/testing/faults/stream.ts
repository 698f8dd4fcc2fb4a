/** For requests with `stream: true`; other requests get the same completion in one piece. */
import type { ServerReply } from "../server-reply.ts";

/** Every byte for itself, and characters of several bytes: each of them is split. */
export function splitCharacters(): ServerReply {
  return { content: "Grüße, 世界 👋", delivery: { pieceBytes: 1 } };
}

/** Pieces that end in the middle of lines. */
export function splitLines(): ServerReply {
  return { delivery: { pieceBytes: 7, everyMs: 1 } };
}

/** Lines that end in CR LF. */
export function crlf(): ServerReply {
  return { stream: { newline: "\r\n" } };
}

/** Comments between the events. */
export function comments(): ServerReply {
  return { stream: { comments: true } };
}

/** Each event twice. */
export function duplicateEvents(): ServerReply {
  return { content: "one two three", stream: { duplicates: true } };
}

/** Two events in each other's place. */
export function swappedEvents(): ServerReply {
  return { content: "one two three", stream: { swapped: true } };
}

/** `[DONE]` twice. */
export function twoDoneMarks(): ServerReply {
  return { stream: { doneMarks: 2 } };
}

/** Ends properly, but without `[DONE]`. */
export function noDoneMark(): ServerReply {
  return { stream: { doneMarks: 0 } };
}

/** An error in place of the second half. */
export function errorEvent(): ServerReply {
  return { content: "one two three", stream: { error: true } };
}

/** Ends with `[DONE]`, but no event says why. */
export function noFinishReason(): ServerReply {
  return { finishReason: null };
}

/** Token counts in every event: growing to the total, as some servers send them, or falling, which none should. */
export function usageInEveryEvent(direction: "growing" | "falling"): ServerReply {
  return { content: "one two three", stream: { usage: direction } };
}
