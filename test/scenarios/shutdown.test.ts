import { describe, expect, it } from "vitest";
import { faults, FaultServer } from "../../src/testing/index.ts";
import { Lab, oneStep, received, served, turn } from "../support/retry-lab.ts";

/** A runtime with one run whose request hangs, and one whose request waits for the first. */
async function open() {
  const server = await FaultServer.start((request) =>
    server.requests[0] === request ? faults.hang() : { content: "ok" },
  );
  const lab = new Lab([served("tiny", server, { limits: { concurrency: 1 } })]);
  const [hanging, waiting] = [await lab.start(), await lab.start()];
  await received(server, 1);
  return { server, lab, hanging, waiting, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Whether it has settled, without waiting for it. */
async function isOver(promise: Promise<unknown>): Promise<boolean> {
  let settled = false;
  promise.then(
    () => (settled = true),
    () => (settled = true),
  );
  await turn();
  return settled;
}

describe("shutting a runtime down", () => {
  it("admits no run any more, by run and by start", async () => {
    await using server = await FaultServer.start([]);
    const lab = new Lab([served("tiny", server)]);
    await lab.runtime.shutdown();
    const expected = { name: "TierwiseError", code: "SHUTTING_DOWN" };
    await expect(lab.runtime.run(oneStep(), {})).rejects.toMatchObject(expected);
    await expect(lab.runtime.start(oneStep(), {})).rejects.toMatchObject(expected);
    expect(lab.runtime.plan(oneStep()).problems).toEqual([]);
    expect([server.requests.length, lab.clock.pending]).toEqual([0, 0]);
  });

  it("waits for runs that end in time, and cancels nothing", async () => {
    await using server = await FaultServer.start([faults.status(503), { content: "ok" }]);
    const lab = new Lab([served("tiny", server)], { random: () => 0.5 });
    const watched = await lab.start();
    const shut = lab.runtime.shutdown({ timeoutMs: 5_000 });
    await expect(lab.runtime.run(oneStep(), {})).rejects.toMatchObject({ code: "SHUTTING_DOWN" });
    expect(await isOver(shut)).toBe(false);
    await lab.settle([watched]);
    await shut;
    expect(await watched.outcome).toMatchObject({ output: "ok" });
    expect(lab.clock.pending).toBe(0);
  });

  it("cancels what is left after its time with the reason, and resolves when that has ended", async () => {
    await using opened = await open();
    const { server, lab, hanging, waiting } = opened;
    const reason = new Error("deploy");
    const order: string[] = [];
    for (const { outcome } of [hanging, waiting]) void outcome.then(() => order.push("run"));
    const shut = lab.runtime.shutdown({ timeoutMs: 5_000, reason }).then(() => order.push("shutdown"));
    await lab.clock.advance(4_999);
    expect(await isOver(shut)).toBe(false);
    expect(hanging.events.at(-1)?.type).toBe("attempt-start");
    await lab.clock.advance(1);
    await shut;
    expect(order).toEqual(["run", "run", "shutdown"]);
    for (const { events, outcome } of [hanging, waiting]) {
      expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "cancelled" });
      expect((await outcome).error).toMatchObject({
        ...{ code: "RUN_CANCELLED", cause: reason, by: "shutdown", details: { by: "shutdown" } },
        message: "the run was cancelled by the shutdown of its runtime; see cause",
      });
    }
    expect(lab.status("tiny")).toMatchObject({ running: 0, waiting: 0 });
    expect([server.requests.length, lab.clock.pending]).toEqual([1, 0]);
  });

  it("does so once: other calls wait with the first, whatever they ask for", async () => {
    await using opened = await open();
    const { lab, hanging } = opened;
    const first = lab.runtime.shutdown({ timeoutMs: 1_000, reason: "first" });
    const second = lab.runtime.shutdown({ timeoutMs: 60_000, reason: "second" });
    await lab.clock.advance(1_000);
    await Promise.all([first, second]);
    expect((await hanging.outcome).error).toMatchObject({ cause: "first" });
    await lab.runtime.shutdown();
    expect(lab.clock.pending).toBe(0);
  });

  it("takes a run along that is being admitted at the same moment", async () => {
    await using server = await FaultServer.start([faults.hang()]);
    const lab = new Lab([served("tiny", server)]);
    const starting = lab.start();
    const shut = lab.runtime.shutdown({ timeoutMs: 0, reason: "now" });
    const { outcome } = await starting;
    await lab.clock.advance(0);
    await shut;
    expect((await outcome).error).toMatchObject({ code: "RUN_CANCELLED", cause: "now" });
  });

  it("refuses a time that is none", async () => {
    await using server = await FaultServer.start([]);
    const lab = new Lab([served("tiny", server)]);
    await expect(lab.runtime.shutdown({ timeoutMs: -1 })).rejects.toMatchObject({ code: "RUNTIME_INVALID" });
    await expect(lab.runtime.shutdown({ timeoutMs: Number.NaN })).rejects.toMatchObject({ code: "RUNTIME_INVALID" });
  });
});

describe("draining a runtime", () => {
  it("waits for the runs under way, at most so long, and cancels none", async () => {
    await using opened = await open();
    const { lab, hanging } = opened;
    const drained = lab.runtime.drain(1_000);
    await lab.clock.advance(999);
    expect(await isOver(drained)).toBe(false);
    await lab.clock.advance(1);
    await drained;
    expect(hanging.events.at(-1)?.type).toBe("attempt-start");
    const shut = lab.runtime.shutdown({ timeoutMs: 0 });
    await lab.clock.advance(0);
    await shut;
  });
});
