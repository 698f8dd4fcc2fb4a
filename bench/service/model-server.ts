/**
 * The desk's models as a server in a process of its own: one answer in a hundred goes wrong, until it is told to be good, or to
 * let everybody wait. Tells its parent where it is, and what arrived.
 * @module
 */
import { FaultServer, faults, type ServerReply, type ServerRequest } from "tierwise/testing";
import { topics } from "../../examples/support-desk/support-graph.ts";
import { passingFaults } from "../passing-faults.ts";
import { randomOf } from "../soak/random.ts";

export type Command = "count" | "be good" | "hang";
export interface Counts {
  readonly requests: number;
  readonly faults: number;
  /** Requests whose client closed the connection before it had the whole answer. */
  readonly closed: number;
  /** Requests that wait for ever, and whose client is still there. */
  readonly hanging: number;
}
export type Told = { readonly baseURL: string } | Counts | "done";

const faultRatio = 0.01;
const random = randomOf(Number(process.argv[2] ?? 1));
const counts = { requests: 0, faults: 0, closed: 0, hanging: 0 };
let mood: "faulty" | "be good" | "hang" = "faulty";

const goingWrong: readonly (() => ServerReply)[] = [
  ...passingFaults,
  () => ({ delivery: { pieceBytes: 20, everyMs: 5 } }),
];

function goodAnswer({ body }: ServerRequest): ServerReply {
  const messages = body["messages"] as readonly { readonly role: string; readonly content: string }[];
  const text = messages.map(({ content }) => content).join("\n");
  if (text.includes("Choose the one label")) return { content: pick(topics) };
  if (body["tools"] !== undefined) return turn(messages.at(-1)?.role === "tool");
  if (body["stream"] === true) return { content: "Dear customer, we have looked into it and all is well.\n".repeat(4) };
  return { content: `Hi ${/reply to (\S+) about/.exec(text)?.[1] ?? ""}, all is well.` };
}

function turn(hasLooked: boolean): ServerReply {
  if (hasLooked) return { content: '{"action":"answered","amountCents":0,"articleId":"none"}' };
  return { content: null, toolCalls: [{ id: `call_${random()}`, name: "order_history", args: "{}" }] };
}

function answer(server: FaultServer, request: ServerRequest): ServerReply {
  counts.requests += 1;
  void request.closed.then(() => (counts.closed += 1));
  // It remembers every request; this process would run out of memory.
  server.requests.length = 0;
  if (mood === "hang") return hang(request);
  if (mood === "be good" || random() >= faultRatio)
    return { ...goodAnswer(request), delivery: { pieceBytes: 200, everyMs: 5 } };
  counts.faults += 1;
  return { ...goodAnswer(request), ...pick(goingWrong)() };
}

function hang({ closed }: ServerRequest): ServerReply {
  counts.hanging += 1;
  void closed.then(() => (counts.hanging -= 1));
  return faults.hang();
}

function pick<T>(items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!;
}

const server: FaultServer = await FaultServer.start((request) => answer(server, request));
const tell = (told: Told): void => void process.send?.(told);
process.on("message", (command: Command) => {
  if (command !== "count") mood = command;
  tell(command === "count" ? counts : "done");
});
process.once("disconnect", () => process.exit());
tell({ baseURL: server.baseURL });
