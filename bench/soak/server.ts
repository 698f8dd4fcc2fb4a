/**
 * Two model servers in a process of their own, so that their work is not in the event loop that is watched. Parameter: the
 * seed. Tells its parent where they are, counts what arrives, and changes its ways when it is told.
 * @module
 */
import { faults, FaultServer, type ServerReply, type ServerRequest } from "tierwise/testing";
import { passingFaults } from "../passing-faults.ts";
import { randomOf } from "./random.ts";

/** `mixed`: one answer in a hundred goes wrong; `slow`: each takes half a second; `good`: none of both. */
export type Mode = "mixed" | "slow" | "good";
export type Command = { readonly mode: Mode } | "count" | "stop";
export type Told =
  { readonly ports: readonly [number, number] } | { readonly requests: number } | "changed" | "stopped";

const faultRatio = 0.01;
/** A weak answer: what validates it turns it down, and a stronger model is asked. */
const weakRatio = 0.03;
const random = randomOf(Number(process.argv[2] ?? 1));
let mode: Mode = "mixed";
let requests = 0;

const goingWrong: readonly (() => ServerReply)[] = [
  ...passingFaults,
  () => faults.closeBeforeHeaders(),
  () => faults.hang(),
  () => faults.hangMidBody(),
  () => faults.drip({ everyMs: 20 }),
  () => faults.invalidUtf8(),
  () => faults.gzipBomb({ unpackedBytes: 2_000_000 }),
  () => ({ content: "x".repeat(1_000_000) }),
  () => faults.usage("huge"),
];

function pick<T>(items: readonly T[]): T {
  return items[Math.floor(random() * items.length)]!;
}

function goodAnswer({ body }: ServerRequest): ServerReply {
  const messages = body["messages"] as readonly { readonly role: string }[];
  if (Array.isArray(body["tools"]) && messages.at(-1)?.role !== "tool")
    return { content: null, toolCalls: [{ id: "call_1", name: "look", args: `{"q":"${random()}"}` }] };
  if (body["logprobs"] !== true) return { content: random() < weakRatio ? "weak" : "a fine answer" };
  const label = pick(["refund", "bug"]);
  const token = { token: label, logprob: -0.01 };
  return { content: label, logprobs: { content: [{ ...token, top_logprobs: [token] }] } };
}

function answer(server: FaultServer, request: ServerRequest): ServerReply {
  requests += 1;
  // It remembers every request; in an hour this process would be what runs out of memory.
  server.requests.length = 0;
  const good = goodAnswer(request);
  if (mode === "slow") return { ...good, delivery: { pieceBytes: 150, everyMs: 500 } };
  return mode === "mixed" && random() < faultRatio ? pick(goingWrong)() : good;
}

async function serve(): Promise<FaultServer> {
  const server: FaultServer = await FaultServer.start((request) => answer(server, request));
  return server;
}

const servers = [await serve(), await serve()] as const;
const tell = (told: Told): void => void process.send?.(told);
process.on("message", (command: Command) => {
  if (command === "count") tell({ requests });
  else if (command === "stop") void Promise.all(servers.map((server) => server.stop())).then(() => tell("stopped"));
  else {
    mode = command.mode;
    tell("changed");
  }
});
process.once("disconnect", () => process.exit());
tell({ ports: [servers[0].port, servers[1].port] });
