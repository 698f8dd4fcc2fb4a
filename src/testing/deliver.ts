import type { ServerResponse } from "node:http";
import { setImmediate as turn, setTimeout as pause } from "node:timers/promises";
import type { Delivery } from "./server-reply.ts";

/** An answer before it is sent. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** So that a client has read what was sent before the connection breaks under it. */
const beforeBreakMs = 5;

/** Sends an answer as told. Rejects when the signal fires in a pause, because one side is gone. */
export async function deliver(
  response: ServerResponse,
  { status, headers, body }: Answer,
  { sends = "all", then = "end", pieceBytes, everyMs = 0, signal }: Delivery & { readonly signal: AbortSignal },
): Promise<void> {
  if (sends !== "nothing") {
    const sent = sends === "all" ? body : body.subarray(0, sends === "half" ? Math.ceil(body.length / 2) : 0);
    if (then === "end" && pieceBytes === undefined) {
      response.writeHead(status, { ...headers, "content-length": sent.length }).end(sent);
      return;
    }
    response.writeHead(status, headers).flushHeaders();
    await writePieces(response, sent, { pieceBytes: pieceBytes ?? sent.length, everyMs, signal });
  }
  await conclude(response, then, signal);
}

async function writePieces(
  response: ServerResponse,
  body: Uint8Array,
  { pieceBytes, everyMs, signal }: { pieceBytes: number; everyMs: number; signal: AbortSignal },
): Promise<void> {
  for (let start = 0; start < body.length && !signal.aborted; start += pieceBytes) {
    // A turn of the event loop at least, so that the pieces are not read as one.
    if (start > 0) await (everyMs > 0 ? pause(everyMs, undefined, { signal }) : turn(undefined, { signal }));
    response.write(body.subarray(start, start + pieceBytes));
  }
}

async function conclude(response: ServerResponse, then: Delivery["then"], signal: AbortSignal): Promise<void> {
  if (then === "silence" || signal.aborted) return;
  if (then === "end") return void response.end();
  if (response.headersSent) await pause(beforeBreakMs, undefined, { signal });
  if (then === "reset") response.socket?.resetAndDestroy();
  else response.socket?.destroy();
}
