import type { Delivery, ServerReply } from "../server-reply.ts";

/** TCP RST once the request was read: nobody knows whether it was worked on. */
export function resetBeforeHeaders(): ServerReply {
  return delivered({ sends: "nothing", then: "reset" });
}

/** TCP RST in the middle of the body, or of the event stream. */
export function resetMidBody(): ServerReply {
  return delivered({ sends: "half", then: "reset" });
}

/** TCP RST after the last token of an event stream, before `[DONE]`: the answer is whole and was billed. */
export function resetBeforeDone(): ServerReply {
  return { stream: { doneMarks: 0 }, ...delivered({ then: "reset" }) };
}

/** TCP FIN instead of an answer. */
export function closeBeforeHeaders(): ServerReply {
  return delivered({ sends: "nothing", then: "close" });
}

/** TCP FIN in the middle of the body, or of the event stream. */
export function closeMidBody(): ServerReply {
  return delivered({ sends: "half", then: "close" });
}

/** Takes the request and says nothing. */
export function hang(): ServerReply {
  return delivered({ sends: "nothing", then: "silence" });
}

/** Sends the head and nothing more. */
export function hangAfterHeaders(): ServerReply {
  return delivered({ sends: "head", then: "silence" });
}

/** Falls silent in the middle of the body, or of the event stream. */
export function hangMidBody(): ServerReply {
  return delivered({ sends: "half", then: "silence" });
}

/** Sends everything and never ends the answer. */
export function neverEnds(): ServerReply {
  return delivered({ then: "silence" });
}

/** A byte at a time: no idle timeout ever fires. @param everyMs pause between two bytes */
export function drip({ everyMs = 5 }: { everyMs?: number } = {}): ServerReply {
  return delivered({ pieceBytes: 1, everyMs });
}

function delivered(delivery: Delivery): ServerReply {
  return { delivery };
}
