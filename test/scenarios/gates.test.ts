/** What stands between many runs and one endpoint: pauses, bounds, circuits. Real clients and sockets, simulated time. */
import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import type { EndpointLimits } from "../../src/catalog/endpoint.ts";
import { createCatalog, createRuntime, defaultPolicy, type ProviderError } from "../../src/index.ts";
import { faults, FaultServer, type ServerReply } from "../../src/testing/index.ts";
import { attempts, downServer, Lab, oneStep, received, served, turn, type Watched } from "../support/retry-lab.ts";

const ok: ServerReply = { content: "ok" };
const always = (reply: ServerReply) => (): ServerReply => reply;
const once = { maxAttempts: 1 };

/** Evenly spread over 0 to 1, and the same in every test. */
function spread(): () => number {
  let drawn = 0;
  return () => (drawn += 0.618_034) % 1;
}

const startsOf = (runs: readonly Watched[]): number[] =>
  runs.flatMap(({ events }) => events.filter(({ type }) => type === "attempt-start").map(({ atMs }) => atMs));

describe("a herd of 50 runs on an endpoint that asks for a pause", () => {
  const after = faults.rateLimited({ retryAfter: 5 });

  it("sends nothing before the pause is over, and then not all at once", async () => {
    let isFirst = true;
    await using server = await FaultServer.start(() => {
      const reply = isFirst ? after : ok;
      isFirst = false;
      return reply;
    });
    const lab = new Lab([served("tiny", server)], { random: spread() });
    const first = await lab.start();
    while (lab.status("tiny").pausedUntilMs === undefined) await turn();
    const openMs = lab.status("tiny").pausedUntilMs!;
    expect(openMs - lab.clock.epochMs()).toBe(5_000);
    const herd = await Promise.all(Array.from({ length: 49 }, () => lab.start()));
    await turn();
    expect(lab.status("tiny")).toMatchObject({ running: 0, waiting: 49 });
    await lab.clock.advance(openMs - lab.clock.epochMs() - 1);
    expect(startsOf(herd)).toEqual([]);
    expect(lab.status("tiny").waiting).toBe(50);
    await lab.settle([first, ...herd]);
    expect(server.requests).toHaveLength(51);
    const starts = startsOf([first, ...herd]).slice(1);
    expect(Math.min(...starts)).toBeGreaterThanOrEqual(openMs);
    expect(Math.max(...starts)).toBeLessThanOrEqual(openMs + 1_010);
    expect(new Set(starts).size).toBeGreaterThan(30);
  });

  it("that waits in the queue is held, too", async () => {
    await using server = await FaultServer.start((request) => (server.requests[0] === request ? after : ok));
    const lab = new Lab([served("tiny", server, { limits: { concurrency: 1 } })]);
    const startMs = lab.clock.epochMs();
    const herd = await Promise.all(Array.from({ length: 50 }, () => lab.start()));
    await lab.settle(herd);
    expect(server.requests).toHaveLength(51);
    const [, ...later] = startsOf(herd).toSorted((a, b) => a - b);
    expect(Math.min(...later) - startMs).toBeGreaterThanOrEqual(5_000);
  });

  it("goes on waiting when the first who comes back is told to wait again", async () => {
    await using server = await FaultServer.start((request) => (server.requests.indexOf(request) < 2 ? after : ok));
    const lab = new Lab([served("tiny", server)], { random: spread() });
    const first = await lab.start();
    while (lab.status("tiny").pausedUntilMs === undefined) await turn();
    const herd = await Promise.all(Array.from({ length: 9 }, () => lab.start()));
    await lab.settle([first, ...herd]);
    const starts = startsOf([first, ...herd]).toSorted((a, b) => a - b);
    expect(server.requests).toHaveLength(12);
    expect(starts[1]! - starts[0]!).toBeGreaterThanOrEqual(5_000);
    // Those who started in the same 10 ms as the second one could not know yet.
    expect(starts.filter((ms) => ms > starts[1]! + 10 && ms < starts[1]! + 5_000)).toEqual([]);
  });
});

describe("an endpoint that is paused for longer than anybody waits", () => {
  it("is asked by nobody, and the decision says why another one is", async () => {
    await using small = await FaultServer.start([faults.rateLimited({ retryAfter: 3_600 })]);
    await using large = await FaultServer.start(always(ok));
    const lab = new Lab([served("small", small), served("large", large, { class: "llm" })]);
    await lab.finish();
    const { error, events } = await lab.finish();
    expect(error).toBeUndefined();
    expect(attempts(events)).toMatchObject([{ number: 1, kind: "fallback", endpoint: "large" }]);
    const decisions = events.flatMap((event) => (event.type === "policy-decision" ? [event.decision] : []));
    expect(decisions.map(({ refused }) => refused)).toEqual([
      [],
      [{ endpoint: "small", rule: "excluded", reason: "unavailable: it takes no request now (BACKPRESSURE)" }],
    ]);
    expect([small.requests.length, large.requests.length]).toEqual([1, 2]);
  });
});

describe("the circuit of an endpoint", () => {
  async function openCircuit(script: (request: number) => ServerReply) {
    const server = await FaultServer.start((request) => script(server.requests.indexOf(request)));
    const lab = new Lab([served("tiny", server)], { retry: once });
    for (let run = 0; run < 5; run += 1) await lab.finish();
    return { server, lab, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
  }

  it("opens after five failures over all runs: the next ones end typed, without a request", async () => {
    await using opened = await openCircuit(() => faults.status(500));
    const { server, lab } = opened;
    expect(lab.status("tiny").circuit).toBe("open");
    const { error, events, run } = await lab.finish();
    const cause = expect.objectContaining({ name: "ProviderError", code: "CIRCUIT_OPEN", retryable: true }) as unknown;
    expect(error).toMatchObject({ name: "NoEligibleEndpointError", code: "NO_ELIGIBLE_ENDPOINT", cause });
    expect((error as unknown as { cause: ProviderError }).cause.retryAfterMs).toBeGreaterThan(9_900);
    expect(error?.message).toMatch(
      /^step "reply": no eligible endpoint: .*their circuits are open\): tiny; a request may try one in (99\d\d|10000) ms/,
    );
    // Those who may are down: nobody denied it.
    expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "failed" });
    expect(attempts(events)).toEqual([]);
    expect(run.ledger()).toMatchObject({ attempts: 0, reservedUsd: 0 });
    expect(server.requests).toHaveLength(5);
  });

  it("lets one probe through after 10 seconds, stays open when it fails, and closes when it succeeds", async () => {
    await using opened = await openCircuit((request) => (request < 6 ? faults.status(500) : ok));
    const { server, lab } = opened;
    for (const expected of ["open", "closed"]) {
      await lab.clock.advance(10_000);
      expect(lab.status("tiny").circuit).toBe("half-open");
      const before = server.requests.length;
      const herd = await Promise.all(Array.from({ length: 10 }, () => lab.start()));
      await lab.settle(herd);
      const outcomes = await Promise.all(herd.map(({ outcome }) => outcome));
      const shut = outcomes.filter(({ error }) => error?.name === "NoEligibleEndpointError");
      expect(shut).toHaveLength(9);
      expect(server.requests.length - before).toBe(1);
      expect(lab.status("tiny").circuit).toBe(expected);
    }
    const herd = await Promise.all(Array.from({ length: 10 }, () => lab.start()));
    await lab.settle(herd);
    expect(server.requests).toHaveLength(5 + 2 + 10);
  });

  it("leaves an endpoint out while it is open: the next cleared one is asked", async () => {
    await using small = await FaultServer.start(always(faults.status(500)));
    await using large = await FaultServer.start(always(ok));
    const lab = new Lab([served("small", small), served("large", large, { class: "llm" })], { feedback: false });
    for (let run = 0; run < 4; run += 1) expect((await lab.finish()).error).toBeUndefined();
    expect(lab.status("small").circuit).toBe("open");
    expect([small.requests.length, large.requests.length]).toEqual([5, 4]);
  });

  it("says what failed, not that it is open, to the run that opened it", async () => {
    await using server = await FaultServer.start(always(faults.status(500)));
    const lab = new Lab([served("tiny", server)], { retry: { maxAttempts: 10 } });
    const { error, run } = await lab.finish();
    expect(error).toMatchObject({ code: "PROVIDER_ERROR", status: 500 });
    expect([server.requests.length, run.ledger().attempts, lab.status("tiny").circuit]).toEqual([5, 5, "open"]);
  });

  it("says so, too, to runs that wait for another try when others open it", async () => {
    await using server = await FaultServer.start(always(faults.status(500)));
    const lab = new Lab([served("tiny", server)], { random: spread() });
    const herd = await Promise.all(Array.from({ length: 6 }, () => lab.start()));
    await lab.settle(herd);
    const outcomes = await Promise.all(herd.map(({ outcome }) => outcome));
    expect(outcomes.map(({ error }) => error)).toMatchObject(Array(6).fill({ code: "PROVIDER_ERROR", status: 500 }));
    expect(server.requests).toHaveLength(6);
  });

  it("does not open for wrong requests or cancelled runs", async () => {
    await using server = await FaultServer.start((request) =>
      server.requests.indexOf(request) < 6 ? faults.status(400) : faults.hang(),
    );
    const lab = new Lab([served("tiny", server)], { retry: once });
    for (let run = 0; run < 6; run += 1) await lab.finish();
    for (let run = 0; run < 6; run += 1) {
      const watched = await lab.start();
      await received(server, 7 + run);
      watched.run.cancel();
      await watched.outcome;
    }
    expect(lab.status("tiny")).toMatchObject({ circuit: "closed", running: 0, waiting: 0 });
  });
});

describe("no fault widens the places that may see the data", () => {
  const secret = { clearance: "regulated" } as const;
  const regulated = () => oneStep({ label: "regulated" });

  it.each<[string, ServerReply]>([
    ["fails", faults.status(503)],
    ["asks for a long pause", faults.rateLimited({ retryAfter: 3_600 })],
    ["answers nonsense", faults.html()],
  ])(
    "when the only cleared endpoint %s, until its circuit is open, the uncleared one gets nothing",
    async (_what, reply) => {
      await using cleared = await FaultServer.start(always(reply));
      await using uncleared = await FaultServer.start(always(ok));
      const lab = new Lab([served("inside", cleared, secret), served("outside", uncleared, { class: "llm" })]);
      for (let run = 0; run < 8; run += 1) {
        const { error } = await lab.finish(regulated());
        expect(["PROVIDER_ERROR", "BACKPRESSURE", "NO_ELIGIBLE_ENDPOINT"]).toContain(
          (error as unknown as { code: string }).code,
        );
      }
      expect(uncleared.requests).toHaveLength(0);
    },
  );

  it("when the cleared endpoint is down and its queue is full, neither", async () => {
    await using cleared = await FaultServer.start(always(faults.hang()));
    await using uncleared = await FaultServer.start(always(ok));
    const limits = { concurrency: 1, queue: 0 };
    const lab = new Lab([
      served("inside", cleared, { ...secret, limits }),
      served("outside", uncleared, { class: "llm" }),
    ]);
    const hanging = await lab.start(regulated());
    await received(cleared, 1);
    const refused = await lab.start(regulated());
    expect((await refused.outcome).error).toMatchObject({ code: "BACKPRESSURE" });
    hanging.run.cancel();
    await hanging.outcome;
    expect([cleared.requests.length, uncleared.requests.length]).toEqual([1, 0]);
  });

  it("when all endpoints are down, the run ends typed and names the last one's failure", async () => {
    const lab = new Lab([served("small", await downServer()), served("large", await downServer(), { class: "llm" })]);
    const { error, run } = await lab.finish();
    expect(error).toMatchObject({ name: "ProviderError", code: "PROVIDER_ERROR", errorType: "ECONNREFUSED" });
    expect(run.ledger().endpoints).toEqual(["small", "small", "small", "large", "large", "large"]);
  });
});

describe("the bound on who waits", () => {
  it("turns the next call away at once, typed; nobody else is hurt", async () => {
    await using server = await FaultServer.start(always(faults.hang()));
    const lab = new Lab([served("tiny", server, { limits: { concurrency: 1, queue: 2 } })]);
    const inside = await Promise.all(Array.from({ length: 3 }, () => lab.start()));
    await received(server, 1);
    expect(lab.status("tiny")).toMatchObject({ running: 1, waiting: 2 });
    const fourth = await lab.start();
    expect((await fourth.outcome).error).toMatchObject({
      name: "ProviderError",
      code: "BACKPRESSURE",
      retryable: true,
    });
    expect(attempts(fourth.events)).toEqual([]);
    expect(lab.status("tiny")).toMatchObject({ running: 1, waiting: 2 });
    for (const { run } of inside) run.cancel();
    await Promise.all(inside.map(({ outcome }) => outcome));
    expect(lab.status("tiny")).toMatchObject({ running: 0, waiting: 0 });
    expect(server.requests).toHaveLength(1);
  });

  it("sends the call to the next cleared endpoint", async () => {
    await using small = await FaultServer.start(always(faults.hang()));
    await using large = await FaultServer.start([ok]);
    const limits = { concurrency: 1, queue: 0 };
    const lab = new Lab([served("small", small, { limits }), served("large", large, { class: "llm" })]);
    const inside = await lab.start();
    await received(small, 1);
    const { output, error } = await (await lab.start()).outcome;
    expect([output, error]).toEqual(["ok", undefined]);
    inside.run.cancel();
    await inside.outcome;
    expect([small.requests.length, large.requests.length]).toEqual([1, 1]);
  });

  it("gives back the money that was set aside for a call it turned away", async () => {
    await using small = await FaultServer.start(always(faults.hang()));
    await using large = await FaultServer.start([ok]);
    const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
    const limits = { concurrency: 1, queue: 0 };
    const endpoints = [served("small", small, { limits, price }), served("large", large, { class: "llm", price })];
    const lab = new Lab(endpoints);
    const inside = await lab.start();
    await received(small, 1);
    // Room for one worst case of some 400 tokens, not for two.
    const { run, outcome } = await lab.start(oneStep({ maxOutputTokens: 50 }), { budget: { costUsd: 600e-6 } });
    expect(await outcome).toMatchObject({ output: "ok", error: undefined });
    expect(run.ledger()).toMatchObject({ attempts: 1, reservedUsd: 0 });
    inside.run.cancel();
    await inside.outcome;
  });

  it("keeps to the endpoint's concurrency, whoever asks", async () => {
    let most = 0;
    await using server = await FaultServer.start(() => {
      most = Math.max(most, lab.status("tiny").running);
      return ok;
    });
    const lab: Lab = new Lab([served("tiny", server, { limits: { concurrency: 3 } })]);
    const herd = await Promise.all(Array.from({ length: 40 }, () => lab.start()));
    await lab.settle(herd);
    expect([server.requests.length, most]).toEqual([40, 3]);
  });
});

describe("a run that is cancelled while it waits", () => {
  const reason = new Error("the user left");

  /** On the machine's clock: how long the end takes, and that nothing stays behind. */
  async function start(server: FaultServer, limits: Partial<EndpointLimits> = {}) {
    const catalog = createCatalog([served("tiny", server, { limits })]);
    const retry = { initialDelayMs: 60_000, maxDelayMs: 60_000 };
    const runtime = createRuntime({ catalog, policy: defaultPolicy(), retry, random: () => 0.5 });
    const run = await runtime.start(oneStep(), {});
    const result = run.result.catch((thrown: unknown) => thrown);
    return { runtime, status: () => runtime.endpoints()[0]!, run, result };
  }

  async function expectSoon(run: { cancel(reason: unknown): void }, result: Promise<unknown>): Promise<void> {
    const startMs = performance.now();
    run.cancel(reason);
    expect(await result).toMatchObject({ code: "RUN_CANCELLED", cause: reason });
    expect(performance.now() - startMs).toBeLessThan(100);
  }

  it("for another try ends at once", async () => {
    await using server = await FaultServer.start([faults.status(503)]);
    const { status, run, result } = await start(server);
    await new Promise((resolve) => run.on("attempt-error", resolve));
    await turn();
    await expectSoon(run, result);
    expect(status()).toMatchObject({ running: 0, waiting: 0 });
    expect(run.ledger()).toMatchObject({ attempts: 1, reservedUsd: 0 });
    server.assertDone();
  });

  it("for its turn ends at once, and its turn goes to the next", async () => {
    await using server = await FaultServer.start([faults.hang(), ok]);
    const { runtime, status, run: holder, result: held } = await start(server, { concurrency: 1 });
    await received(server, 1);
    const run = await runtime.start(oneStep(), {});
    const next = await runtime.start(oneStep(), {});
    while (status().waiting < 2) await turn();
    await expectSoon(
      run,
      run.result.catch((thrown: unknown) => thrown),
    );
    expect(status()).toMatchObject({ running: 1, waiting: 1 });
    await expectSoon(holder, held);
    expect((await next.result).output).toBe("ok");
    expect(status()).toMatchObject({ running: 0, waiting: 0 });
    server.assertDone();
  });

  it("for a pause to end ends at once", async () => {
    await using server = await FaultServer.start([faults.rateLimited({ retryAfter: 20 })]);
    const { runtime, status, run: first, result: of429 } = await start(server);
    while (status().pausedUntilMs === undefined) await turn();
    const second = await runtime.start(oneStep(), {});
    while (status().waiting === 0) await turn();
    await expectSoon(
      second,
      second.result.catch((thrown: unknown) => thrown),
    );
    await expectSoon(first, of429);
    expect(status()).toMatchObject({ running: 0, waiting: 0 });
    server.assertDone();
  });

  it.each(["503", "429"])("leaves no timer behind, whatever it waited for (%s)", async (what) => {
    const reply = what === "503" ? faults.status(503) : faults.rateLimited({ retryAfter: 20 });
    await using server = await FaultServer.start([reply]);
    const lab = new Lab([served("tiny", server)], { random: () => 0.9 });
    const { run, events, outcome } = await lab.start();
    while (!events.some(({ type }) => type === "attempt-error")) await turn();
    await turn();
    expect(lab.clock.pending).toBeGreaterThan(1);
    run.cancel(reason);
    expect((await outcome).error).toMatchObject({ code: "RUN_CANCELLED" });
    expect(lab.clock.pending).toBe(0);
    server.assertDone();
  });

  it("leaves no listener on the caller's signal", async () => {
    await using server = await FaultServer.start([faults.status(503), ok]);
    const lab = new Lab([served("tiny", server)]);
    const controller = new AbortController();
    const { error } = await lab.finish(oneStep(), { signal: controller.signal });
    expect(error).toBeUndefined();
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });
});

it("a run that runs out of time while it waits ends with its deadline, and not later", async () => {
  await using server = await FaultServer.start(always(faults.hang()));
  const lab = new Lab([served("tiny", server, { limits: { concurrency: 1 } })]);
  const holder = await lab.start();
  await received(server, 1);
  const waiting = await lab.start(oneStep(), { budget: { durationMs: 3_000 } });
  await lab.clock.advance(2_999);
  expect(lab.status("tiny").waiting).toBe(1);
  await lab.clock.advance(1);
  expect((await waiting.outcome).error).toMatchObject({ code: "DEADLINE_EXCEEDED" });
  expect(lab.status("tiny")).toMatchObject({ running: 1, waiting: 0 });
  holder.run.cancel();
  await holder.outcome;
});
