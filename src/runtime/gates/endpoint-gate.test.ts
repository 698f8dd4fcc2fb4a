import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { endpoint } from "../../catalog/endpoint.ts";
import { ProviderError } from "../../errors.ts";
import { SimulatedClock } from "../../testing/simulated-clock.ts";
import { EndpointGate, type Place } from "./endpoint-gate.ts";

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

function open({
  concurrency = 1,
  queue = 2,
  random = 0,
}: { concurrency?: number; queue?: number; random?: number } = {}) {
  const clock = new SimulatedClock(1_000_000);
  const target = endpoint("tiny", {
    class: "slm",
    location: "on-prem",
    model: { invoke: () => Promise.resolve({}) },
    limits: { concurrency, queue },
  });
  const gate = new EndpointGate(target, { clock, random: () => random });
  const controller = new AbortController();
  const enter = (withinMs = 60_000): Promise<Place | ProviderError> => gate.enter(controller.signal, withinMs);
  const inside = async (withinMs?: number): Promise<Place> => {
    const place = await enter(withinMs);
    if (place instanceof ProviderError) throw place;
    return place;
  };
  return { clock, gate, controller, enter, inside };
}

const failed = (fields: { status?: number; retryAfterMs?: number; retryable?: boolean; errorType?: string }) =>
  new ProviderError("down", { retryable: true, errorType: "x", ...fields });

/** What each promise came to so far. */
function watch(promises: readonly Promise<unknown>[]): unknown[] {
  const seen = promises.map((): unknown => "waits");
  for (const [index, promise] of promises.entries()) {
    promise.then(
      (value) => (seen[index] = value instanceof ProviderError ? value.code : "inside"),
      (error: unknown) => (seen[index] = error),
    );
  }
  return seen;
}

describe("the queue of an endpoint", () => {
  it("lets in as many as the endpoint takes, and the others in their order", async () => {
    const { gate, enter, inside } = open({ concurrency: 2 });
    const first = await inside();
    await inside();
    const seen = watch([enter(), enter()]);
    await turn();
    expect(seen).toEqual(["waits", "waits"]);
    expect(gate.status).toMatchObject({ running: 2, waiting: 2 });
    first.leave("answered");
    await turn();
    expect(seen).toEqual(["inside", "waits"]);
    expect(gate.status).toMatchObject({ running: 2, waiting: 1 });
  });

  it("turns the next one away at once when as many wait as may", async () => {
    const { enter, inside } = open();
    await inside();
    void watch([enter(), enter()]);
    const refused = await enter();
    expect(refused).toMatchObject({ code: "BACKPRESSURE", retryable: true, errorType: "backpressure" });
    expect((refused as ProviderError).message).toMatch(/"tiny" takes 1 requests at once .* 2 calls wait already/);
  });

  it("has room as soon as somebody leaves, and not some microtasks later", async () => {
    const { enter, inside } = open({ queue: 0 });
    const first = await inside();
    expect(await enter()).toMatchObject({ code: "BACKPRESSURE" });
    first.leave("answered");
    expect(await enter()).not.toBeInstanceOf(ProviderError);
  });

  it("is left within the time of the one who waits", async () => {
    const { clock, gate, enter, inside } = open();
    await inside();
    const seen = watch([enter(300)]);
    await clock.advance(299);
    expect(seen).toEqual(["waits"]);
    await clock.advance(1);
    expect(seen).toEqual(["BACKPRESSURE"]);
    expect(gate.status).toMatchObject({ running: 1, waiting: 0 });
    expect(clock.pending).toBe(0);
  });

  it("is left at once by who gives up, whose place goes to the next; nothing stays behind", async () => {
    const { clock, gate, controller, inside } = open();
    const other = new AbortController();
    const first = await inside();
    const reason = new Error("enough");
    const seen = watch([gate.enter(controller.signal, 60_000), gate.enter(other.signal, 60_000)]);
    controller.abort(reason);
    await turn();
    expect(seen).toEqual([reason, "waits"]);
    expect(gate.status).toMatchObject({ running: 1, waiting: 1 });
    first.leave("answered");
    await turn();
    expect(seen).toEqual([reason, "inside"]);
    expect(clock.pending).toBe(0);
    expect([controller, other].map(({ signal }) => getEventListeners(signal, "abort").length)).toEqual([0, 0]);
  });

  it("is not entered by a signal that fired before", async () => {
    const { gate } = open();
    await expect(gate.enter(AbortSignal.abort(new Error("before")), 1_000)).rejects.toThrow("before");
    expect(gate.status).toMatchObject({ running: 0, waiting: 0 });
  });
});

describe("the pause of an endpoint", () => {
  it("holds everybody until it is over", async () => {
    const { clock, gate, enter, inside } = open({ concurrency: 3 });
    (await inside()).leave(failed({ status: 429, retryAfterMs: 5_000 }));
    const seen = watch([enter(), enter()]);
    await turn();
    expect(gate.status).toMatchObject({ running: 0, waiting: 2, pausedUntilMs: 1_005_000 });
    await clock.advance(4_999);
    expect(seen).toEqual(["waits", "waits"]);
    await clock.advance(1);
    expect(seen).toEqual(["inside", "inside"]);
    expect(gate.status).toMatchObject({ running: 2, waiting: 0, pausedUntilMs: undefined });
  });

  it.each([
    ["at most a second", 5_000, 1_000],
    ["at most as long as it was", 200, 200],
  ])("ends at different moments for those who waited: spread over %s", async (_what, retryAfterMs, spreadMs) => {
    const { clock, enter, inside } = open({ random: 0.5 });
    (await inside()).leave(failed({ status: 429, retryAfterMs }));
    const seen = watch([enter()]);
    await clock.advance(retryAfterMs + spreadMs / 2 - 1);
    expect(seen).toEqual(["waits"]);
    await clock.advance(1);
    expect(seen).toEqual(["inside"]);
  });

  it("is prolonged by a later answer, never shortened", async () => {
    const { clock, gate, enter, inside } = open({ concurrency: 3 });
    const [first, second, third] = [await inside(), await inside(), await inside()];
    first.leave(failed({ status: 429, retryAfterMs: 5_000 }));
    const seen = watch([enter()]);
    second.leave(failed({ status: 429, retryAfterMs: 1_000 }));
    expect(gate.status.pausedUntilMs).toBe(1_005_000);
    third.leave(failed({ status: 429, retryAfterMs: 7_000 }));
    await clock.advance(6_999);
    expect(seen).toEqual(["waits"]);
    await clock.advance(1);
    expect(seen).toEqual(["inside"]);
  });

  it.each([
    ["longer than 30 seconds", 30_001, 60_000],
    ["longer than the one who asks can wait", 5_000, 4_999],
  ])("that is %s is not waited for", async (_what, retryAfterMs, withinMs) => {
    const { clock, gate, enter, inside } = open();
    (await inside()).leave(failed({ status: 429, retryAfterMs }));
    const refused = await enter(withinMs);
    expect(refused).toMatchObject({ code: "BACKPRESSURE", errorType: "rate_limited", retryAfterMs });
    expect(gate.status).toMatchObject({ running: 0, waiting: 0 });
    expect(clock.pending).toBe(0);
  });

  it("that grows beyond that is not waited for any longer", async () => {
    const { clock, enter, inside } = open({ concurrency: 2 });
    const [first, second] = [await inside(), await inside()];
    first.leave(failed({ status: 429, retryAfterMs: 5_000 }));
    const seen = watch([enter()]);
    await clock.advance(1_000);
    second.leave(failed({ status: 429, retryAfterMs: 60_000 }));
    await clock.advance(4_000);
    expect(seen).toEqual(["BACKPRESSURE"]);
    expect(clock.pending).toBe(0);
  });

  it("lasts at most a quarter of an hour: the number may be a mistake", async () => {
    const { clock, gate, inside } = open();
    (await inside()).leave(failed({ status: 429, retryAfterMs: 86_400_000 }));
    expect(gate.status.pausedUntilMs).toBe(1_000_000 + 900_000);
    await clock.advance(900_000);
    await expect(inside()).resolves.toBeDefined();
  });

  it("ends at once for who gives up; nothing stays behind", async () => {
    const { clock, gate, controller, enter, inside } = open();
    (await inside()).leave(failed({ status: 429, retryAfterMs: 5_000 }));
    const seen = watch([enter()]);
    await turn();
    controller.abort("enough");
    await turn();
    expect(seen).toEqual(["enough"]);
    expect(gate.status).toMatchObject({ running: 0, waiting: 0 });
    expect(clock.pending).toBe(0);
    expect(getEventListeners(controller.signal, "abort")).toHaveLength(0);
  });

  it.each<[string, ProviderError, number]>([
    ["429 without a time", failed({ status: 429 }), 1_000],
    ["429 with no time to wait", failed({ status: 429, retryAfterMs: 0 }), 0],
    ["503 with a time", failed({ status: 503, retryAfterMs: 2_000 }), 2_000],
    ["503 without one", failed({ status: 503 }), 0],
    ["a failure that does not pass", failed({ status: 403, retryable: false, retryAfterMs: 2_000 }), 0],
  ])("follows %s: %j for %d ms", async (_what, error, pauseMs) => {
    const { gate, inside } = open();
    (await inside()).leave(error);
    expect(gate.status.pausedUntilMs).toBe(pauseMs === 0 ? undefined : 1_000_000 + pauseMs);
  });
});

describe("the circuit of an endpoint", () => {
  const outage = failed({ status: 503 });

  async function after(outcomes: readonly Parameters<Place["leave"]>[0][]) {
    const opened = open({ concurrency: 10 });
    for (const outcome of outcomes) (await opened.inside()).leave(outcome);
    return opened;
  }

  it.each<[string, ProviderError]>([
    ["503", failed({ status: 503 })],
    ["408", failed({ status: 408 })],
    ["no connection", failed({ errorType: "ECONNREFUSED" })],
    ["no answer in time", failed({ errorType: "timeout" })],
    ["an answer that is none", failed({ errorType: "malformed_reply" })],
  ])("opens after five times %s", async (_what, error) => {
    const { gate, enter } = await after([error, error, error, error, error]);
    expect(gate.status.circuit).toBe("open");
    const refused = await enter();
    expect(refused).toMatchObject({ code: "CIRCUIT_OPEN", errorType: "circuit_open", retryAfterMs: 10_000 });
    expect(gate.status).toMatchObject({ running: 0, waiting: 0 });
  });

  it.each<[string, Parameters<Place["leave"]>[0]]>([
    ["a wrong request", failed({ status: 400, retryable: false })],
    ["a wrong key", failed({ status: 401, retryable: false })],
    ["too many requests", failed({ status: 429, retryAfterMs: 0 })],
    ["a conflict", failed({ status: 409 })],
    ["nothing that could be told", undefined],
    ["a prompt that its anonymiser held back", failed({ retryable: false, errorType: "anonymiser_failed" })],
  ])("stays closed after %s, however often", async (_what, outcome) => {
    const { gate } = await after(Array<typeof outcome>(10).fill(outcome));
    expect(gate.status.circuit).toBe("closed");
  });

  it("turns away those who waited when it opened", async () => {
    const { gate, inside, enter } = open({ concurrency: 1, queue: 5 });
    for (let count = 0; count < 4; count += 1) (await inside()).leave(outage);
    const last = await inside();
    const seen = watch([enter(), enter()]);
    last.leave(outage);
    await turn();
    expect(seen).toEqual(["CIRCUIT_OPEN", "CIRCUIT_OPEN"]);
    expect(gate.status).toMatchObject({ running: 0, waiting: 0 });
  });

  it("lets one probe through after 10 seconds, also when its bearer gave up before", async () => {
    const { clock, gate, enter, inside } = await after([outage, outage, outage, outage, outage]);
    await clock.advance(10_000);
    expect(gate.status.circuit).toBe("half-open");
    const probe = await inside();
    expect(await enter()).toMatchObject({ code: "CIRCUIT_OPEN" });
    probe.leave(undefined);
    (await inside()).leave("answered");
    expect(gate.status.circuit).toBe("closed");
  });

  it("is closed by a probe whose answer is an error of the caller's", async () => {
    const { clock, gate, inside } = await after([outage, outage, outage, outage, outage]);
    await clock.advance(10_000);
    (await inside()).leave(failed({ status: 400, retryable: false }));
    expect(gate.status.circuit).toBe("closed");
  });
});
