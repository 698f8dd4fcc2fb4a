import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Budget, type Reservation } from "./budget.ts";

const cap = 100n;

/** One turn of the event loop: every promise that can settle has settled. */
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

type Outcome = "waiting" | "admitted" | "refused" | "aborted";

/** A request for money, as the test follows it. */
class Request {
  readonly amount: bigint;
  readonly #abort = new AbortController();
  outcome: Outcome = "waiting";
  reservation: Reservation | undefined;

  constructor(budget: Budget, amount: bigint, onEnd: (request: Request) => void) {
    this.amount = amount;
    budget.reserve(amount, this.#abort.signal).then(
      (reservation) => {
        this.reservation = reservation;
        this.outcome = reservation === undefined ? "refused" : "admitted";
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

/** What a budget has to do, written as plainly as possible: the first in line, while it fits. */
class Expected {
  readonly outcomes: Outcome[] = [];
  readonly #amounts: bigint[] = [];
  readonly #open = new Set<number>();
  #queue: number[] = [];
  settled = 0n;

  get reserved(): bigint {
    return [...this.#open].reduce((sum, index) => sum + this.#amounts[index]!, 0n);
  }

  get open(): number[] {
    return [...this.#open];
  }

  reserve(amount: bigint): void {
    const index = this.#amounts.push(amount) - 1;
    this.outcomes.push("waiting");
    this.#queue.push(index);
    this.#serve();
  }

  settle(index: number, cost: bigint): void {
    if (!this.#open.delete(index)) return;
    this.settled += cost;
    this.#serve();
  }

  abort(index: number): void {
    if (!this.#queue.includes(index)) return;
    this.#queue = this.#queue.filter((other) => other !== index);
    this.outcomes[index] = "aborted";
    this.#serve();
  }

  #serve(): void {
    for (let head = this.#queue[0]; head !== undefined; head = this.#queue[0]) {
      const fits = this.settled + this.reserved + this.#amounts[head]! <= cap;
      if (!fits && this.#open.size > 0) return;
      this.#queue.shift();
      this.outcomes[head] = fits ? "admitted" : "refused";
      if (fits) this.#open.add(head);
    }
  }
}

type Command =
  | { readonly type: "reserve"; readonly amount: bigint }
  | { readonly type: "settle"; readonly which: number; readonly percent: bigint }
  | { readonly type: "abort"; readonly which: number }
  | { readonly type: "turn" };

const which = fc.nat({ max: 30 });
const command: fc.Arbitrary<Command> = fc.oneof(
  { arbitrary: fc.record({ type: fc.constant("reserve"), amount: fc.bigInt(0n, 120n) }), weight: 4 },
  { arbitrary: fc.record({ type: fc.constant("settle"), which, percent: fc.bigInt(0n, 100n) }), weight: 4 },
  { arbitrary: fc.record({ type: fc.constant("abort"), which }), weight: 2 },
  { arbitrary: fc.constant<Command>({ type: "turn" }), weight: 1 },
);

describe("a budget", () => {
  it("keeps settled + reserved within the cap at every instant, serves in order, and ends every wait", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(command, { maxLength: 40 }), async (commands) => {
        const budget = new Budget(cap);
        const expected = new Expected();
        const requests: Request[] = [];
        const admitted: number[] = [];
        const holds = (): void => {
          expect(budget.settled + budget.reserved <= cap).toBe(true);
          expect([budget.settled, budget.reserved]).toEqual([expected.settled, expected.reserved]);
        };
        for (const step of commands) {
          await apply(step);
          holds();
        }
        // What is under way settles in the end, so every wait has to end too.
        while (expected.open.length > 0) {
          await turn();
          const [index] = expected.open;
          settle(index!, 0n);
          holds();
        }
        await turn();
        expect(requests.map(({ outcome }) => outcome)).toEqual(expected.outcomes);
        expect(expected.outcomes).not.toContain("waiting");
        expect(admitted).toEqual(admitted.toSorted((a, b) => a - b));
        expect(budget.reserved).toBe(0n);
        expect(budget.overshoot).toBe(0n);

        function settle(index: number, cost: bigint): void {
          const reservation = requests[index]?.reservation;
          if (reservation === undefined) return;
          budget.settle(reservation, cost);
          expected.settle(index, cost);
        }

        async function apply(step: Command): Promise<void> {
          if (step.type === "turn") return turn();
          if (step.type === "reserve") {
            const index = requests.length;
            const noted = ({ outcome }: Request): void => {
              if (outcome === "admitted") admitted.push(index);
            };
            requests.push(new Request(budget, step.amount, noted));
            expected.reserve(step.amount);
          } else if (step.type === "abort") {
            // Aborting what was admitted or refused changes nothing.
            requests[step.which]?.abort();
            if (step.which < requests.length) expected.abort(step.which);
          } else {
            await turn();
            const request = requests[step.which];
            if (request !== undefined) settle(step.which, (request.amount * step.percent) / 100n);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  const { signal } = new AbortController();

  it("admits an amount that fills the cap exactly, and refuses one pico-dollar more when nothing is running", async () => {
    const budget = new Budget(cap);
    expect(await budget.reserve(101n, signal)).toBeUndefined();
    expect(await budget.reserve(100n, signal)).toEqual({ amount: 100n });
    expect(budget.reserved).toBe(100n);
  });

  it("admits everything without a cap", async () => {
    const budget = new Budget(undefined);
    expect(await budget.reserve(10n ** 30n, signal)).toBeDefined();
    expect(budget.overshoot).toBe(0n);
  });

  it("does not let a small amount pass a large one that waits", async () => {
    const budget = new Budget(cap);
    const first = await budget.reserve(60n, signal);
    const order: string[] = [];
    void budget.reserve(50n, signal).then(() => order.push("large"));
    void budget.reserve(1n, signal).then(() => order.push("small"));
    await turn();
    expect(order).toEqual([]);
    budget.settle(first!, 40n);
    await turn();
    expect(order).toEqual(["large", "small"]);
  });

  it("admits who waits behind a large amount when that one gives up", async () => {
    const budget = new Budget(cap);
    await budget.reserve(60n, signal);
    const large = new AbortController();
    const waiting = budget.reserve(50n, large.signal);
    const behind = budget.reserve(40n, signal);
    large.abort("gone");
    await expect(waiting).rejects.toBe("gone");
    expect(await behind).toEqual({ amount: 40n });
  });

  it("refuses who waits, in order, when the last running call has settled and it still does not fit", async () => {
    const budget = new Budget(cap);
    const only = await budget.reserve(60n, signal);
    const waits = [budget.reserve(90n, signal), budget.reserve(80n, signal), budget.reserve(40n, signal)];
    budget.settle(only!, 60n);
    expect(await Promise.all(waits)).toEqual([undefined, undefined, { amount: 40n }]);
  });

  it("ignores a second settlement", async () => {
    const budget = new Budget(cap);
    const reservation = await budget.reserve(60n, signal);
    budget.settle(reservation!, 20n);
    budget.settle(reservation!, 20n);
    expect([budget.settled, budget.reserved]).toEqual([20n, 0n]);
  });

  it("does not confuse two reservations of one amount", async () => {
    const budget = new Budget(cap);
    const [one, two] = [await budget.reserve(10n, signal), await budget.reserve(10n, signal)];
    budget.settle(one!, 5n);
    budget.settle(one!, 5n);
    expect([budget.settled, budget.reserved]).toEqual([5n, 10n]);
    budget.settle(two!, 5n);
    expect([budget.settled, budget.reserved]).toEqual([10n, 0n]);
  });

  it("reports an overshoot, and then admits nothing that costs anything", async () => {
    const budget = new Budget(cap);
    const reservation = await budget.reserve(60n, signal);
    budget.settle(reservation!, 130n);
    expect(budget.overshoot).toBe(30n);
    expect(await budget.reserve(1n, signal)).toBeUndefined();
  });

  it("throws the reason of a signal that fired already, and takes nothing", async () => {
    const budget = new Budget(cap);
    await expect(budget.reserve(1n, AbortSignal.abort("before"))).rejects.toBe("before");
    expect(budget.reserved).toBe(0n);
  });
});
