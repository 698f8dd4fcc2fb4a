/** E4 to E7: connections, time, and bodies that are none. */
import { faults, type ServerReply } from "tierwise/testing";
import type { Row } from "./row.ts";
import { always, once, row } from "./trial-rows.ts";

const connections: Row[] = [
  row("E4", "connection refused", {
    main: [],
    isDown: true,
    expected: {
      outcome: "completed",
      main: 0,
      spare: 1,
      failures: "ECONNREFUSED ECONNREFUSED ECONNREFUSED",
      exact: true,
    },
  }),
  row("E4", "name does not resolve", {
    main: [],
    address: () => "http://nowhere.invalid/v1",
    expected: { outcome: "completed", main: 0, spare: 1, failures: "ENOTFOUND ENOTFOUND ENOTFOUND", exact: true },
  }),
  row("E4", "TLS to a server without TLS", {
    main: [],
    address: (server) => server.baseURL.replace("http:", "https:"),
    expected: { outcome: "completed", main: 0, spare: 1, exact: true },
  }),
  ...(
    [
      ["reset before the head", faults.resetBeforeHeaders()],
      ["reset in the body", faults.resetMidBody()],
      ["closed before the head", faults.closeBeforeHeaders()],
      ["closed in the body", faults.closeMidBody()],
    ] as const
  ).flatMap(([what, reply]) => [
    // It may have been worked on, so it is charged at its bound.
    row("E4", `${what}, once`, {
      main: once(reply),
      expected: { outcome: "completed", main: 2, spare: 0, answer: "fine", exact: false },
    }),
    row("E4", `${what}, always`, {
      main: always(reply),
      expected: { outcome: "completed", main: 3, spare: 1, answer: "fine", exact: false },
    }),
  ]),
];

const silences: Row[] = (
  [
    ["no head", faults.hang()],
    ["no body", faults.hangAfterHeaders()],
    ["silent in the body", faults.hangMidBody()],
    ["never ends", faults.neverEnds()],
    ["a byte every 50 ms", faults.drip({ everyMs: 50 })],
  ] as const
).flatMap(([what, reply]) => [
  row("E5", `${what}, once`, {
    main: once(reply),
    timeoutMs: 400,
    expected: {
      outcome: "completed",
      main: 2,
      spare: 0,
      gaveUp: 1,
      failures: "timeout",
      ms: [390, 10_000],
      exact: false,
    },
  }),
  row("E5", `${what}, always, no fallback, deadline 1 s`, {
    main: always(reply),
    spare: "none",
    timeoutMs: 5_000,
    durationMs: 1_000,
    expected: { outcome: "DEADLINE_EXCEEDED", main: 1, gaveUp: 1, ms: [990, 2_000] },
  }),
]);

/** May have been billed, each time: asked once more, no oftener. */
const protocolError = { outcome: "completed", main: 2, spare: 1, answer: "fine", exact: false } as const;

const bodies: Row[] = [
  row("E6", "200 with HTML", { main: always(faults.html()), expected: protocolError }),
  row("E6", "200 with truncated JSON", { main: always(faults.truncatedJson()), expected: protocolError }),
  row("E6", "200 with nothing", { main: always(faults.emptyBody()), expected: protocolError }),
  row("E6", "200 with an error inside", { main: always(faults.errorWithStatus200()), expected: protocolError }),
  row("E6", "200 with another content type", { main: always(faults.wrongContentType()), expected: protocolError }),
  row("E6", "200 with invalid UTF-8", { main: always(faults.invalidUtf8()), expected: protocolError }),
  // A reader may ignore it (RFC 8259, section 8.1).
  row("E6", "200 behind a byte order mark", {
    main: always(faults.byteOrderMark()),
    expected: { outcome: "completed", main: 1, spare: 0, answer: "ok" },
  }),
  // Cut off while it is unpacked; it would be as large another time.
  row("E6", "200 with a gzip bomb of 50 MB", {
    main: always(faults.gzipBomb()),
    expected: { ...protocolError, main: 1, failures: "response_too_large" },
  }),
];

const words: ServerReply = { content: "one two three" };
const streamed = { streams: true } as const;
/** What came before the fault is void, and is charged at its bound: it may have been billed. */
const again = { outcome: "completed", main: 2, spare: 0, answer: "fine", exact: false } as const;
const same = { outcome: "completed", main: 1, spare: 0, answer: "one two three", exact: true } as const;

const streams: Row[] = [
  ...(
    [
      ["reset in the stream", faults.resetMidBody()],
      ["closed in the stream", faults.closeMidBody()],
      ["reset after the last token, before [DONE]", faults.resetBeforeDone()],
    ] as const
  ).map(([what, reply]) =>
    row("E4", what, { ...streamed, main: once({ ...words, ...reply }), expected: { ...again, voided: [1, 3] } }),
  ),
  row("E5", "silence between two events of a stream", {
    ...streamed,
    main: once({ ...words, ...faults.hangMidBody() }),
    idleTimeoutMs: 200,
    expected: { ...again, gaveUp: 1, failures: "timeout", voided: [1, 3], ms: [190, 5_000] },
  }),
  row("E5", "a stream of a byte every 20 ms, longer than timeoutMs", {
    ...streamed,
    main: once({ ...words, ...faults.drip({ everyMs: 20 }) }),
    timeoutMs: 600,
    expected: { ...again, gaveUp: 1, failures: "timeout", ms: [590, 10_000] },
  }),
  ...(
    [
      ["split lines", faults.splitLines()],
      ["every byte for itself", { delivery: { pieceBytes: 1 } }],
      ["CR LF", faults.crlf()],
      ["comments", faults.comments()],
      ["two [DONE]", faults.twoDoneMarks()],
      ["no [DONE]", faults.noDoneMark()],
    ] as const
  ).map(([what, reply]) =>
    row("E7", `stream with ${what}`, { ...streamed, main: [{ ...words, ...reply }], expected: { ...same, shown: 3 } }),
  ),
  row("E7", "stream with characters that are split", {
    ...streamed,
    main: [faults.splitCharacters()],
    expected: { ...same, answer: "Grüße, 世界 👋" },
  }),
  ...(
    [
      ["every event twice", { stream: { duplicates: true } }],
      ["two events in each other's place", { stream: { swapped: true } }],
    ] as const
  ).flatMap(([what, reply]) => [
    // Events have no number: of free text nobody can tell. A schema can.
    row("E7", `stream of JSON with ${what}`, {
      ...streamed,
      task: "json",
      main: [{ content: '{"total": 3 }', ...reply }],
      expected: { outcome: "completed", main: 1, spare: 1, failures: "schema_invalid", shown: 1, voided: 0 },
    }),
  ]),
  row("E7", "stream with an error event, once", {
    ...streamed,
    main: once(faults.errorEvent()),
    expected: { ...again, failures: "malformed_reply" },
  }),
  row("E7", "stream with an error event, always", {
    ...streamed,
    main: always(faults.errorEvent()),
    expected: { ...protocolError, failures: "malformed_reply malformed_reply" },
  }),
  row("E7", "stream without a finish reason, once", {
    ...streamed,
    main: once({ ...words, ...faults.noFinishReason() }),
    expected: { ...again, failures: "malformed_reply", voided: 3 },
  }),
  row("E10", "a stream without end", {
    ...streamed,
    main: always({ content: "x ".repeat(20_000), delivery: { pieceBytes: 65_536, everyMs: 1, then: "silence" } }),
    expected: { outcome: "completed", main: 1, spare: 1, gaveUp: 1, failures: "response_too_large", exact: false },
  }),
  ...(["growing", "falling"] as const).map((direction) =>
    row("E11", `usage that is ${direction} from event to event`, {
      ...streamed,
      main: [faults.usageInEveryEvent(direction)],
      expected: { ...same, shown: 3 },
    }),
  ),
];

export const wireRows: readonly Row[] = [...connections, ...silences, ...bodies, ...streams];
