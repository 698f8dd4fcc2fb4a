import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";
import { SimulatedClock } from "../testing/simulated-clock.ts";
import { sleep } from "./abort.ts";

describe("a sleep", () => {
  function asleep(delayMs: number, controller = new AbortController()) {
    const clock = new SimulatedClock();
    const seen: unknown[] = [];
    sleep(delayMs, controller.signal, clock).then(
      () => seen.push("over"),
      (reason: unknown) => seen.push(reason),
    );
    const left = () => [clock.pending, getEventListeners(controller.signal, "abort").length];
    return { clock, controller, seen, left };
  }

  it("is over after its time, and leaves nothing behind", async () => {
    const { clock, seen, left } = asleep(500);
    await clock.advance(499);
    expect([seen, left()]).toEqual([[], [1, 1]]);
    await clock.advance(1);
    expect([seen, left()]).toEqual([["over"], [0, 0]]);
  });

  it("ends with the signal's reason as soon as it fires, and leaves nothing behind", async () => {
    const { clock, controller, seen, left } = asleep(500);
    controller.abort("enough");
    await clock.advance(0);
    expect([seen, left()]).toEqual([["enough"], [0, 0]]);
  });

  it("does not begin when the signal fired before", async () => {
    const controller = new AbortController();
    controller.abort("before");
    const { clock, seen, left } = asleep(500, controller);
    expect(left()).toEqual([0, 0]);
    await clock.advance(0);
    expect(seen).toEqual(["before"]);
  });
});
