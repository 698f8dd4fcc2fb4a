import { connect } from "node:net";
import { setTimeout as pause } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import { FaultServer, type ServerScript } from "./fault-server.ts";
import * as faults from "./faults.ts";
import type { Delivery, ServerReply } from "./server-reply.ts";

/** What a client without any comfort sees of one answer. */
interface Seen {
  readonly status?: number;
  readonly headers?: Headers;
  /** Pieces of the body as they came, so far as they came. */
  readonly pieces: readonly Buffer[];
  readonly body: string;
  /** How it ended: whole, or with the code of a connection error, or silent until we left. */
  readonly end: string;
}

interface Patience {
  readonly stream?: boolean;
  /** How long to wait for the head. */
  readonly headMs?: number;
  /** How long to wait for the next piece. */
  readonly pieceMs?: number;
}

/** Long for what must come, on a busy machine too; short for what must not. */
function patienceFor({ sends, then }: Delivery = {}): Patience {
  if (then !== "silence") return {};
  return sends === "nothing" ? { headMs: 150 } : { pieceMs: 300 };
}

/** One request by `fetch`, given up after a while without news. */
async function ask(
  server: FaultServer,
  { stream = false, headMs = 20_000, pieceMs = 20_000 }: Patience = {},
): Promise<Seen> {
  const idle = new AbortController();
  let timer = setTimeout(() => idle.abort(), headMs);
  const pieces: Buffer[] = [];
  let head: Response | undefined;
  const seen = (end: string): Seen => ({
    ...(head && { status: head.status, headers: head.headers }),
    pieces,
    body: Buffer.concat(pieces).toString(),
    end,
  });
  try {
    const options = stream ? { stream_options: { include_usage: true } } : {};
    const body = JSON.stringify({ model: "tiny", stream, ...options });
    head = await fetch(`${server.baseURL}/chat/completions`, { method: "POST", body, signal: idle.signal });
    const waitForPiece = (): void => {
      clearTimeout(timer);
      timer = setTimeout(() => idle.abort(), pieceMs);
    };
    waitForPiece();
    for await (const piece of head.body ?? []) {
      pieces.push(Buffer.from(piece as Uint8Array));
      waitForPiece();
    }
    return seen("whole");
  } catch (error) {
    return seen(idle.signal.aborted ? "silence" : codeOf(error));
  } finally {
    clearTimeout(timer);
  }
}

function codeOf(error: unknown): string {
  for (let here = error as { code?: string; cause?: unknown } | undefined; here; here = here.cause as typeof here)
    if (here.code !== undefined) return here.code;
  return String(error);
}

/** The bytes of one answer as they stand on the connection, to its end. */
function rawAnswer(server: FaultServer, stream: boolean): Promise<string> {
  const body = JSON.stringify({ stream });
  const request = `POST / HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: ${body.length}\r\n\r\n${body}`;
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(server.port, "127.0.0.1", () => socket.write(request));
    socket.on("data", (chunk) => chunks.push(chunk));
    socket.on("error", reject).on("close", () => resolve(Buffer.concat(chunks).toString()));
  });
}

interface Completion {
  readonly model: string;
  readonly usage?: Record<string, unknown>;
  readonly choices: readonly {
    readonly message: {
      readonly content: string | null;
      readonly refusal?: string;
      readonly tool_calls?: readonly { id: string; function: { name: string; arguments: string } }[];
    };
    readonly finish_reason: string | null;
    readonly logprobs?: unknown;
  }[];
}

const completionOf = ({ body }: Seen): Completion => JSON.parse(body) as Completion;
const messageOf = (seen: Seen) => completionOf(seen).choices[0]!.message;
const argumentsOf = (seen: Seen) => messageOf(seen).tool_calls!.map((call) => call.function.arguments);
const errorOf = ({ body }: Seen) => (JSON.parse(body) as { error: { code: string; type: string } }).error;

/** Data of the events of a stream, comments left out. */
function eventsOf({ body }: Seen): string[] {
  const lines = body.split(/\r?\n/).filter((line) => line.startsWith("data: "));
  return lines.map((line) => line.slice("data: ".length));
}

interface Chunk {
  readonly choices?: readonly { readonly delta: { content?: string }; readonly finish_reason: string | null }[];
  readonly usage?: { readonly completion_tokens: number };
  readonly error?: unknown;
}

interface CallDelta {
  readonly tool_calls: readonly { readonly index: number; readonly function: { readonly arguments: string } }[];
}

const chunksOf = (seen: Seen): Chunk[] =>
  eventsOf(seen).flatMap((event) => (event === "[DONE]" ? [] : [JSON.parse(event) as Chunk]));
const textOf = (seen: Seen): string =>
  chunksOf(seen)
    .map(({ choices }) => choices?.[0]?.delta.content ?? "")
    .join("");
const finishOf = (seen: Seen) => chunksOf(seen).flatMap(({ choices }) => choices?.[0]?.finish_reason ?? []);
const retryAfterOf = ({ headers }: Seen) => headers!.get("retry-after");

type Row = readonly [string, ServerReply, (seen: Seen) => void];

const rateLimits: Row[] = [
  ["absent", faults.rateLimited(), (seen) => expect(retryAfterOf(seen)).toBeNull()],
  ["in seconds", faults.rateLimited({ retryAfter: 2 }), (seen) => expect(retryAfterOf(seen)).toBe("2")],
  [
    "as an HTTP date",
    faults.rateLimited({ retryAfter: new Date(0) }),
    (seen) => expect(retryAfterOf(seen)).toBe("Thu, 01 Jan 1970 00:00:00 GMT"),
  ],
  [
    "in milliseconds",
    faults.rateLimited({ retryAfterMs: 40 }),
    (seen) => expect(seen.headers!.get("retry-after-ms")).toBe("40"),
  ],
  ["of a day", faults.rateLimited({ retryAfter: 86_400 }), (seen) => expect(retryAfterOf(seen)).toBe("86400")],
  ["negative", faults.rateLimited({ retryAfter: -1 }), (seen) => expect(retryAfterOf(seen)).toBe("-1")],
  ["garbage", faults.rateLimited({ retryAfter: "soon" }), (seen) => expect(retryAfterOf(seen)).toBe("soon")],
];

const statuses: Row[] = [
  ...[400, 401, 403, 404, 408, 413, 422, 500, 502, 503, 504, 529].map((code): Row => [
    `status ${code}`,
    faults.status(code),
    (seen) => {
      expect(seen.status).toBe(code);
      expect(errorOf(seen).type).toBe(code < 500 ? "invalid_request_error" : "server_error");
    },
  ]),
  ...rateLimits.map(([what, reply, check]): Row => [
    `429 with Retry-After ${what}`,
    reply,
    (seen) => {
      expect(seen.status).toBe(429);
      expect(errorOf(seen).code).toBe("rate_limit_exceeded");
      check(seen);
    },
  ]),
  ["a used-up quota", faults.quotaExceeded(), (seen) => expect(errorOf(seen).code).toBe("insufficient_quota")],
  [
    "a context that is too long",
    faults.contextTooLong(),
    (seen) => expect([seen.status, errorOf(seen).code]).toEqual([400, "context_length_exceeded"]),
  ],
  [
    "a prompt that the filter refused",
    faults.contentFiltered(),
    (seen) => expect([seen.status, errorOf(seen).code]).toEqual([400, "content_filter"]),
  ],
];

const connections: Row[] = [
  [
    "a reset before the head",
    faults.resetBeforeHeaders(),
    (seen) => expect([seen.status, seen.end]).toEqual([undefined, "ECONNRESET"]),
  ],
  [
    "a reset in the body",
    faults.resetMidBody(),
    (seen) => {
      expect([seen.status, seen.end]).toEqual([200, "ECONNRESET"]);
      expect(seen.body).toMatch(/^\{"id":"chatcmpl-1"/);
      expect(seen.body).not.toContain("usage");
    },
  ],
  [
    "a close before the head",
    faults.closeBeforeHeaders(),
    (seen) => expect([seen.status, seen.end]).toEqual([undefined, "UND_ERR_SOCKET"]),
  ],
  [
    "a close in the body",
    faults.closeMidBody(),
    (seen) => {
      expect([seen.status, seen.end]).toEqual([200, "UND_ERR_SOCKET"]);
      expect(() => completionOf(seen)).toThrow();
    },
  ],
  ["no head, ever", faults.hang(), (seen) => expect([seen.status, seen.end]).toEqual([undefined, "silence"])],
  [
    "no body, ever",
    faults.hangAfterHeaders(),
    (seen) => expect([seen.status, seen.body, seen.end]).toEqual([200, "", "silence"]),
  ],
  [
    "silence in the body",
    faults.hangMidBody(),
    (seen) => {
      expect([seen.status, seen.end]).toEqual([200, "silence"]);
      expect(seen.body.length).toBeGreaterThan(50);
      expect(() => completionOf(seen)).toThrow();
    },
  ],
  [
    "an answer that never ends",
    faults.neverEnds(),
    (seen) => {
      expect(seen.end).toBe("silence");
      expect(messageOf(seen).content).toBe("ok");
    },
  ],
  [
    "a byte at a time",
    faults.drip({ everyMs: 1 }),
    (seen) => {
      expect(seen.end).toBe("whole");
      expect(seen.pieces.length).toBeGreaterThan(seen.body.length / 2);
      expect(messageOf(seen).content).toBe("ok");
    },
  ],
];

const bodies: Row[] = [
  [
    "a page",
    faults.html(),
    (seen) => {
      expect([seen.status, seen.headers!.get("content-type")]).toEqual([200, "text/html"]);
      expect(seen.body).toContain("<html>");
    },
  ],
  [
    "JSON that stops",
    faults.truncatedJson(),
    (seen) => {
      expect([seen.end, seen.headers!.get("content-length")]).toEqual(["whole", String(seen.body.length)]);
      expect(seen.body).toMatch(/^\{"id"/);
      expect(() => completionOf(seen)).toThrow();
    },
  ],
  ["nothing", faults.emptyBody(), (seen) => expect([seen.status, seen.body, seen.end]).toEqual([200, "", "whole"])],
  [
    "another content type",
    faults.wrongContentType(),
    (seen) => {
      expect(seen.headers!.get("content-type")).toBe("text/plain");
      expect(messageOf(seen).content).toBe("ok");
    },
  ],
  [
    "bytes that are no UTF-8",
    faults.invalidUtf8(),
    (seen) => {
      expect(() => new TextDecoder("utf8", { fatal: true }).decode(Buffer.concat(seen.pieces))).toThrow();
      expect(messageOf(seen).content).toBe("b\uFFFD\uFFFDb");
    },
  ],
  [
    "a byte order mark",
    faults.byteOrderMark(),
    (seen) => {
      expect(Buffer.concat(seen.pieces).subarray(0, 3)).toEqual(Buffer.from([0xef, 0xbb, 0xbf]));
      expect(JSON.parse(seen.body.slice(1))).toHaveProperty("choices");
    },
  ],
  ["an error with status 200", faults.errorWithStatus200(), (seen) => expect(errorOf(seen).type).toBe("server_error")],
  [
    "a gzip bomb",
    faults.gzipBomb(),
    (seen) => {
      expect(Number(seen.headers!.get("content-length"))).toBeLessThan(1_000_000);
      expect(seen.body.length).toBeGreaterThan(50_000_000);
      expect(messageOf(seen).content).toBe("ok");
    },
  ],
];

const usageRows: [Parameters<typeof faults.usage>[0], unknown][] = [
  ["absent", undefined],
  ["null", { prompt_tokens: null, completion_tokens: null, total_tokens: null }],
  ["text", { prompt_tokens: "12", completion_tokens: "5", total_tokens: "17" }],
  ["negative", { prompt_tokens: -10, completion_tokens: -5, total_tokens: -15 }],
  ["huge", { prompt_tokens: 1e18, completion_tokens: 1e18, total_tokens: 2e18 }],
  ["fraction", { prompt_tokens: 10.5, completion_tokens: 5.5, total_tokens: 16 }],
  ["wrong-total", { prompt_tokens: 10, completion_tokens: 5, total_tokens: 99 }],
  [
    "cached-above-input",
    { prompt_tokens: 10, completion_tokens: 5, total_tokens: 15, prompt_tokens_details: { cached_tokens: 50 } },
  ],
];

const completions: Row[] = [
  ...usageRows.map(([kind, usage]): Row => [
    `usage: ${kind}`,
    faults.usage(kind),
    (seen) => expect(completionOf(seen).usage).toEqual(usage),
  ]),
  [
    "usage: nan",
    faults.usage("nan"),
    (seen) => {
      expect(seen.body).toContain('"prompt_tokens":10,"completion_tokens":NaN,');
      expect(() => completionOf(seen)).toThrow();
    },
  ],
  ["no choice", faults.choices(0), (seen) => expect(completionOf(seen).choices).toEqual([])],
  ["three choices", faults.choices(3), (seen) => expect(completionOf(seen).choices).toHaveLength(3)],
  [
    "a refusal",
    faults.refusal(),
    (seen) => expect(messageOf(seen)).toMatchObject({ content: null, refusal: expect.stringContaining("can't") }),
  ],
  [
    "the output limit",
    faults.lengthLimit(),
    (seen) => expect(completionOf(seen).choices[0]!.finish_reason).toBe("length"),
  ],
  [
    "an unknown finish reason",
    faults.finishReason("tired"),
    (seen) => expect(completionOf(seen).choices[0]!.finish_reason).toBe("tired"),
  ],
  [
    "no finish reason",
    faults.finishReason(null),
    (seen) => expect(completionOf(seen).choices[0]!.finish_reason).toBeNull(),
  ],
  ["empty content", faults.emptyContent(), (seen) => expect(messageOf(seen).content).toBe("")],
  ["another model", faults.otherModel("gpt-0"), (seen) => expect(completionOf(seen).model).toBe("gpt-0")],
  [
    "log-probabilities without numbers",
    faults.logprobsWithoutNumbers(),
    (seen) =>
      expect(completionOf(seen).choices[0]!.logprobs).toMatchObject({ content: [{ token: "ok", logprob: null }] }),
  ],
  [
    "missing log-probabilities",
    faults.logprobsMissing(),
    (seen) => expect(completionOf(seen).choices[0]!.logprobs).toBeNull(),
  ],
];

const toolCalls: Row[] = [
  [
    "truncated arguments",
    faults.truncatedArguments("look"),
    (seen) => {
      expect(argumentsOf(seen)[0]).toMatch(/^\{"q"/);
      expect(() => JSON.parse(argumentsOf(seen)[0]!) as unknown).toThrow();
    },
  ],
  [
    "arguments that are no JSON",
    faults.argumentsNotJson("look"),
    (seen) => expect(() => JSON.parse(argumentsOf(seen)[0]!) as unknown).toThrow(),
  ],
  [
    "arguments of a wrong type",
    faults.argumentsWrongType("look"),
    (seen) => expect(JSON.parse(argumentsOf(seen)[0]!)).toEqual([{ q: 7 }]),
  ],
  [
    "keys of the prototype",
    faults.prototypeKeys("look", { q: "x" }),
    (seen) => {
      const args = JSON.parse(argumentsOf(seen)[0]!) as object;
      expect(Object.keys(args)).toEqual(["q", "__proto__", "constructor"]);
    },
  ],
  [
    "an unknown tool",
    faults.unknownTool(),
    (seen) => expect(messageOf(seen).tool_calls![0]!.function.name).toBe("delete_everything"),
  ],
  [
    "one id for two calls",
    faults.duplicateCallIds("look"),
    (seen) => expect(messageOf(seen).tool_calls!.map(({ id }) => id)).toEqual(["call_1", "call_1"]),
  ],
  [
    "calls without ids",
    faults.emptyCallIds("look"),
    (seen) => expect(messageOf(seen).tool_calls!.map(({ id }) => id)).toEqual(["", ""]),
  ],
  [
    "500 calls at once",
    faults.manyCalls("look"),
    (seen) => {
      expect(new Set(argumentsOf(seen)).size).toBe(500);
      expect(completionOf(seen).choices[0]!.finish_reason).toBe("tool_calls");
    },
  ],
  ["10 MB of arguments", faults.hugeArguments("look"), (seen) => expect(argumentsOf(seen)[0]).toHaveLength(10_000_000)],
];

const streams: Row[] = [
  [
    "a plain stream",
    { content: "one two three" },
    (seen) => {
      expect(seen.headers!.get("content-type")).toBe("text/event-stream");
      expect([textOf(seen), finishOf(seen), eventsOf(seen).at(-1)]).toEqual(["one two three", ["stop"], "[DONE]"]);
      expect(chunksOf(seen).at(-1)).toMatchObject({ choices: [], usage: { completion_tokens: 5 } });
    },
  ],
  [
    "split characters",
    faults.splitCharacters(),
    (seen) => {
      expect(seen.pieces.some((piece) => piece.toString().includes("\uFFFD"))).toBe(true);
      expect(textOf(seen)).toBe("Grüße, 世界 👋");
    },
  ],
  [
    "split lines",
    faults.splitLines(),
    (seen) => {
      expect(seen.pieces.some((piece) => !piece.toString().endsWith("\n"))).toBe(true);
      expect(seen.pieces.length).toBeGreaterThan(eventsOf(seen).length);
      expect(textOf(seen)).toBe("ok");
    },
  ],
  ["CR LF", faults.crlf(), (seen) => expect(seen.body.replaceAll("\r\n", "")).not.toContain("\n")],
  [
    "comments",
    faults.comments(),
    (seen) => {
      expect(seen.body.match(/^: keep-alive$/gm)).toHaveLength(eventsOf(seen).length);
      expect(textOf(seen)).toBe("ok");
    },
  ],
  ["duplicate events", faults.duplicateEvents(), (seen) => expect(textOf(seen)).toBe("oneone two two three three")],
  ["swapped events", faults.swappedEvents(), (seen) => expect(textOf(seen)).toBe(" twoone three")],
  [
    "two [DONE]",
    faults.twoDoneMarks(),
    (seen) =>
      expect(
        eventsOf(seen)
          .slice(-3)
          .map((event) => event === "[DONE]"),
      ).toEqual([false, true, true]),
  ],
  [
    "no [DONE]",
    faults.noDoneMark(),
    (seen) => expect([seen.end, eventsOf(seen).includes("[DONE]")]).toEqual(["whole", false]),
  ],
  [
    "an error in the middle",
    faults.errorEvent(),
    (seen) => {
      expect(textOf(seen)).not.toContain("three");
      expect(chunksOf(seen).at(-1)?.error).toMatchObject({ type: "server_error" });
      expect([finishOf(seen), eventsOf(seen).includes("[DONE]")]).toEqual([[], false]);
    },
  ],
  [
    "no finish reason",
    faults.noFinishReason(),
    (seen) => expect([finishOf(seen), eventsOf(seen).at(-1)]).toEqual([[], "[DONE]"]),
  ],
  [
    "usage that grows",
    faults.usageInEveryEvent("growing"),
    (seen) => expect(chunksOf(seen).map(({ usage }) => usage?.completion_tokens)).toEqual([1, 2, 3, 4, 5]),
  ],
  [
    "usage that falls",
    faults.usageInEveryEvent("falling"),
    (seen) => expect(chunksOf(seen).map(({ usage }) => usage?.completion_tokens)).toEqual([5, 4, 3, 2, 1]),
  ],
  [
    "a reset in the middle",
    faults.resetMidBody(),
    (seen) => {
      expect(seen.end).toBe("ECONNRESET");
      expect(seen.body).toMatch(/^data: /);
      expect(seen.body).not.toContain("[DONE]");
    },
  ],
  [
    "a reset after the last token",
    faults.resetBeforeDone(),
    (seen) => {
      expect([textOf(seen), finishOf(seen), seen.end]).toEqual(["ok", ["stop"], "ECONNRESET"]);
      expect(eventsOf(seen)).not.toContain("[DONE]");
    },
  ],
  [
    "silence between events",
    faults.hangMidBody(),
    (seen) => {
      expect(seen.end).toBe("silence");
      expect(seen.body).toMatch(/^data: /);
    },
  ],
  [
    "tool calls in pieces",
    faults.duplicateCallIds("look"),
    (seen) => {
      const deltas = chunksOf(seen).flatMap(({ choices }) => {
        const delta = choices?.[0]?.delta as Partial<CallDelta> | undefined;
        return delta?.tool_calls ?? [];
      });
      const args = [0, 1].map((wanted) =>
        deltas.flatMap(({ index, function: { arguments: piece } }) => (index === wanted ? [piece] : [])),
      );
      expect(args).toEqual([
        ['{"q"', ':"a"}'],
        ['{"q"', ':"b"}'],
      ]);
    },
  ],
];

describe("a fault is really served", () => {
  it.each([...statuses, ...connections, ...bodies, ...completions, ...toolCalls])("%s", async (_what, reply, check) => {
    await using server = await FaultServer.start([reply]);
    check(await ask(server, patienceFor(reply.delivery)));
    expect(server.requests).toHaveLength(1);
  });

  it.each(streams)("as a stream: %s", async (_what, reply, check) => {
    await using server = await FaultServer.start([reply]);
    check(await ask(server, { stream: true, ...patienceFor(reply.delivery) }));
    expect(server.requests).toHaveLength(1);
  });

  it("and the last requests are remembered, all counted, the script gone through to its end", async () => {
    const replies = ["a", "b", "c"].map((content) => ({ content }));
    await using server = await FaultServer.start(replies, { keepRequests: 1 });
    for (const { content } of replies) expect((await ask(server, patienceFor())).body).toContain(`"${content}"`);
    expect([server.requests.length, server.requestCount]).toEqual([1, 3]);
    server.assertDone();
    await expect(FaultServer.start([], { keepRequests: 0.5 })).rejects.toThrow(
      "FaultServer keepRequests: expected a whole number from 0, or Infinity, found 0.5",
    );
  });

  it("and every fault that there is stands in these tables", () => {
    const replies = [...statuses, ...connections, ...bodies, ...completions, ...toolCalls, ...streams];
    const shown = new Set(replies.map(([, reply]) => JSON.stringify(reply)));
    const tool = "look";
    const made: Record<string, ServerReply> = {
      ...Object.fromEntries(
        Object.entries(faults).map(([name, make]) => [name, (make as (arg: never) => ServerReply)(tool as never)]),
      ),
      // Those that take something else than a tool.
      ...{ status: faults.status(500), rateLimited: faults.rateLimited(), drip: faults.drip({ everyMs: 1 }) },
      ...{ gzipBomb: faults.gzipBomb(), usage: faults.usage("absent"), choices: faults.choices(0) },
      ...{ finishReason: faults.finishReason("tired"), otherModel: faults.otherModel("gpt-0") },
      ...{ unknownTool: faults.unknownTool(), wrongContentType: faults.wrongContentType() },
      usageInEveryEvent: faults.usageInEveryEvent("falling"),
    };
    const missing = Object.keys(made).filter((name) => !shown.has(JSON.stringify(made[name])));
    expect(missing).toEqual([]);
    expect(Object.keys(made).length).toBeGreaterThan(45);
  });

  it("on the wire, byte for byte: every piece is a chunk of its own", async () => {
    await using server = await FaultServer.start([{ content: "é", delivery: { pieceBytes: 1 } }]);
    const answer = await rawAnswer(server, false);
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
    expect(answer).toContain("Transfer-Encoding: chunked");
    expect(answer.match(/\r\n1\r\n/g)?.length).toBeGreaterThan(100);
    expect(answer.endsWith("\r\n0\r\n\r\n")).toBe(true);
  });
});

describe("the fault server", () => {
  it("remembers what was asked, and by whom it was given up", async () => {
    await using server = await FaultServer.start([{}, faults.hang()]);
    const headers = { authorization: "Bearer key", "content-type": "application/json" };
    const body = JSON.stringify({ model: "tiny", messages: [] });
    await fetch(`${server.baseURL}/chat/completions?x=1`, { method: "POST", headers, body });
    const [first] = server.requests;
    expect(first).toMatchObject({ path: "/v1/chat/completions?x=1", body: { model: "tiny", messages: [] } });
    expect(first?.headers).toMatchObject(headers);
    expect(first?.closedByClient).toBe(false);
    const controller = new AbortController();
    const given = expect(fetch(server.baseURL, { method: "POST", body, signal: controller.signal })).rejects.toThrow();
    await server.arrival();
    expect(server.requests[1]?.closedByClient).toBe(false);
    controller.abort();
    await given;
    await server.requests[1]?.closed;
    expect(server.requests[1]?.closedByClient).toBe(true);
    expect(server.requests[1]!.atMs).toBeGreaterThanOrEqual(first!.atMs);
  });

  it("does not take its own cut for the client's", async () => {
    const server = await FaultServer.start([faults.resetBeforeHeaders(), faults.closeMidBody(), faults.hang()]);
    await ask(server);
    await ask(server);
    const hanging = ask(server);
    await server.arrival();
    await server[Symbol.asyncDispose]();
    await hanging;
    expect(server.requests.map(({ closedByClient }) => closedByClient)).toEqual([false, false, false]);
  });

  it("answers a request beyond its script with 418, which assertDone tells, as it tells unused replies", async () => {
    await using server = await FaultServer.start([{}, {}]);
    await ask(server);
    expect(() => server.assertDone()).toThrow("fault server: 2 replies were scripted, 1 were asked for");
    await ask(server);
    server.assertDone();
    expect((await ask(server)).status).toBe(418);
    expect(() => server.assertDone()).toThrow("2 replies were scripted, 3 were asked for");
  });

  it("answers every request of a function, which sees the request", async () => {
    const script: ServerScript = ({ body }) => ({ content: `for ${String(body["model"])}` });
    await using server = await FaultServer.start(script);
    expect(messageOf(await ask(server)).content).toBe("for tiny");
    expect(messageOf(await ask(server)).content).toBe("for tiny");
    server.assertDone();
  });

  it("answers with 500 when its script throws, and tells why", async () => {
    const cause = new Error("expected another request");
    await using server = await FaultServer.start(() => {
      throw cause;
    });
    expect((await ask(server)).status).toBe(500);
    expect(() => server.assertDone()).toThrow(expect.objectContaining({ cause }) as Error);
  });

  it("refuses what is no JSON object, as a real one does", async () => {
    await using server = await FaultServer.start([{}]);
    const response = await fetch(server.baseURL, { method: "POST", body: "{" });
    expect(response.status).toBe(400);
  });

  it("refuses connections while it is stopped, and takes them again at the same address", async () => {
    await using server = await FaultServer.start(() => ({}));
    const { baseURL } = server;
    expect((await ask(server)).status).toBe(200);
    await server.stop();
    await server.stop();
    expect((await ask(server)).end).toBe("ECONNREFUSED");
    await server.resume();
    await server.resume();
    expect([server.baseURL, (await ask(server)).status]).toEqual([baseURL, 200]);
    expect(server.requests).toHaveLength(2);
  });

  it("takes everything it started with it: connections, pauses, handles", async () => {
    const before = process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length;
    const server = await FaultServer.start([faults.drip({ everyMs: 60_000 }), faults.hang(), faults.neverEnds()]);
    const asked = [1, 2, 3].map(() => ask(server));
    while (server.requests.length < 3) await server.arrival();
    await pause(20);
    const startedMs = performance.now();
    await server[Symbol.asyncDispose]();
    const ends = await Promise.all(asked);
    expect(performance.now() - startedMs).toBeLessThan(10_000);
    expect(ends.every(({ end }) => end !== "whole" && end !== "silence")).toBe(true);
    await pause(20);
    expect(process.getActiveResourcesInfo().filter((name) => /TCP|Timeout/.test(name)).length).toBeLessThanOrEqual(
      before,
    );
    await expect(fetch(server.baseURL)).rejects.toThrow();
  });

  it("ends a slow answer when its client leaves", async () => {
    await using server = await FaultServer.start([faults.drip({ everyMs: 20 }), {}]);
    const controller = new AbortController();
    const response = await fetch(server.baseURL, { method: "POST", body: "{}", signal: controller.signal });
    controller.abort();
    await expect(response.text()).rejects.toThrow();
    await server.requests[0]?.closed;
    expect(messageOf(await ask(server)).content).toBe("ok");
  });

  it("makes no bomb above its bound", () => {
    expect(() => faults.gzipBomb({ unpackedBytes: 100_000_001 })).toThrow(RangeError);
    expect(() => faults.gzipBomb({ unpackedBytes: Number.NaN })).toThrow(RangeError);
  });
});
