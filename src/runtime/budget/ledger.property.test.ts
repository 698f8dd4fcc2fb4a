import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider, type ReadableSpan } from "@opentelemetry/sdk-trace";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { drawFrom, type Draw } from "../../../test/support/drawn-engine.ts";
import { propertyRuns } from "../../../test/support/property-runs.ts";
import { createCatalog } from "../../catalog/catalog.ts";
import { endpoint } from "../../catalog/endpoint.ts";
import { TierwiseError } from "../../errors.ts";
import type { RunEvent } from "../../events/event.ts";
import { graph } from "../../graph/graph.ts";
import type { Ref } from "../../graph/types/values.ts";
import { defaultPolicy } from "../../policy/policy.ts";
import { ScriptedModel, type ScriptedReply } from "../../testing/scripted-model.ts";
import { SimulatedClock } from "../../testing/simulated-clock.ts";
import { nothing } from "./amounts.ts";
import { Budget, type Reservation } from "./budget.ts";
import { createRuntime } from "../runtime.ts";

interface Planned {
  /** Lists that run at once, and the items of each, all at once. */
  readonly lists: number;
  readonly items: number;
  readonly collects: boolean;
  /** In thousandths of what the worst case of all first calls would cost; none for no cap. */
  readonly cap: number | undefined;
  readonly picks: readonly number[];
  /** Cancelled when this many events were heard. */
  readonly cancelAfter: number | undefined;
  readonly concurrency: number;
}

const aRun: fc.Arbitrary<Planned> = fc.record({
  lists: fc.integer({ min: 1, max: 10 }),
  items: fc.integer({ min: 1, max: 100 }),
  collects: fc.boolean(),
  cap: fc.option(fc.integer({ min: 1, max: 3_000 }), { nil: undefined }),
  picks: fc.array(fc.nat({ max: 1_000 }), { minLength: 20, maxLength: 200 }),
  cancelAfter: fc.option(fc.nat({ max: 3_000 }), { nil: undefined }),
  concurrency: fc.constantFrom(3, 64, 10_000),
});

const thousand = { lists: 10, items: 100, collects: true, concurrency: 10_000, cap: undefined, cancelAfter: undefined };
/** One run for each way to end, whatever else is drawn. */
const everyEnd: readonly Planned[] = [
  { ...thousand, picks: [0] },
  { ...thousand, picks: [0, 3, 14, 21, 16, 8], cancelAfter: 2_000 },
  { ...thousand, picks: [0, 12, 5, 13, 20], cap: 600 },
  { ...thousand, picks: [18], collects: false },
];

const failure = (fields: object): Error => Object.assign(new Error("fault"), fields);
const good: ScriptedReply = { text: '{"total":1}' };

/** Most answers are good; the others are wrong in every way that changes what is charged. */
const replies: readonly ScriptedReply[] = [
  ...Array.from({ length: 12 }, () => good),
  { text: "no JSON" },
  { ...good, usage: "none" },
  { ...good, usage: { inputTokens: Number.NaN, outputTokens: 3 } },
  { ...good, usage: { inputTokens: 30, outputTokens: 3, reasoningTokens: 2, cacheReadTokens: 10 } },
  { error: failure({ status: 503 }) },
  { error: failure({ status: 429, headers: { "retry-after": "1" } }) },
  { error: failure({ status: 400 }) },
  { error: failure({ code: "ECONNRESET" }) },
  { error: failure({ code: "ECONNREFUSED" }) },
  { hangs: true },
];

/** Prices that make no round sums. */
const rates = {
  small: { inputPerMillionTokensUsd: 0.07, outputPerMillionTokensUsd: 0.31, cacheReadPerMillionTokensUsd: 0.01 },
  large: { inputPerMillionTokensUsd: 2.53, outputPerMillionTokensUsd: 10.11, reasoningPerMillionTokensUsd: 11 },
};

function catalogOf(draw: Draw, concurrency: number) {
  const place = (name: keyof typeof rates) => {
    const model = new ScriptedModel(() => replies[draw(replies.length)]!).factory;
    const spec = { location: "cloud", price: rates[name], limits: { concurrency, queue: 10_000 }, model } as const;
    return endpoint(name, { class: name === "small" ? "slm" : "llm", ...spec });
  };
  return createCatalog([place("small"), place("large")]);
}

function listsOf({ lists, items, collects }: Planned) {
  const each = graph("each", { input: z.number() });
  const total = each.model("total", {
    needs: { item: each.input },
    ...{ complexity: "generation", maxOutputTokens: 20, timeoutMs: 1_000, onError: "fail" },
    output: z.object({ total: z.number() }),
    prompt: ({ item }) => `item ${item}`,
  });
  const built = each.output(total);
  const g = graph("lists", { input: z.array(z.number()) });
  const spec = { over: g.input, each: built, concurrency: 100 };
  const refs = Array.from({ length: lists }, (_, index): [string, Ref<readonly unknown[]>] => {
    const name = `list${index}`;
    return [name, collects ? g.map(name, { ...spec, onItemError: "collect" }) : g.map(name, spec)];
  });
  return { built: g.output(Object.fromEntries(refs)), input: Array.from({ length: items }, (_, index) => index) };
}

const dimensions = ["picoUsd", "tokens", "calls"] as const;

/** Watches every reservation of the one budget that the run has. */
class BudgetWatch {
  readonly wrong: string[] = [];
  readonly #taken = new Set<Reservation>();
  readonly #settledWith = new Map<Reservation, bigint>();
  budget: Budget | undefined;

  constructor() {
    // eslint-disable-next-line @typescript-eslint/unbound-method -- called with the budget they belong to
    const { reserve, settle } = Budget.prototype;
    // eslint-disable-next-line @typescript-eslint/no-this-alias
    const watch = this;
    vi.spyOn(Budget.prototype, "reserve").mockImplementation(async function (this: Budget, amount, signal) {
      watch.budget = this;
      const reservation = await reserve.call(this, amount, signal);
      if ("amounts" in reservation) watch.#taken.add(reservation);
      watch.check();
      return reservation;
    });
    vi.spyOn(Budget.prototype, "settle").mockImplementation(function (this: Budget, reservation, cost) {
      if (!watch.#taken.has(reservation)) watch.wrong.push("settled what was not reserved");
      if (!watch.#settledWith.has(reservation)) watch.#settledWith.set(reservation, cost.picoUsd);
      for (const dimension of dimensions) {
        const [charge, worst] = [cost[dimension], reservation.amounts[dimension]];
        if (charge > worst) watch.wrong.push(`charged ${charge} for a worst case of ${worst} (${dimension})`);
      }
      settle.call(this, reservation, cost);
      watch.check();
    });
  }

  check(): void {
    if (this.budget === undefined) return;
    const { caps, settled, reserved } = this.budget;
    for (const dimension of dimensions) {
      const [cap, ofSettled, ofReserved] = [caps[dimension], BigInt(settled[dimension]), BigInt(reserved[dimension])];
      if (cap !== undefined && ofSettled + ofReserved > cap) this.wrong.push(`${ofSettled} + ${ofReserved} > ${cap}`);
      if (ofReserved < 0n) this.wrong.push(`${ofReserved} is reserved (${dimension})`);
    }
  }

  /** Every reservation is over, and each was charged once. */
  expectSettled(): void {
    expect(this.wrong).toEqual([]);
    expect(this.#settledWith.size).toBe(this.#taken.size);
    expect(this.budget?.reserved ?? nothing).toEqual(nothing);
    expect(this.budget?.settled.picoUsd ?? 0n).toBe(sum([...this.#settledWith.values()]));
  }
}

const pico = (usd: unknown): bigint => BigInt(Math.round(Number(usd) * 1e12));
const sum = (amounts: readonly bigint[]): bigint => amounts.reduce((total, amount) => total + amount, 0n);

async function perform(planned: Planned) {
  const watch = new BudgetWatch();
  const exporter = new InMemorySpanExporter();
  const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
  const clock = new SimulatedClock();
  const draw = drawFrom(planned.picks);
  const runtime = createRuntime({
    ...{ catalog: catalogOf(draw, planned.concurrency), policy: defaultPolicy(), telemetry: { tracerProvider }, clock },
    random: () => draw(1_000) / 1_000,
  });
  const { built, input } = listsOf(planned);
  // The worst case of a call of this graph on the small endpoint is about 30 microdollars.
  const costUsd = (planned.cap ?? 0) * 1e-3 * 30e-6 * planned.lists * planned.items;
  const run = await runtime.start(built, input, planned.cap === undefined ? {} : { budget: { costUsd } });
  const events: RunEvent[] = [];
  run.on("*", (event) => {
    watch.check();
    if (events.push(event) === planned.cancelAfter) run.cancel("enough");
  });
  const outcome = run.result.then(
    () => "completed",
    (error: unknown) => (TierwiseError.isInstance(error) ? error.code : String(error)),
  );
  let isOver = false;
  void outcome.then(() => (isOver = true));
  while (!isOver) await clock.advance(500);
  await tracerProvider.forceFlush();
  return { outcome: await outcome, watch, events, ledger: run.ledger(), spans: exporter.getFinishedSpans(), clock };
}

function costOfChats(spans: readonly ReadableSpan[]): bigint {
  const chats = spans.filter(({ attributes }) => attributes["gen_ai.operation.name"] === "chat");
  return sum(chats.map(({ attributes }) => pico(attributes["tierwise.cost.usd"])));
}

function costOfReport(root: ReadableSpan | undefined): bigint {
  const report = JSON.parse(String(root?.attributes["tierwise.report"])) as Record<string, { usd: number }>;
  return sum(Object.values(report).map(({ usd }) => pico(usd)));
}

afterEach(() => vi.restoreAllMocks());

describe("up to 1,000 steps at once on one budget", () => {
  const outcomes = new Set<string>();

  it(
    "never pass the cap, and events, spans, report and ledger tell of the same money",
    { timeout: 600_000 },
    async () => {
      await fc.assert(
        fc.asyncProperty(aRun, async (planned) => {
          const { outcome, watch, events, ledger, spans, clock } = await perform(planned);
          outcomes.add(outcome);
          watch.expectSettled();
          const cost = watch.budget?.settled.picoUsd ?? 0n;
          expect(pico(ledger.costUsd)).toBe(cost);
          expect(sum(Object.values(ledger.steps).map(({ costUsd }) => pico(costUsd)))).toBe(cost);
          expect(costOfChats(spans)).toBe(cost);
          const ends = events.filter((event) => event.type === "step-end");
          expect(sum(ends.map(({ costUsd }) => pico(costUsd)))).toBe(cost);
          const attempts = events.filter(({ type }) => type === "attempt-end" || type === "attempt-error");
          expect(sum(attempts.map((event) => pico((event as { costUsd?: number }).costUsd)))).toBe(cost);
          expect(ledger.attempts).toBe(attempts.length);
          const root = spans.find(({ name }) => name === "invoke_workflow lists");
          expect(pico(root?.attributes["tierwise.cost.usd"])).toBe(cost);
          expect(costOfReport(root)).toBe(cost);
          const ended = events.find((event) => event.type === "run-end");
          expect(pico(ended?.costUsd)).toBe(cost);
          expect(ledger.reservedUsd).toBe(0);
          expect(clock.pending).toBe(0);
        }),
        {
          // Each may be a thousand steps; the full check of CI takes a few hundred.
          numRuns: Math.ceil(propertyRuns.numRuns / 25),
          examples: everyEnd.map((planned) => [planned]),
          plugins: [fc.afterEach(() => void vi.restoreAllMocks())],
        },
      );
    },
  );

  it("came to every end that there is", () => {
    expect([...outcomes]).toEqual(
      expect.arrayContaining(["completed", "RUN_CANCELLED", "BUDGET_EXCEEDED", "PROVIDER_ERROR"]),
    );
  });
});
