import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  memoryBudgets,
  type Amounts,
  type BudgetPort,
  type BudgetsOptions,
  type Run,
  type RunEvent,
  type RunOptions,
  type RuntimeOptions,
  type SharedAccount,
  type TierwiseError,
} from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type ScriptedReply } from "../../src/testing/index.ts";
import { priced } from "../support/priced-models.ts";
import { Recorder } from "../support/span-recorder.ts";

const answer: ScriptedReply = { text: "ok", usage: { inputTokens: 10, outputTokens: 5 } };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function asking(count: number, step: object = {}) {
  const g = graph("asking", { input: z.object({}) });
  const spec = { needs: {}, complexity: "generation", output: z.string(), maxOutputTokens: 50 } as const;
  const names = Array.from({ length: count }, (_, index) => `s${index}`);
  return g.output(
    Object.fromEntries(names.map((name) => [name, g.model(name, { ...spec, ...step, prompt: () => "p" })])),
  );
}

/** At noon of a day, on a clock that moves when told. */
class Setting {
  readonly clock = new SimulatedClock(Date.UTC(2026, 10, 23, 12));
  readonly model: ScriptedModel;
  readonly #options: Partial<RuntimeOptions>;
  #runtime: ReturnType<typeof createRuntime> | undefined;

  constructor(
    budgets: BudgetsOptions,
    { model = new ScriptedModel(() => answer), ...options }: Partial<RuntimeOptions> & { model?: ScriptedModel } = {},
  ) {
    this.model = model;
    const own = { policy: defaultPolicy(), retry: { maxAttempts: 1 }, clock: this.clock, random: () => 0 };
    this.#options = { catalog: createCatalog([priced("small", this.model)]), ...own, budgets, ...options };
  }

  get runtime() {
    return (this.#runtime ??= createRuntime(this.#options as RuntimeOptions));
  }

  /** Runs to the end; time moves in steps of a tenth of a second, at most a minute. */
  async run(started = asking(1), options: RunOptions = {}) {
    const run = await this.runtime.start(started, {}, options);
    return this.end(run);
  }

  async end(run: Run<unknown>) {
    const events: RunEvent[] = [];
    run.on("*", (event) => void events.push(event));
    const over = new AbortController();
    const error = run.result.then(
      () => undefined,
      (thrown: unknown) => thrown as TierwiseError,
    );
    void error.then(() => over.abort());
    const startMs = this.clock.nowMs();
    const isOver = (): boolean => over.signal.aborted;
    for (let step = 0; step < 600 && !isOver(); step += 1) {
      await turn();
      await turn();
      if (!isOver()) await this.clock.advance(100);
    }
    return { error: await error, events, ledger: run.ledger(), tookMs: this.clock.nowMs() - startMs };
  }
}

const acme = (caps: Partial<SharedAccount>): SharedAccount => ({ name: "tenant:acme", per: "day", ...caps });

describe("a shared account", () => {
  it("is charged by all runs that name it, and by no other", async () => {
    const accounts: BudgetsOptions["accounts"] = ({ tags, graph: name }) =>
      tags["tenant"] === undefined ? [] : [{ name: `${name}/${tags["tenant"]}`, per: "day", calls: 2 }];
    const setting = new Setting({ accounts });
    const of = (tenant: string) => ({ tags: { tenant } });
    for (const tenant of ["acme", "acme", "other"])
      expect((await setting.run(asking(1), of(tenant))).error).toBeUndefined();
    const { error } = await setting.run(asking(1), of("acme"));
    expect(error).toMatchObject({
      name: "BudgetExceededError",
      message:
        'step "s0": the worst case of the next call fits no endpoint within the calls left to the shared account "asking/acme"; wait 43200 s for its next window, raise calls of account "asking/acme"',
      details: { step: "s0", scope: "shared", dimension: "calls", account: "asking/acme", retryAfterMs: 43_200_000 },
      ...{ limit: 2, account: "asking/acme", retryAfterMs: 43_200_000 },
    });
    expect((await setting.run(asking(5))).error).toBeUndefined();
    expect(setting.model.calls).toHaveLength(8);
  });

  it("is shared by the runtimes of a process that are given one port", async () => {
    const port = memoryBudgets();
    const accounts = () => [acme({ calls: 1 })];
    expect((await new Setting({ accounts, port }).run()).error).toBeUndefined();
    expect((await new Setting({ accounts, port }).run()).error).toMatchObject({ code: "BUDGET_EXCEEDED" });
  });

  it("gives no warning near its cap, as a run's own does: a port answers yes or no, not how much is left", async () => {
    const spans = new Recorder();
    const telemetry = { tracerProvider: spans.provider };
    const setting = new Setting({ accounts: () => [acme({ calls: 1 })] }, { telemetry });
    const warnings = async (): Promise<number> =>
      (await spans.spans()).flatMap(({ events }) => events).filter(({ name }) => name === "tierwise.budget.warning")
        .length;
    expect((await setting.run()).error).toBeUndefined();
    expect(await warnings()).toBe(0);
    const own = new Setting({ accounts: () => [acme({ calls: 9 })] }, { telemetry });
    expect((await own.run(asking(1), { budget: { calls: 1 } })).error).toBeUndefined();
    expect(await warnings()).toBe(1);
  });

  it("starts anew with its next window, in UTC by the clock of the runtime", async () => {
    const setting = new Setting({ accounts: () => [acme({ calls: 1 })] });
    expect((await setting.run()).error).toBeUndefined();
    await setting.clock.advance(12 * 3_600_000 - 10_000);
    expect((await setting.run()).error).toMatchObject({ details: { retryAfterMs: 10_000 } });
    await setting.clock.advance(10_000);
    expect((await setting.run()).error).toBeUndefined();
  });

  it("has no later window where it lasts forever", async () => {
    const setting = new Setting({ accounts: () => [acme({ per: "forever", calls: 1 })] });
    await setting.run();
    const { error } = await setting.run();
    expect(error?.details).not.toHaveProperty("retryAfterMs");
    expect(error?.message).toContain('the shared account "tenant:acme"; raise calls of account "tenant:acme"');
  });

  it("leaves a dear endpoint out and takes a cheap one; the decision names no tenant", async () => {
    const dear = new ScriptedModel([]);
    const rates = { inputPerMillionTokensUsd: 1_000, outputPerMillionTokensUsd: 1_000 };
    const cheap = new ScriptedModel([answer]);
    const catalog = createCatalog([priced("dear", dear, { price: rates }), priced("cheap", cheap, { class: "llm" })]);
    const setting = new Setting({ accounts: () => [acme({ costUsd: 0.01 })] }, { catalog });
    const { decisions } = await setting.runtime.run(asking(1), {});
    expect(decisions["s0"]?.at(-1)?.refused).toEqual([
      {
        endpoint: "dear",
        rule: "excluded",
        reason: "budget: its worst case does not fit the money left to a shared account",
      },
    ]);
    expect(dear.calls).toHaveLength(0);
  });

  it("of money keeps an endpoint without a price out: in the plan, at the start, and beside an account of calls", async () => {
    const free = endpoint("free", {
      class: "slm",
      location: "on-prem",
      model: new ScriptedModel(() => answer).factory,
    });
    const catalog = createCatalog([free]);
    const accounts: BudgetsOptions["accounts"] = ({ tags }) =>
      tags["paid"] === undefined
        ? [acme({ calls: 9 })]
        : [acme({ calls: 9 }), { name: "all", per: "month", costUsd: 1 }];
    const { runtime } = new Setting({ accounts }, { catalog });
    const paid = { tags: { paid: "yes" } };
    expect((await runtime.run(asking(1), {})).ledger.attempts).toBe(1);
    expect(runtime.plan(asking(1)).problems).toEqual([]);
    expect(runtime.plan(asking(1), paid).problems[0]?.message).toContain("has no price, and a money budget is set");
    await expect(runtime.run(asking(1), {}, paid)).rejects.toMatchObject({ code: "NO_ELIGIBLE_ENDPOINT" });
  });

  it("takes from the run and its step as well, or from nothing", async () => {
    const setting = new Setting({ accounts: () => [acme({ calls: 1 })] });
    const { error, ledger } = await setting.run(asking(2, { budget: { calls: 1 } }), { budget: { calls: 2 } });
    expect(error).toMatchObject({ details: { scope: "shared" } });
    expect(ledger).toMatchObject({ attempts: 1, reservedCalls: 0, reservedUsd: 0 });
  });
});

/** A port that watches another: what is settled and reserved at every instant. */
class Watched implements BudgetPort {
  readonly #port = memoryBudgets();
  readonly #open = new Map<string, Amounts>();
  #settledCalls = 0;
  mostCalls = 0;

  async reserve(request: Parameters<BudgetPort["reserve"]>[0]) {
    // As a store elsewhere: the answer takes its time.
    await turn();
    const answer = await this.#port.reserve(request);
    if (answer.reserved) this.#open.set(request.id, request.amounts);
    const reserved = [...this.#open.values()].reduce((total, { calls }) => total + calls, 0);
    this.mostCalls = Math.max(this.mostCalls, this.#settledCalls + reserved);
    return answer;
  }

  async settle({ id, amounts }: Parameters<BudgetPort["settle"]>[0]) {
    if (this.#open.delete(id)) this.#settledCalls += amounts.calls;
    return this.#port.settle({ id, amounts });
  }

  get state() {
    return { settledCalls: this.#settledCalls, open: this.#open.size };
  }
}

describe("1,000 steps of 20 runs on one account", () => {
  it("never pass its cap, and use it up to the last call", { timeout: 60_000 }, async () => {
    const port = new Watched();
    const setting = new Setting({ accounts: () => [acme({ calls: 400 })], port });
    const starting = Array.from({ length: 20 }, () => setting.runtime.start(asking(50), {}));
    const ends = await Promise.all((await Promise.all(starting)).map((run) => setting.end(run)));
    expect(port.mostCalls).toBe(400);
    expect(setting.model.calls.length).toBeLessThanOrEqual(400);
    expect(port.state.open).toBe(0);
    expect(port.state.settledCalls).toBe(setting.model.calls.length);
    const codes = new Set(ends.map(({ error }) => error?.code));
    expect([...codes]).toEqual(expect.arrayContaining(["BUDGET_EXCEEDED"]));
    expect(setting.clock.pending).toBe(0);
  });

  it("all run when the cap is exactly theirs", { timeout: 60_000 }, async () => {
    const port = new Watched();
    const setting = new Setting({ accounts: () => [acme({ calls: 1_000 })], port });
    const starting = Array.from({ length: 20 }, () => setting.runtime.start(asking(50), {}));
    const ends = await Promise.all((await Promise.all(starting)).map((run) => setting.end(run)));
    expect(ends.filter(({ error }) => error !== undefined)).toEqual([]);
    expect(port.state).toEqual({ settledCalls: 1_000, open: 0 });
  });
});

describe("a port that fails", () => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const settle = (): Promise<void> => Promise.resolve();
  const thrown = (): never => {
    throw new TypeError("no connection");
  };
  const rows: [string, unknown, string][] = [
    ["throws", thrown, "see cause"],
    ["rejects", () => Promise.reject(new Error("no connection")), "see cause"],
    ["never answers", never, "no answer within 2000 ms (timeoutMs)"],
    ...[
      undefined,
      null,
      "yes",
      {},
      { reserved: "true" },
      { reserved: false },
      { reserved: false, account: "x", dimension: "calls" },
      { reserved: false, account: "tenant:acme", dimension: "money" },
    ].map((found): [string, unknown, string] => [
      `answers ${JSON.stringify(found)}`,
      () => Promise.resolve(found),
      "see cause",
    ]),
  ];

  it.each(rows)("because it %s lets no call be made, whatever the step says of errors", async (_what, reserve, why) => {
    const port = { reserve, settle } as never;
    const setting = new Setting({ accounts: () => [acme({ calls: 9 })], port });
    const { error, events, ledger } = await setting.run(asking(1, { onError: "skip" }));
    expect(error).toMatchObject({
      code: "BUDGET_UNAVAILABLE",
      message: `step "s0": the port of the shared budgets failed (${why}), so the call was not made; start the run again when it answers`,
      details: { step: "s0" },
    });
    expect(error?.cause).toBeInstanceOf(Error);
    expect(setting.model.calls).toHaveLength(0);
    expect(ledger).toMatchObject({ attempts: 0, reservedCalls: 0 });
    expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "failed" });
    expect(setting.clock.pending).toBe(0);
  });

  it("because it answers too late gets back what it reserved", async () => {
    const late = Promise.withResolvers<{ reserved: true }>();
    const settled: unknown[] = [];
    const port: BudgetPort = {
      reserve: () => late.promise,
      settle: (request) => Promise.resolve(void settled.push(request.amounts)),
    };
    const setting = new Setting({ accounts: () => [acme({ calls: 9 })], port, timeoutMs: 300 });
    const { error, tookMs } = await setting.run();
    expect(error?.message).toContain("no answer within 300 ms (timeoutMs)");
    expect(tookMs).toBeLessThan(500);
    expect(settled).toEqual([]);
    late.resolve({ reserved: true });
    await turn();
    expect(settled).toEqual([{ picoUsd: 0n, tokens: 0, calls: 0 }]);
    expect(setting.clock.pending).toBe(0);
  });

  it("is not waited for when the run is cancelled, and gets back what it reserved", async () => {
    const late = Promise.withResolvers<{ reserved: true }>();
    const settled: unknown[] = [];
    const port: BudgetPort = {
      reserve: () => late.promise,
      settle: (request) => Promise.resolve(void settled.push(request.amounts)),
    };
    const setting = new Setting({ accounts: () => [acme({ calls: 9 })], port });
    const run = await setting.runtime.start(asking(1), {});
    await turn();
    await turn();
    run.cancel("enough");
    await expect(run.result).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    late.resolve({ reserved: true });
    await turn();
    expect(settled).toEqual([{ picoUsd: 0n, tokens: 0, calls: 0 }]);
    expect(setting.model.calls).toHaveLength(0);
    expect(setting.clock.pending).toBe(0);
  });

  it("to settle once or twice is asked again, and the run's result waits for it", async () => {
    const asked: bigint[] = [];
    const inner = memoryBudgets();
    const port: BudgetPort = {
      reserve: (request) => inner.reserve(request),
      settle: (request) =>
        asked.push(request.amounts.picoUsd) < 3 ? Promise.reject(new Error("busy")) : inner.settle(request),
    };
    const setting = new Setting({ accounts: () => [acme({ costUsd: 1 })], port });
    const { error, events, tookMs } = await setting.run();
    expect(error).toBeUndefined();
    expect(asked).toEqual([15_000_000n, 15_000_000n, 15_000_000n]);
    expect(tookMs).toBe(500);
    expect(events.some(({ type }) => type === "settlement-error")).toBe(false);
  });

  it.each([
    ["rejects", () => Promise.reject(new Error("down"))],
    ["throws", thrown],
    ["hangs", never],
  ])(
    "to settle because it %s leaves the worst case charged, says so, and holds no result for ever",
    async (_what, fails) => {
      const inner = memoryBudgets();
      const port: BudgetPort = { reserve: (request) => inner.reserve(request), settle: fails };
      const setting = new Setting({ accounts: () => [acme({ tokens: 600 })], port, timeoutMs: 1_000 });
      const { error, events, tookMs } = await setting.run();
      expect(error).toBeUndefined();
      expect(tookMs).toBeLessThanOrEqual(3_500);
      expect(events.slice(-2)).toMatchObject([
        { type: "settlement-error", step: "s0", accounts: ["tenant:acme"] },
        { type: "run-end", outcome: "completed" },
      ]);
      // 15 tokens were used; the worst case of more than 306 stays.
      expect((await setting.run()).error).toMatchObject({ code: "BUDGET_EXCEEDED", details: { dimension: "tokens" } });
      expect(setting.clock.pending).toBe(0);
    },
  );

  it("to settle does not hold up a run that is cancelled", async () => {
    const inner = memoryBudgets();
    const port: BudgetPort = { reserve: (request) => inner.reserve(request), settle: never };
    const model = new ScriptedModel([{ hangs: true }]);
    const setting = new Setting({ accounts: () => [acme({ calls: 9 })], port }, { model });
    const run = await setting.runtime.start(asking(1), {});
    const events: RunEvent[] = [];
    run.on("*", (event) => void events.push(event));
    while (model.calls.length === 0) await turn();
    run.cancel("enough");
    await expect(run.result).rejects.toMatchObject({ code: "RUN_CANCELLED" });
    await setting.clock.advance(60_000);
    expect(events.at(-1)).toMatchObject({ type: "run-end" });
    expect(setting.clock.pending).toBe(0);
  });
});
