import { describe, expect, it } from "vitest";
import { SimulatedClock } from "../../testing/simulated-clock.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";

type Verdict = "healthy" | "unhealthy" | "unknown";

function open(failures = 0) {
  const clock = new SimulatedClock();
  const breaker = new CircuitBreaker(clock);
  const end = (...verdicts: readonly Verdict[]): void => {
    for (const verdict of verdicts) breaker.pass()!.end(verdict);
  };
  end(...Array<Verdict>(failures).fill("unhealthy"));
  return { clock, breaker, end };
}

describe("a circuit breaker", () => {
  it("opens at the fifth failure in a row", () => {
    const { breaker, end } = open(4);
    expect(breaker.state).toBe("closed");
    end("unhealthy");
    expect([breaker.state, breaker.refuses, breaker.opensInMs, breaker.pass()]).toEqual([
      "open",
      true,
      10_000,
      undefined,
    ]);
  });

  it("counts from the start again after a success, and not what says nothing", () => {
    const { breaker, end } = open(4);
    end("unknown", "healthy", "unhealthy", "unknown", "unhealthy", "unhealthy", "unhealthy", "unknown");
    expect(breaker.state).toBe("closed");
    end("unhealthy");
    expect(breaker.state).toBe("open");
  });

  it("lets one probe through after 10 seconds, and nobody else while it is under way", async () => {
    const { clock, breaker } = open(5);
    await clock.advance(9_999);
    expect([breaker.state, breaker.pass()]).toEqual(["open", undefined]);
    await clock.advance(1);
    expect([breaker.state, breaker.refuses]).toEqual(["half-open", false]);
    const probe = breaker.pass();
    expect([breaker.state, breaker.refuses, breaker.pass()]).toEqual(["half-open", true, undefined]);
    probe!.end("healthy");
    expect([breaker.state, breaker.refuses]).toEqual(["closed", false]);
  });

  it("is open for another 10 seconds after a probe that failed", async () => {
    const { clock, breaker, end } = open(5);
    await clock.advance(10_000);
    end("unhealthy");
    expect([breaker.state, breaker.opensInMs]).toEqual(["open", 10_000]);
    await clock.advance(10_000);
    end("healthy");
    expect(breaker.state).toBe("closed");
  });

  it("lets the next one be the probe when the first found nothing out", async () => {
    const { clock, breaker, end } = open(5);
    await clock.advance(10_000);
    end("unknown");
    expect([breaker.state, breaker.refuses]).toEqual(["half-open", false]);
    end("healthy");
    expect(breaker.state).toBe("closed");
  });

  it("needs five failures again once it has closed", async () => {
    const { clock, breaker, end } = open(5);
    await clock.advance(10_000);
    end("healthy", "unhealthy", "unhealthy", "unhealthy", "unhealthy");
    expect(breaker.state).toBe("closed");
  });

  it("does not heed what was sent before it opened", async () => {
    const { clock, breaker, end } = open(3);
    const [good, bad] = [breaker.pass()!, breaker.pass()!];
    end("unhealthy", "unhealthy");
    good.end("healthy");
    expect(breaker.state).toBe("open");
    await clock.advance(9_000);
    bad.end("unhealthy");
    expect(breaker.opensInMs).toBe(1_000);
  });
});
