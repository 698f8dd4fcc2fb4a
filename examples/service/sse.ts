/**
 * A run as server-sent events: `run`, then `step`, `token`, `partial` and `void` as they come, then one `result` or one
 * `error`, after which the stream ends. A comment is sent when nothing was said for a while, so that no proxy hangs up.
 */
import type { Run, RunEvent } from "tierwise";
import { problemOf } from "./errors.ts";

export interface EventsOptions<O> {
  /** What is told of a result. */
  readonly result: (result: Awaited<Run<O>["result"]>) => unknown;
  /** Milliseconds of silence before a comment. */
  readonly heartbeatMs: number;
}

/** Pulled piece by piece: a client that reads slowly slows the models' streams down instead of filling memory. */
export async function* eventsOf<O>(run: Run<O>, options: EventsOptions<O>): AsyncGenerator<string> {
  const events = run[Symbol.asyncIterator]();
  try {
    yield message("run", { runId: run.id });
    for (let next = events.next(); ; next = events.next()) {
      let read = await orSilence(next, options.heartbeatMs);
      while (read === "silence") {
        yield ": still here\n\n";
        read = await orSilence(next, options.heartbeatMs);
      }
      if (read.done === true) break;
      const text = shown(read.value);
      if (text !== undefined) yield text;
    }
    yield await lastOf(run, options);
  } finally {
    await events.return?.();
  }
}

async function lastOf<O>(run: Run<O>, { result }: EventsOptions<O>): Promise<string> {
  try {
    return message("result", result(await run.result));
  } catch (error) {
    return message("error", problemOf(error));
  }
}

/** What the caller may care about. Decisions and attempts are in the trace. */
function shown(event: RunEvent): string | undefined {
  switch (event.type) {
    case "step-start":
      return message("step", { step: event.step, state: "started" });
    case "step-end":
      return message("step", { step: event.step, state: event.outcome, durationMs: Math.round(event.durationMs) });
    case "token":
      return message("token", { step: event.step, attempt: event.attempt, text: event.text });
    case "partial":
      return message("partial", { step: event.step, attempt: event.attempt, value: event.value });
    case "attempt-error":
      return message("void", { step: event.step, attempt: event.attempt });
    case "attempt-end":
      return event.outcome === "rejected" ? message("void", { step: event.step, attempt: event.attempt }) : undefined;
    default:
      return undefined;
  }
}

/** JSON has no line breaks of its own, so one `data` line holds it. */
function message(event: string, data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}

async function orSilence<T>(next: Promise<T>, heartbeatMs: number): Promise<T | "silence"> {
  const silence = Promise.withResolvers<"silence">();
  const timer = setTimeout(() => silence.resolve("silence"), heartbeatMs);
  try {
    return await Promise.race([next, silence.promise]);
  } finally {
    clearTimeout(timer);
  }
}
