/** E1 and E13 over many runs, and B1: what only shows when runs share an endpoint or a budget. */
import { setTimeout as pause } from "node:timers/promises";
import { graph } from "tierwise";
import { faults, type ServerReply, type ServerScript } from "tierwise/testing";
import * as z from "zod";
import { attempt, bookProblems, customerData, Desk, deskGraph } from "./desk.ts";
import type { Facts, Row } from "./row.ts";

const down: ServerScript = () => faults.status(503);
/** Else a policy leaves an endpoint alone by what it measured, and the circuit is not what is seen. */
const withoutFeedback = { feedback: false } as const;
const input = { q: "where is my order" };

/** Twenty runs at once, of which the first two requests are told to wait for a second. */
async function herd(): Promise<Facts> {
  let asked = 0;
  const main: ServerScript = () => ((asked += 1) <= 2 ? faults.rateLimited({ retryAfter: 1 }) : { content: "fine" });
  await using desk = await Desk.open({ main, endpoint: { limits: { concurrency: 2 } } });
  const work = deskGraph({});
  const runs = await Promise.allSettled(Array.from({ length: 20 }, () => desk.runtime.run(work, input)));
  const [, second] = desk.main.requests;
  const inPause = desk.main.requests.filter(({ atMs }) => atMs > second!.atMs && atMs < second!.atMs + 900);
  return {
    outcome: runs.every(({ status }) => status === "fulfilled") ? "completed" : "some failed",
    ...counts(desk),
    broken: inPause.length === 0 ? "" : `${inPause.length} requests in the pause`,
  };
}

async function flapping(): Promise<Facts> {
  let asked = 0;
  const main: ServerScript = () => ((asked += 1) % 2 === 1 ? faults.status(503) : { content: "fine" });
  return attempt({ main, runs: 10, runtime: withoutFeedback });
}

/** A clock that can jump: a circuit stays open for longer than a bench wants to wait. */
function jumpingClock() {
  let aheadMs = 0;
  return {
    jump: (byMs: number) => void (aheadMs += byMs),
    clock: {
      nowMs: () => performance.now() + aheadMs,
      epochMs: () => Date.now() + aheadMs,
      setTimer: (delayMs: number, fire: () => void) => {
        const timer = setTimeout(fire, delayMs);
        return () => clearTimeout(timer);
      },
    },
  };
}

/** Its circuit opened; later, ten runs at once may send one request there and no more. */
async function halfOpen(): Promise<Facts> {
  const { clock, jump } = jumpingClock();
  await using desk = await Desk.open({ main: down, runtime: { ...withoutFeedback, clock } });
  const work = deskGraph({});
  for (let run = 0; run < 3; run += 1) await desk.runtime.run(work, input);
  const before = desk.main.requests.length;
  jump(11_000);
  const runs = await Promise.allSettled(Array.from({ length: 10 }, () => desk.runtime.run(work, input)));
  return {
    outcome: runs.every(({ status }) => status === "fulfilled") ? "completed" : "some failed",
    ...counts(desk),
    main: desk.main.requests.length - before,
  };
}

/** Nothing that may see the data is up, and its circuits are open; the endpoint that may not is in the best of health. */
async function onlyUnclearedUp(): Promise<Facts> {
  await using desk = await Desk.open({ main: down, spare: down, runtime: withoutFeedback });
  const work = deskGraph({});
  const codeOf = () =>
    desk.runtime.run(work, input).then(
      () => "completed",
      (error: unknown) => (error as { code: string }).code,
    );
  for (let run = 0; run < 3; run += 1) await codeOf();
  const before = desk.main.requests.length + desk.spare.requests.length;
  const outcome = await codeOf();
  return { outcome, ...counts(desk), main: desk.main.requests.length + desk.spare.requests.length - before };
}

const steps = 1_000;

/** Deterministic, so that a failure comes back. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function mixed(random: () => number): ServerScript {
  const mix: readonly (readonly [number, ServerReply])[] = [
    [0.75, { content: "fine" }],
    [0.8, faults.status(500)],
    [0.84, faults.resetBeforeHeaders()],
    [0.88, faults.resetMidBody()],
    [0.9, faults.html()],
    [0.92, faults.usage("absent")],
    [0.94, faults.usage("huge")],
    [0.96, faults.usage("negative")],
    [0.98, faults.lengthLimit()],
    [1, faults.status(400)],
  ];
  return () => {
    const drawn = random();
    return mix.find(([until]) => drawn < until)?.[1] ?? { content: "fine" };
  };
}

/** All of them in one run, on one budget; watched at every event. */
async function oneBudget(costUsd: number): Promise<Facts> {
  const random = randomOf(7);
  await using desk = await Desk.open({ main: mixed(random), runtime: { random } });
  const g = graph("many", { input: z.object({ q: z.string() }), label: customerData });
  const refs = Array.from({ length: steps }, (_, index) =>
    g.model(`step-${index}`, {
      ...{
        needs: { in: g.input },
        complexity: "generation",
        privacy: "customer",
        maxOutputTokens: 64,
        timeoutMs: 60_000,
      },
      output: z.string(),
      prompt: (values) => `${values.in.q} ${index}`,
    }),
  );
  const work = g.output(Object.fromEntries(refs.map((ref) => [ref.id, ref])));
  const run = await desk.runtime.start(work, input, { budget: { costUsd, durationMs: 300_000 } });
  const broken = new Set<string>();
  let events = 0;
  run.on("*", ({ type }) => {
    // A snapshot of a thousand steps at each of ten thousand events would be all that is measured.
    if (type.startsWith("attempt") && (events += 1) % 20 !== 0) return;
    for (const problem of bookProblems(run.ledger())) broken.add(problem);
  });
  const outcome = await run.result.then(
    () => "completed",
    (error: unknown) => (error as { code: string }).code,
  );
  await pause(20);
  const ledger = run.ledger();
  for (const problem of bookProblems(ledger)) broken.add(problem);
  if (ledger.reservedUsd !== 0) broken.add("something is still reserved");
  return { outcome, ...counts(desk), broken: [...broken].join("; "), exact: ledger.complete };
}

function counts({ main, spare, outside }: Desk) {
  return { main: main.requests.length, spare: spare.requests.length, outside: outside.requests.length };
}

export const fleetRows: readonly Row[] = [
  {
    id: "E1",
    fault: "429 to two of 20 runs at once: nobody asks in the pause",
    expected: { outcome: "completed", main: 22, spare: 0 },
    run: herd,
    alone: true,
  },
  {
    id: "E13",
    fault: "503 every other time, ten runs",
    expected: { outcome: "completed", main: 20, spare: 0 },
    run: flapping,
  },
  {
    id: "E13",
    fault: "all down",
    expected: { outcome: "PROVIDER_ERROR", main: 3, spare: 3 },
    run: () => attempt({ main: down, spare: down }),
  },
  {
    id: "E13",
    fault: "half open: one of ten runs finds out",
    expected: { outcome: "completed", main: 1 },
    run: halfOpen,
  },
  {
    id: "E13",
    fault: "all circuits open, only the uncleared endpoint is up",
    expected: { outcome: "NO_ELIGIBLE_ENDPOINT", main: 0 },
    run: onlyUnclearedUp,
  },
  {
    id: "B1",
    fault: `${steps} steps on one budget, random faults, money enough`,
    expected: { outcome: "completed", exact: false },
    run: () => oneBudget(10),
    alone: true,
  },
  {
    id: "B1",
    fault: `${steps} steps on one budget, random faults, money for a part`,
    expected: { outcome: "BUDGET_EXCEEDED" },
    run: () => oneBudget(0.02),
    alone: true,
  },
];
