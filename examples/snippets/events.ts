/** What the pages on events and streaming show. */
import { auditEntry, type Graph, type GraphBuilder, type Ref, type RunEvent, type Runtime } from "tierwise";
import * as z from "zod";

type Desk = Graph<{ ticket: string }, unknown>;

export function streamed<I, V>(g: GraphBuilder<I, V>, request: Ref<{ ticket: string }>) {
  // #region stream-step
  const reply = g.model("reply", {
    needs: { request },
    complexity: "generation",
    output: z.string(),
    prompt: ({ request }) => request.ticket,
    stream: true, // or { holdUntilChecked: true, idleTimeoutMs: 10_000 }
  });
  // #endregion
  return reply;
}

export async function show(runtime: Runtime, support: Desk, input: { ticket: string }) {
  // #region stream-read
  const run = await runtime.start(support, input);
  for await (const event of run) {
    if (event.type === "token") process.stdout.write(event.text); // event.step is the path: "reply", "items[3]/reply"
  }
  const { output } = await run.result;
  // #endregion
  return output;
}

export async function ofOneAttempt(events: AsyncIterable<RunEvent>, draw: (text: string) => void) {
  // #region attempts
  let [text, attempt] = ["", 0];
  for await (const event of events) {
    if (event.type !== "token") continue;
    text = (event.attempt === attempt ? text : "") + event.text; // a new attempt starts from nothing
    attempt = event.attempt;
    draw(text);
  }
  // #endregion
}

export async function listen(runtime: Runtime, support: Desk, input: { ticket: string }) {
  const seen: string[] = [];
  // #region listen
  const run = await runtime.start(support, input);
  run.on("attempt-end", ({ step, endpoint, outcome }) => seen.push(`${step}: ${endpoint} ${outcome}`));
  const stop = run.on("step-end", ({ step, costUsd }) => seen.push(`${step}: $${costUsd}`));
  await run.result;
  stop();
  // #endregion
  return seen;
}

export async function audited(
  runtime: Runtime,
  support: Desk,
  { input, auditLog }: { input: { ticket: string }; auditLog: { append(entry: object): void } },
) {
  // #region audit
  const run = await runtime.start(support, input);
  run.on("*", (event) => {
    const entry = auditEntry(event);
    if (entry !== undefined) auditLog.append(entry);
  });
  // #endregion
  return await run.result;
}

/** As a web framework hands it over. */
interface Response {
  write(text: string): boolean;
  end(): void;
  onClose(listener: () => void): void;
}

export async function serverSentEvents(
  runtime: Runtime,
  support: Desk,
  { input, response }: { input: { ticket: string }; response: Response },
) {
  // #region sse
  const gone = new AbortController();
  response.onClose(() => gone.abort()); // nobody listens any more: the run is cancelled
  const run = await runtime.start(support, input, { signal: gone.signal });
  for await (const event of run) {
    if (event.type !== "token" && event.type !== "step-end") continue;
    response.write(`event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`);
  }
  await run.result.catch(() => response.write("event: failed\ndata: {}\n\n"));
  response.end();
  // #endregion
}
