import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Candidate } from "../../catalog/candidate.ts";
import { endpoint } from "../../catalog/endpoint.ts";
import { openModel } from "../../models/open-model.ts";
import { ScriptedModel } from "../../testing/scripted-model.ts";
import { SimulatedClock } from "../../testing/simulated-clock.ts";
import { EndpointMonitor, type EndedRequest } from "./endpoint-monitor.ts";
import { statusOf } from "./endpoint-status.ts";

const minuteMs = 60_000;
const windowMs = 15 * minuteMs;

function candidate(name: string, p95Ms?: number): Candidate {
  const model = new ScriptedModel([]).factory;
  const latency = p95Ms === undefined ? {} : { latency: { p95Ms } };
  const described = endpoint(name, { class: "slm", location: "on-prem", model, ...latency });
  return { endpoint: described, capabilities: openModel(described).capabilities };
}

function open() {
  const clock = new SimulatedClock();
  const monitor = new EndpointMonitor(clock);
  const record = (request: Partial<EndedRequest> = {}): void =>
    monitor.record({ endpoint: "a", step: "g/s", outcome: "answered", accepted: true, durationMs: 10, ...request });
  const times = (count: number, request?: Partial<EndedRequest>): void => {
    for (let index = 0; index < count; index += 1) record(request);
  };
  return { clock, monitor, record, times };
}

describe("what was measured of an endpoint", () => {
  it("is nothing before a request ended", () => {
    expect(open().monitor.measured("a")).toBeUndefined();
  });

  it("counts failures in the share, and times only what was answered", () => {
    const { monitor, record } = open();
    record({ durationMs: 30 });
    record({ outcome: "failed", accepted: undefined, durationMs: 9_000 });
    record({ durationMs: 20, accepted: false });
    record({ durationMs: 10, accepted: undefined });
    expect(monitor.measured("a")).toEqual({ samples: 4, answered: 3, p95Ms: 30, failureRatio: 0.25 });
    expect(monitor.measured("b")).toBeUndefined();
  });

  it("has no latency when nothing was answered", () => {
    const { monitor, times } = open();
    times(3, { outcome: "failed", accepted: undefined });
    expect(monitor.measured("a")).toEqual({ samples: 3, answered: 0, p95Ms: undefined, failureRatio: 1 });
  });

  it("counts a sample of exactly 15 minutes ago, and none that is older", async () => {
    const { clock, monitor, record } = open();
    record();
    await clock.advance(minuteMs);
    record({ outcome: "failed" });
    await clock.advance(windowMs - minuteMs);
    expect(monitor.measured("a")).toMatchObject({ samples: 2 });
    await clock.advance(1);
    expect(monitor.measured("a")).toMatchObject({ samples: 1, failureRatio: 1 });
    await clock.advance(minuteMs);
    expect(monitor.measured("a")).toBeUndefined();
  });

  it("keeps the newest hundred", () => {
    const { monitor, times } = open();
    times(50, { outcome: "failed" });
    times(51, { durationMs: 20 });
    expect(monitor.measured("a")).toEqual({ samples: 100, answered: 51, p95Ms: 20, failureRatio: 0.49 });
    times(100, { durationMs: 5 });
    expect(monitor.measured("a")).toEqual({ samples: 100, answered: 100, p95Ms: 5, failureRatio: 0 });
  });

  it("equals a naive reference over random samples and times", async () => {
    const event = fc.record({
      endpoint: fc.constantFrom("a", "b"),
      // Mostly short waits, so that many samples meet; some as long as the window.
      waitMs: fc.oneof(
        { weight: 100, arbitrary: fc.constantFrom(0, 1_000) },
        { weight: 1, arbitrary: fc.constantFrom(5 * minuteMs, windowMs, windowMs + 1) },
      ),
      outcome: fc.constantFrom("answered" as const, "answered" as const, "failed" as const),
      accepted: fc.constantFrom(true, false, undefined),
      durationMs: fc.double({ min: 0, max: 1e4, noNaN: true }),
      looks: fc.boolean(),
    });
    let most = 0;
    const run = fc.asyncProperty(fc.array(event, { minLength: 1, maxLength: 400, size: "max" }), async (events) => {
      const { clock, monitor, record } = open();
      const seen: (Sample & { readonly endpoint: string })[] = [];
      for (const { waitMs, looks, ...request } of events) {
        if (waitMs > 0) await clock.advance(waitMs);
        record({ ...request, accepted: request.outcome === "answered" ? request.accepted : undefined });
        seen.push({ ...request, atMs: clock.nowMs() });
        // What was worked out in between must not be shown later.
        if (looks) check();
      }
      check();
      await clock.advance(windowMs / 2);
      check();

      function check(): void {
        for (const name of ["a", "b"]) {
          const samples = seen.filter((sample) => sample.endpoint === name);
          const expected = measuredNaively(samples, clock.nowMs());
          most = Math.max(most, expected?.samples ?? 0);
          expect(monitor.measured(name)).toEqual(expected);
          expect(monitor.observed("g/s")?.[name]).toEqual(observedNaively(samples, clock.nowMs()));
        }
      }
    });
    await fc.assert(run, { numRuns: 30 });
    expect(most).toBe(100);
  });
});

interface Sample {
  readonly atMs: number;
  readonly outcome: "answered" | "failed";
  readonly accepted: boolean | undefined;
  readonly durationMs: number;
}

function measuredNaively(all: readonly Sample[], nowMs: number) {
  const samples = all.slice(-100).filter(({ atMs }) => nowMs - atMs <= windowMs);
  if (samples.length === 0) return undefined;
  const durations = samples.filter(({ outcome }) => outcome === "answered").map(({ durationMs }) => durationMs);
  const isEnough = (ms: number): boolean =>
    100 * durations.filter((other) => other <= ms).length >= 95 * durations.length;
  const enough = durations.filter(isEnough);
  const failed = samples.length - durations.length;
  const p95Ms = enough.length === 0 ? undefined : Math.ceil(Math.min(...enough));
  return { samples: samples.length, answered: durations.length, p95Ms, failureRatio: failed / samples.length };
}

function observedNaively(all: readonly Sample[], nowMs: number) {
  const judged = all.filter(({ outcome, accepted }) => outcome === "answered" && accepted !== undefined);
  const samples = judged.slice(-100).filter(({ atMs }) => nowMs - atMs <= windowMs);
  const rejected = samples.filter(({ accepted }) => accepted === false).length;
  return samples.length === 0 ? undefined : { answers: samples.length, rejected };
}

describe("what was observed on a step", () => {
  it("is nothing for a step that was not seen", () => {
    const { monitor, record } = open();
    record();
    expect(monitor.observed("g/other")).toBeUndefined();
  });

  it("counts judged answers by endpoint, and rejected ones among them; failures are no answers", () => {
    const { monitor, record, times } = open();
    times(2, { accepted: true });
    record({ accepted: false });
    record({ accepted: undefined });
    record({ outcome: "failed", accepted: undefined });
    record({ endpoint: "constructor", accepted: false });
    record({ step: "h/s", accepted: false });
    const expected = { a: { answers: 3, rejected: 1 }, constructor: { answers: 1, rejected: 1 } };
    expect(monitor.observed("g/s")).toEqual(expected);
  });

  it("keeps a hundred answers to each step, however busy the others are", () => {
    const { monitor, times } = open();
    times(150, { accepted: false });
    times(150, { step: "g/busy" });
    expect(monitor.observed("g/s")).toEqual({ a: { answers: 100, rejected: 100 } });
  });

  it("forgets with the window", async () => {
    const { clock, monitor, record } = open();
    record();
    await clock.advance(windowMs);
    expect(monitor.observed("g/s")).toEqual({ a: { answers: 1, rejected: 0 } });
    await clock.advance(1);
    expect(monitor.observed("g/s")).toBeUndefined();
  });

  it("remembers a thousand endpoints on steps and forgets the one that was answered longest ago", () => {
    const { monitor, record } = open();
    for (let index = 0; index < 1_000; index += 1) record({ step: `g/s${index}` });
    record({ step: "g/s0" });
    record({ step: "g/s1000" });
    record({ step: "g/s2", endpoint: "b" });
    const known = [0, 1, 2, 3, 1_000].map((index) => Object.keys(monitor.observed(`g/s${index}`) ?? {}));
    expect(known).toEqual([["a"], [], ["b"], ["a"], ["a"]]);
  });
});

describe("the candidates of a decision", () => {
  const base = [candidate("a", 100), candidate("b"), candidate("c")];

  it("are the catalog's own array before the first request", () => {
    expect(open().monitor.candidates(base)).toBe(base);
  });

  it("carry what was measured, frozen, and leave the catalog as it was", () => {
    const { monitor, record } = open();
    record({ durationMs: 7 });
    const shown = monitor.candidates(base);
    expect(shown[0]).toEqual({ ...base[0], measured: { samples: 1, answered: 1, p95Ms: 7, failureRatio: 0 } });
    expect(shown[0]?.endpoint).toBe(base[0]?.endpoint);
    expect(shown[1]).toBe(base[1]);
    expect(Object.isFrozen(shown) && Object.isFrozen(shown[0]) && Object.isFrozen(shown[0]?.measured)).toBe(true);
    expect(base[0]).not.toHaveProperty("measured");
  });

  it("are the same array until a request ends or one is too old to count", async () => {
    const { clock, monitor, record } = open();
    record();
    await clock.advance(minuteMs);
    record({ endpoint: "b" });
    const first = monitor.candidates(base);
    await clock.advance(windowMs - minuteMs);
    expect(monitor.candidates(base)).toBe(first);
    await clock.advance(1);
    const second = monitor.candidates(base);
    expect(second).not.toBe(first);
    expect(second.map(({ measured }) => measured?.samples)).toEqual([undefined, 1, undefined]);
    expect(second[1]).toBe(first[1]);
    record({ endpoint: "b" });
    const third = monitor.candidates(base);
    expect(third.map(({ measured }) => measured?.samples)).toEqual([undefined, 2, undefined]);
    expect(monitor.candidates(base)).toBe(third);
  });

  it("are not gone through while nothing changed", () => {
    const { monitor, record } = open();
    let looks = 0;
    const watched = new Proxy(base, { get: (target, key) => ((looks += 1), Reflect.get(target, key) as unknown) });
    record();
    monitor.candidates(watched);
    looks = 0;
    monitor.candidates(watched);
    expect(looks).toBe(0);
  });

  it("follow the catalog they are asked for", () => {
    const { monitor, record } = open();
    record();
    expect(monitor.candidates(base)).toHaveLength(3);
    expect(monitor.candidates(base.slice(0, 1))).toHaveLength(1);
  });
});

describe("the status of an endpoint", () => {
  it.each([
    { p95Source: "measured", requests: 20, declaredMs: 100, p95Ms: 900 },
    { p95Source: "declared", requests: 19, declaredMs: 100, p95Ms: 100 },
    { p95Source: "measured", requests: 20, declaredMs: undefined, p95Ms: 900 },
    { p95Source: "unknown", requests: 19, declaredMs: undefined, p95Ms: undefined },
  ])("says that its latency is $p95Source after $requests requests", ({ requests, declaredMs, ...expected }) => {
    const { monitor, times } = open();
    times(requests, { durationMs: 900 });
    const [shown] = monitor.candidates([candidate("a", declaredMs)]);
    const measured = { samples: requests, answered: requests, p95Ms: 900, failureRatio: 0 };
    const gate = { circuit: "closed", running: 0, waiting: 0, pausedUntilMs: undefined };
    const status = { name: "a", class: "slm", location: "on-prem", measured, ...gate, ...expected };
    expect(statusOf(shown!, undefined)).toEqual(status);
  });
});
