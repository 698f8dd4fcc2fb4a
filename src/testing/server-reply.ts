/** A call of a tool as a server writes it. */
export interface ServedToolCall {
  readonly id: string;
  readonly name: string;
  /** The text of the arguments, right or wrong. */
  readonly args: string;
}

/** A chat completion, of which only what differs from a plain "ok" needs to be said. */
export interface ServedCompletion {
  /** @default "ok" */
  readonly content?: string | null;
  readonly refusal?: string;
  readonly toolCalls?: readonly ServedToolCall[];
  /** @default "stop", or "tool_calls" */
  readonly finishReason?: string | null;
  /** `null` leaves the member out; a `NaN` is written as Python servers write it, which is not JSON. @default 10 in, 5 out */
  readonly usage?: Readonly<Record<string, unknown>> | null;
  readonly logprobs?: unknown;
  /** @default "served-model" */
  readonly model?: string;
  /** How often the choice is given. @default 1 */
  readonly choices?: number;
}

/** How a completion is cut into server-sent events for a request with `stream: true`. */
export interface EventStream {
  /** @default "\n" */
  readonly newline?: "\n" | "\r\n";
  /** A comment before each event, as proxies send to keep a connection open. @default false */
  readonly comments?: boolean;
  /** Each event twice. @default false */
  readonly duplicates?: boolean;
  /** The second and the third event in each other's place. @default false */
  readonly swapped?: boolean;
  /** An error instead of the second half of the events. @default false */
  readonly error?: boolean;
  /** Events `[DONE]` at the end. @default 1 */
  readonly doneMarks?: number;
  /** Where token counts stand: at the end where they are asked for, or in every event, growing or falling. @default "end" */
  readonly usage?: "end" | "growing" | "falling";
}

/** How an answer gets to the client. */
export interface Delivery {
  /** How much of it does: nothing, its head, its head and half of its body, or all. @default "all" */
  readonly sends?: "nothing" | "head" | "half" | "all";
  /** What then happens to the connection: the answer ends, TCP RST, TCP FIN, or nothing until the client or the server goes. @default "end" */
  readonly then?: "end" | "reset" | "close" | "silence";
  /** Bytes of a piece of the body; each is written for itself. @default the body in one piece */
  readonly pieceBytes?: number;
  /** Pause between two pieces, in milliseconds. @default 0 */
  readonly everyMs?: number;
}

/** What a `FaultServer` answers once. Plain data: spread one over another to combine them. */
export interface ServerReply extends ServedCompletion {
  /** @default 200 */
  readonly status?: number;
  /** Over the default content type: JSON, or an event stream where one is asked for. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The body as it stands, instead of a completion. */
  readonly raw?: string | Uint8Array;
  readonly stream?: EventStream;
  readonly delivery?: Delivery;
}
