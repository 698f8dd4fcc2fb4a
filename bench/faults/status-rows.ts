/** E1 to E3: error statuses. */
import { faults, type ServerReply, type ServerScript } from "tierwise/testing";
import { quickRetry } from "./desk.ts";
import type { Row } from "./row.ts";
import { always, good, once, row } from "./trial-rows.ts";

const inSeconds = (seconds: number): Date => new Date(Date.now() + seconds * 1_000);

const recovered = { outcome: "completed", main: 2, spare: 0 } as const;
const passedOn = { outcome: "completed", spare: 1 } as const;

const rateLimits: Row[] = [
  row("E1", "429, Retry-After: 1", {
    main: once(faults.rateLimited({ retryAfter: 1 })),
    expected: { ...recovered, ms: [990, 10_000] },
  }),
  // A date has whole seconds: two from now is more than one away.
  row("E1", "429, Retry-After: date in 2 s", {
    main: firstThenGood(() => faults.rateLimited({ retryAfter: inSeconds(2) })),
    expected: { ...recovered, ms: [900, 10_000] },
  }),
  row("E1", "429, retry-after-ms: 300", {
    main: once(faults.rateLimited({ retryAfterMs: 300 })),
    expected: { ...recovered, ms: [290, 10_000] },
  }),
  ...(
    [
      ["absent", faults.rateLimited()],
      ["-1", faults.rateLimited({ retryAfter: -1 })],
      ["soon (garbage)", faults.rateLimited({ retryAfter: "soon" })],
    ] as const
  ).map(([what, reply]) =>
    row("E1", `429, Retry-After ${what}`, { main: once(reply), expected: { ...recovered, ms: [0, 10_000] } }),
  ),
  row("E1", "429, Retry-After: 86400", {
    main: always(faults.rateLimited({ retryAfter: 86_400 })),
    expected: { ...passedOn, main: 1, ms: [0, 5_000] },
  }),
  row("E1", "429, Retry-After: 86400, no fallback", {
    main: always(faults.rateLimited({ retryAfter: 86_400 })),
    spare: "none",
    expected: { outcome: "PROVIDER_ERROR", main: 1, ms: [0, 5_000], failures: "rate_limited" },
  }),
  row("E1", "429, quota used up", {
    main: always(faults.quotaExceeded()),
    expected: { ...passedOn, main: 1, failures: "quota_exhausted" },
  }),
];

/** The reply is made when it is sent, for it holds a date. */
function firstThenGood(reply: () => ServerReply): ServerScript {
  let isFirst = true;
  return () => {
    const found = isFirst ? reply() : good;
    isFirst = false;
    return found;
  };
}

const passing: Row[] = [408, 500, 502, 503, 504, 529].flatMap((code) => [
  row("E2", `${code} once`, { main: once(faults.status(code)), expected: { ...recovered, failures: String(code) } }),
  row("E2", `${code} always`, {
    main: always(faults.status(code)),
    expected: { ...passedOn, main: 3, exact: true },
  }),
]);

const outages: Row[] = [
  row("E2", "503 always, three runs: the circuit opens after five failures", {
    main: always(faults.status(503)),
    runs: 3,
    expected: { outcome: "completed", main: 5, spare: 3 },
  }),
  row("E2", "503 everywhere, long backoff, deadline 1.5 s", {
    main: always(faults.status(503)),
    spare: always(faults.status(503)),
    // The longest waits: one of a second, then none that fits.
    runtime: {
      retry: { ...quickRetry, maxAttempts: 10, initialDelayMs: 1_000, maxDelayMs: 60_000 },
      random: () => 0.99,
    },
    durationMs: 1_500,
    expected: { outcome: "PROVIDER_ERROR", main: 2, ms: [990, 1_600] },
  }),
];

const refusals: Row[] = [
  ...[400, 401, 403, 404, 413, 422].map((code) =>
    row("E3", `${code}`, {
      main: always(faults.status(code)),
      expected: { ...passedOn, main: 1, failures: String(code), exact: true },
    }),
  ),
  row("E3", "401, no fallback", {
    main: always(faults.status(401)),
    spare: "none",
    expected: { outcome: "PROVIDER_ERROR", main: 1 },
  }),
  row("E3", "context overflow", {
    main: always(faults.contextTooLong()),
    expected: { ...passedOn, main: 1, failures: "context_length", exact: true },
  }),
  row("E3", "content filter (400)", { main: always(faults.contentFiltered()), expected: { ...passedOn, main: 1 } }),
  row("E3", "content filter (finish reason)", {
    main: always({ content: "", finishReason: "content_filter" }),
    expected: { ...passedOn, main: 1, failures: "content_filter" },
  }),
];

export const statusRows: readonly Row[] = [...rateLimits, ...passing, ...outages, ...refusals];
