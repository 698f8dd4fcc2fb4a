import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { propertyRuns } from "../../../test/support/property-runs.ts";
import { nothing, type Amounts, type BudgetBound, type Caps } from "./amounts.ts";
import { Budget, type Reservation } from "./budget.ts";

const dimensions = ["picoUsd", "tokens", "calls"] as const;
const dollars = (picoUsd: bigint): Amounts => ({ picoUsd, tokens: 0, calls: 0 });

/** One turn of the event loop: every promise that can settle has settled. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Outcome = "waiting" | "admitted" | "refused" | "aborted";

/** A request, as the test follows it. */
class Request {
  readonly amounts: Amounts;
  readonly budget: Budget;
  readonly #abort = new AbortController();
  outcome: Outcome = "waiting";
  reservation: Reservation | undefined;

  constructor(budget: Budget, amounts: Amounts, onEnd: (request: Request) => void) {
    this.budget = budget;
    this.amounts = amounts;
    Promise.resolve(budget.reserve(amounts, this.#abort.signal)).then(
      (answer) => {
        this.reservation = "scope" in answer ? undefined : answer;
        this.outcome = "scope" in answer ? "refused" : "admitted";
        onEnd(this);
      },
      (reason: unknown) => {
        expect(reason).toBe("gone");
        this.outcome = "aborted";
        onEnd(this);
      },
    );
  }

  abort(): void {
    this.#abort.abort("gone");
  }
}

/** Four budgets: a run, two steps in it, and a step in the first of them. */
const outerOf = [undefined, 0, 0, 1];
const chainOf = (index: number): number[] => {
  const outer = outerOf[index];
  return outer === undefined ? [index] : [index, ...chainOf(outer)];
};

type Three = readonly [bigint, bigint, bigint];

const three = ({ picoUsd, tokens, calls }: Amounts): Three => [picoUsd, BigInt(tokens), BigInt(calls)];
const sum = (amounts: readonly Three[]): bigint[] =>
  [0, 1, 2].map((dimension) => amounts.reduce((total, amount) => total + amount[dimension]!, 0n));

/** What budgets have to do, written as plainly as possible, over lists instead of sums. */
class Expected {
  readonly outcomes: Outcome[] = [];
  readonly #caps: readonly Caps[];
  readonly #requests: { readonly chain: readonly number[]; readonly amounts: Three }[] = [];
  readonly #open = new Set<number>();
  readonly #charges: { readonly chain: readonly number[]; readonly amounts: Three }[] = [];
  /** Budgets that had no room for somebody, since something was settled last. */
  readonly #awaited = new Set<number>();
  #queue: number[] = [];

  constructor(caps: readonly Caps[]) {
    this.#caps = caps;
  }

  get open(): number[] {
    return [...this.#open];
  }

  reserved(budget: number): bigint[] {
    const open = [...this.#open].map((index) => this.#requests[index]!);
    return sum(open.filter(({ chain }) => chain.includes(budget)).map(({ amounts }) => amounts));
  }

  settled(budget: number): bigint[] {
    return sum(this.#charges.filter(({ chain }) => chain.includes(budget)).map(({ amounts }) => amounts));
  }

  reserve(budget: number, amounts: Amounts): void {
    const index = this.#requests.push({ chain: chainOf(budget), amounts: three(amounts) }) - 1;
    this.outcomes.push("waiting");
    if (chainOf(budget).some((one) => !this.#fits(one, index, false))) this.outcomes[index] = "refused";
    else if (!this.#admit(index)) this.#queue.push(index);
  }

  settle(index: number, taken: Amounts): void {
    if (!this.#open.delete(index)) return;
    this.#charges.push({ chain: this.#requests[index]!.chain, amounts: three(taken) });
    this.#serve();
  }

  abort(index: number): void {
    if (!this.#queue.includes(index)) return;
    this.#queue = this.#queue.filter((other) => other !== index);
    this.outcomes[index] = "aborted";
    this.#serve();
  }

  #fits(budget: number, index: number, besideOpen: boolean): boolean {
    const { amounts } = this.#requests[index]!;
    return dimensions.every((dimension, position) => {
      const cap = this.#caps[budget]![dimension];
      const amount = amounts[position]!;
      if (cap === undefined || amount === 0n) return true;
      const open = besideOpen ? this.reserved(budget)[position]! : 0n;
      return this.settled(budget)[position]! + open + amount <= BigInt(cap);
    });
  }

  /** Who has room that nobody before it waits for. */
  #admit(index: number): boolean {
    const { chain } = this.#requests[index]!;
    if (chain.some((budget) => this.#awaited.has(budget))) return false;
    const refused = chain.some((budget) => !this.#fits(budget, index, false));
    const full = refused ? [] : chain.filter((budget) => !this.#fits(budget, index, true));
    for (const budget of full) this.#awaited.add(budget);
    if (full.length > 0) return false;
    this.outcomes[index] = refused ? "refused" : "admitted";
    if (!refused) this.#open.add(index);
    return true;
  }

  #serve(): void {
    this.#awaited.clear();
    this.#queue = this.#queue.filter((index) => !this.#admit(index));
  }
}

type Command =
  | { readonly type: "reserve"; readonly budget: number; readonly amounts: Amounts }
  | { readonly type: "settle"; readonly which: number; readonly percent: number }
  | { readonly type: "abort"; readonly which: number }
  | { readonly type: "turn" };

const amounts = fc.record({
  picoUsd: fc.bigInt(0n, 60n),
  tokens: fc.nat({ max: 60 }),
  calls: fc.constantFrom(0, 1, 1),
});
const cap = (max: number) => fc.option(fc.integer({ min: 1, max }), { nil: undefined });
const capsUpTo = (amount: number, calls: number): fc.Arbitrary<Caps> =>
  fc.record({ picoUsd: cap(amount), tokens: cap(amount), calls: cap(calls) }).map(({ picoUsd, tokens, calls }) => ({
    ...(picoUsd !== undefined && { picoUsd: BigInt(picoUsd) }),
    ...(tokens !== undefined && { tokens }),
    ...(calls !== undefined && { calls }),
  }));
const which = fc.nat({ max: 30 });
const command: fc.Arbitrary<Command> = fc.oneof(
  { arbitrary: fc.record({ type: fc.constant("reserve"), budget: fc.nat({ max: 3 }), amounts }), weight: 5 },
  { arbitrary: fc.record({ type: fc.constant("settle"), which, percent: fc.nat({ max: 100 }) }), weight: 4 },
  { arbitrary: fc.record({ type: fc.constant("abort"), which }), weight: 2 },
  { arbitrary: fc.constant<Command>({ type: "turn" }), weight: 1 },
);

function partOf({ picoUsd, tokens, calls }: Amounts, percent: number): Amounts {
  return {
    picoUsd: (picoUsd * BigInt(percent)) / 100n,
    tokens: Math.floor((tokens * percent) / 100),
    calls: percent === 0 ? 0 : calls,
  };
}

function treeOf(caps: readonly Caps[]): Budget[] {
  const budgets: Budget[] = [];
  for (const [index, own] of caps.entries()) {
    const outer = outerOf[index];
    budgets.push(new Budget(own, outer === undefined ? undefined : { step: `step${index}`, outer: budgets[outer]! }));
  }
  return budgets;
}

describe("budgets inside each other", () => {
  it("keep settled + reserved within every cap at every instant, serve in order, and end every wait", async () => {
    const everyCap = fc.tuple(capsUpTo(400, 20), capsUpTo(120, 6), capsUpTo(120, 6), capsUpTo(120, 6));
    await fc.assert(
      fc.asyncProperty(everyCap, fc.array(command, { maxLength: 40 }), async (caps, commands) => {
        const budgets = treeOf(caps);
        const expected = new Expected(caps);
        const requests: Request[] = [];
        const admitted: Request[] = [];
        const holds = (): void => {
          for (const [index, budget] of budgets.entries()) {
            const [settled, reserved] = [three(budget.settled), three(budget.reserved)];
            expect([settled, reserved]).toEqual([expected.settled(index), expected.reserved(index)]);
            for (const [position, dimension] of dimensions.entries()) {
              const most = budget.caps[dimension];
              if (most !== undefined) expect(settled[position]! + reserved[position]! <= BigInt(most)).toBe(true);
            }
          }
        };
        for (const step of commands) {
          await apply(step);
          holds();
        }
        // What is under way settles in the end, so every wait has to end too.
        while (expected.open.length > 0) {
          await turn();
          settle(expected.open[0]!, nothing);
          holds();
        }
        await turn();
        expect(requests.map(({ outcome }) => outcome)).toEqual(expected.outcomes);
        expect(expected.outcomes).not.toContain("waiting");
        for (const budget of budgets) {
          const order = admitted.filter((request) => request.budget === budget).map((one) => requests.indexOf(one));
          expect(order).toEqual(order.toSorted((a, b) => a - b));
          expect(budget.reserved).toEqual(nothing);
          expect(budget.overshoot).toEqual(nothing);
        }

        function settle(index: number, taken: Amounts): void {
          const request = requests[index];
          if (request?.reservation === undefined) return;
          request.budget.settle(request.reservation, taken);
          expected.settle(index, taken);
        }

        async function apply(step: Command): Promise<void> {
          if (step.type === "turn") return turn();
          if (step.type === "reserve") {
            const noted = (request: Request): void => {
              if (request.outcome === "admitted") admitted.push(request);
            };
            requests.push(new Request(budgets[step.budget]!, step.amounts, noted));
            expected.reserve(step.budget, step.amounts);
          } else if (step.type === "abort") {
            // Aborting what was admitted or refused changes nothing.
            requests[step.which]?.abort();
            if (step.which < requests.length) expected.abort(step.which);
          } else {
            await turn();
            const request = requests[step.which];
            if (request !== undefined) settle(step.which, partOf(request.amounts, step.percent));
          }
        }
      }),
      { numRuns: propertyRuns.numRuns },
    );
  });

  const { signal } = new AbortController();
  const admittedBy = async (budget: Budget, taken: Amounts): Promise<Reservation> => {
    const answer = await budget.reserve(taken, signal);
    if ("scope" in answer) throw new Error(`refused by ${answer.scope}`);
    return answer;
  };
  const outcomeOf = async (answer: ReturnType<Budget["reserve"]>): Promise<Amounts | BudgetBound> => {
    const settled = await answer;
    return "scope" in settled ? settled : settled.amounts;
  };
  const overCost: BudgetBound = { scope: "run", dimension: "costUsd", limit: 100e-12 };
  const hundred: Caps = { picoUsd: 100n };

  it("admit an amount that fills the cap exactly, and refuse one pico-dollar more", async () => {
    const budget = new Budget(hundred);
    expect(await budget.reserve(dollars(101n), signal)).toEqual(overCost);
    expect(await budget.reserve(dollars(100n), signal)).toEqual({ amounts: dollars(100n) });
    expect(budget.reserved).toEqual(dollars(100n));
  });

  it.each<[string, Amounts, Pick<BudgetBound, "dimension" | "limit">]>([
    ["money", { picoUsd: 11n, tokens: 11, calls: 11 }, { dimension: "costUsd", limit: 10e-12 }],
    ["tokens", { picoUsd: 10n, tokens: 11, calls: 11 }, { dimension: "tokens", limit: 9 }],
    ["calls", { picoUsd: 10n, tokens: 9, calls: 11 }, { dimension: "calls", limit: 8 }],
  ])("say that it was %s that did not fit, which cap, and whose", async (...[, taken, cap]) => {
    const caps: Caps = { picoUsd: 10n, tokens: 9, calls: 8 };
    const run = new Budget(caps);
    expect(await run.reserve(taken, signal)).toEqual({ scope: "run", ...cap });
    const step = new Budget(caps, { step: "inner", outer: new Budget({}) });
    expect(await step.reserve(taken, signal)).toEqual({ scope: "step", ...cap, step: "inner" });
    const inside = new Budget({}, { step: "inner", outer: new Budget(caps, { step: "outer", outer: new Budget({}) }) });
    expect(await inside.reserve(taken, signal)).toEqual({ scope: "step", ...cap, step: "outer" });
  });

  it("admit everything without a cap", async () => {
    const budget = new Budget({});
    expect(await budget.reserve(dollars(10n ** 30n), signal)).toHaveProperty("amounts");
    expect(budget.overshoot).toEqual(nothing);
  });

  it("do not let a small amount pass a large one that waits", async () => {
    const budget = new Budget(hundred);
    const first = await admittedBy(budget, dollars(60n));
    const order: string[] = [];
    void outcomeOf(budget.reserve(dollars(50n), signal)).then(() => order.push("large"));
    void outcomeOf(budget.reserve(dollars(1n), signal)).then(() => order.push("small"));
    await turn();
    expect(order).toEqual([]);
    budget.settle(first, dollars(40n));
    await turn();
    expect(order).toEqual(["large", "small"]);
  });

  it("do not let a small amount of a step pass a large one that waits for the step, also when some room is made", async () => {
    const step = new Budget(hundred, { step: "inner", outer: new Budget({}) });
    const inside = new Budget({}, { step: "innermost", outer: step });
    const [first, second] = [await admittedBy(step, dollars(60n)), await admittedBy(step, dollars(40n))];
    const order: string[] = [];
    void outcomeOf(step.reserve(dollars(50n), signal)).then(() => order.push("large"));
    void outcomeOf(inside.reserve(dollars(30n), signal)).then(() => order.push("small"));
    step.settle(second, nothing);
    await turn();
    expect(order).toEqual([]);
    step.settle(first, nothing);
    await turn();
    expect(order).toEqual(["large", "small"]);
  });

  it("let a step with room of its own pass one that waits for its own step, but not one that waits for the run", async () => {
    const run = new Budget(hundred);
    const narrow = new Budget({ calls: 1 }, { step: "narrow", outer: run });
    const wide = new Budget({}, { step: "wide", outer: run });
    const one = { picoUsd: 10n, tokens: 0, calls: 1 };
    const running = await admittedBy(narrow, one);
    const order: string[] = [];
    const follow = (name: string, budget: Budget, taken: Amounts): void =>
      void outcomeOf(budget.reserve(taken, signal)).then(() => order.push(name));
    follow("narrow", narrow, one);
    follow("wide", wide, one);
    await turn();
    expect(order).toEqual(["wide"]);
    follow("much", wide, { ...one, picoUsd: 90n });
    follow("little", wide, one);
    await turn();
    expect(order).toEqual(["wide"]);
    narrow.settle(running, nothing);
    await turn();
    expect(order).toEqual(["wide", "narrow"]);
  });

  it("admit who waits behind a large amount when that one gives up", async () => {
    const budget = new Budget(hundred);
    await budget.reserve(dollars(60n), signal);
    const large = new AbortController();
    const waiting = outcomeOf(budget.reserve(dollars(50n), large.signal));
    const behind = outcomeOf(budget.reserve(dollars(40n), signal));
    large.abort("gone");
    await expect(waiting).rejects.toBe("gone");
    expect(await behind).toEqual(dollars(40n));
  });

  it("refuse who waits, in order, as soon as nothing that runs could make room", async () => {
    const budget = new Budget(hundred);
    const only = await admittedBy(budget, dollars(60n));
    const waits = [90n, 80n, 40n].map((picoUsd) => outcomeOf(budget.reserve(dollars(picoUsd), signal)));
    budget.settle(only, dollars(60n));
    expect(await Promise.all(waits)).toEqual([overCost, overCost, dollars(40n)]);
  });

  it("ignore a second settlement", async () => {
    const budget = new Budget(hundred);
    const reservation = await admittedBy(budget, dollars(60n));
    budget.settle(reservation, dollars(20n));
    budget.settle(reservation, dollars(20n));
    expect([budget.settled, budget.reserved]).toEqual([dollars(20n), nothing]);
  });

  it("give back no more than was set aside", async () => {
    const budget = new Budget({ picoUsd: 100n, tokens: 100, calls: 2 });
    budget.settle(await admittedBy(budget, { picoUsd: 60n, tokens: 50, calls: 1 }), {
      ...{ picoUsd: 60n, tokens: 50, calls: 1 },
    });
    const second = await admittedBy(budget, { picoUsd: 40n, tokens: 50, calls: 1 });
    budget.settle(second, { picoUsd: -60n, tokens: -50, calls: -1 });
    expect(budget.settled).toEqual({ picoUsd: 60n, tokens: 50, calls: 1 });
    expect(budget.reserved).toEqual(nothing);
  });

  it("admit nothing more when a charge is no number", async () => {
    const budget = new Budget({ tokens: 100 });
    budget.settle(await admittedBy(budget, { picoUsd: 0n, tokens: 1, calls: 1 }), { ...nothing, tokens: Number.NaN });
    expect(await budget.reserve({ picoUsd: 0n, tokens: 1, calls: 1 }, signal)).toMatchObject({ dimension: "tokens" });
  });

  it("do not confuse two reservations of one amount", async () => {
    const budget = new Budget(hundred);
    const [one, two] = [await admittedBy(budget, dollars(10n)), await admittedBy(budget, dollars(10n))];
    budget.settle(one, dollars(5n));
    budget.settle(one, dollars(5n));
    expect([budget.settled, budget.reserved]).toEqual([dollars(5n), dollars(10n)]);
    budget.settle(two, dollars(5n));
    expect([budget.settled, budget.reserved]).toEqual([dollars(10n), nothing]);
  });

  it("report an overshoot, and then admit nothing that costs anything, and all that costs nothing", async () => {
    const run = new Budget({ picoUsd: 100n, tokens: 100 });
    const step = new Budget({ tokens: 50 }, { step: "inner", outer: run });
    step.settle(await admittedBy(step, { picoUsd: 60n, tokens: 40, calls: 1 }), {
      picoUsd: 130n,
      tokens: 70,
      calls: 1,
    });
    expect([run.overshoot, step.overshoot]).toEqual([
      { picoUsd: 30n, tokens: 0, calls: 0 },
      { picoUsd: 0n, tokens: 20, calls: 0 },
    ]);
    expect(await run.reserve(dollars(1n), signal)).toEqual(overCost);
    expect(await run.reserve({ picoUsd: 0n, tokens: 30, calls: 1 }, signal)).toHaveProperty("amounts");
  });

  it("throw the reason of a signal that fired already, and take nothing", () => {
    const budget = new Budget(hundred);
    expect(() => budget.reserve(dollars(1n), AbortSignal.abort("before"))).toThrow("before");
    expect(budget.reserved).toEqual(nothing);
  });

  it("come to the exact cap with 1,000 at once, wherever in the tree they are", async () => {
    const run = new Budget({ picoUsd: 500n, tokens: 10_000, calls: 700 });
    const lists = Array.from({ length: 10 }, (_, index) => new Budget({ calls: 60 }, { step: `${index}`, outer: run }));
    const one: Amounts = { picoUsd: 1n, tokens: 3, calls: 1 };
    const answers = Array.from({ length: 1_000 }, async (_, index) => {
      const list = lists[index % 10]!;
      const answer = await list.reserve(one, signal);
      if ("scope" in answer) return answer;
      await turn();
      list.settle(answer, one);
      return undefined;
    });
    const refused = (await Promise.all(answers)).filter((answer) => answer !== undefined);
    expect(refused).toHaveLength(500);
    expect(run.settled).toEqual({ picoUsd: 500n, tokens: 1_500, calls: 500 });
    expect(run.reserved).toEqual(nothing);
  });
});
