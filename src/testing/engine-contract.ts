import { deepStrictEqual, ok, rejects } from "node:assert/strict";
import { createSecretKey } from "node:crypto";
import type { Engine, EngineEvent, EngineHost, EngineRun, Payload, Waits, Work } from "../runtime/engine.ts";

/** One promise of an engine, checked on an implementation. */
export interface EngineCase {
  /** A sentence about behaviour. */
  readonly name: string;
  /** @throws {AssertionError} when the promise is broken */
  readonly check: (served: ServedEngine) => Promise<void>;
}

/** What a case does with a run: how it is driven, and what its works come to. */
export interface Play {
  readonly drive: EngineHost["drive"];
  readonly perform?: (work: Work, signal: AbortSignal) => Promise<Payload>;
}

const noWaits: Waits = { signals: [], timers: {} };
const graph = { graph: "contract", graphVersion: "1" };

/** An engine with a host that does what the cases say. Serve it once; all cases use it, under run ids of their own. */
export class ServedEngine {
  readonly engine: Engine;
  readonly #plays = new Map<string, Play>();

  private constructor(engine: Engine) {
    this.engine = engine;
  }

  static async over(engine: Engine): Promise<ServedEngine> {
    const served = new ServedEngine(engine);
    await engine.serve({
      macKey: createSecretKey("a key for tests, long enough to be", "utf8"),
      graphs: [`${graph.graph}@${graph.graphVersion}`],
      drive: (run, input) => served.#play(run.id).drive(run, input),
      perform: async (work, { runId, signal }) => served.#play(runId).perform?.(work, signal),
    });
    return served;
  }

  /** A run that is new to the engine. */
  prepare(play: Play): string {
    const runId = crypto.randomUUID();
    this.#plays.set(runId, play);
    return runId;
  }

  /** Starts a run that is new to the engine. */
  async start(play: Play, input: Payload = null): Promise<string> {
    const runId = this.prepare(play);
    deepStrictEqual(await this.engine.start(runId, input, graph), "started");
    return runId;
  }

  async result(play: Play, input?: Payload): Promise<Payload> {
    return this.engine.result(await this.start(play, input));
  }

  #play(runId: string): Play {
    const play = this.#plays.get(runId);
    if (play === undefined) throw new Error(`run ${runId} is none of this contract's`);
    return play;
  }
}

const work = (key: string, input: Payload = null): Work => ({ key, kind: "code", input });
const shown = ({ type, key, value }: EngineEvent): Payload => [type, key, value];

/** All events until `count` are there. */
async function collect(
  run: EngineRun,
  count: number,
  { due = [], waits = noWaits }: { readonly due?: readonly Work[]; readonly waits?: Waits } = {},
): Promise<EngineEvent[]> {
  const events = [...(await run.advance(due, waits))];
  while (events.length < count) {
    const more = await run.advance([], waits);
    ok(more.length > 0, "advance resolved without an event");
    events.push(...more);
  }
  return events;
}

/**
 * Every promise of an `Engine`, for any test framework:
 * `const served = await ServedEngine.over(engine); for (const { name, check } of engineContract) it(name, () => check(served));`
 */
export const engineContract: readonly EngineCase[] = [
  {
    name: "hands over the input, and gives back what the run came to",
    check: async (served) => {
      const value = { text: "\ud800", list: [1, null, true, { deep: "x" }], count: -0.5 };
      const drive = (_run: EngineRun, input: Payload) => Promise.resolve({ input });
      deepStrictEqual(await served.result({ drive }, value), { input: value });
    },
  },
  {
    name: "starts a run id once: a second start says so and changes nothing",
    check: async (served) => {
      const gate = Promise.withResolvers<undefined>();
      const inputs: Payload[] = [];
      const runId = served.prepare({
        drive: async (_run, input) => {
          inputs.push(input);
          await gate.promise;
          return input;
        },
      });
      const answers = await Promise.all([1, 2, 3].map((input) => served.engine.start(runId, input, graph)));
      deepStrictEqual(answers.toSorted(), ["exists", "exists", "started"]);
      deepStrictEqual(await served.engine.start(runId, 4, graph), "exists");
      gate.resolve(undefined);
      const first = answers.indexOf("started") + 1;
      deepStrictEqual(await served.engine.result(runId), first);
      deepStrictEqual(inputs, [first]);
    },
  },
  {
    name: "performs what is due once, and tells what it came to: its result, or why it failed",
    check: async (served) => {
      const performed: string[] = [];
      const events = await served.result({
        drive: async (run) =>
          (await collect(run, 3, { due: [work("a#0/0/0"), work("b#0/0/0", 7), work("c#0/0/0")] })).map(shown),
        perform: ({ key, input }) => {
          performed.push(key);
          if (key.startsWith("c")) return Promise.reject(new TypeError("no"));
          return Promise.resolve({ key, input });
        },
      });
      const byKey = (events as [string, string, Payload][]).toSorted(([, a], [, b]) => a.localeCompare(b));
      deepStrictEqual(byKey.slice(0, 2), [
        ["done", "a#0/0/0", { key: "a#0/0/0", input: null }],
        ["done", "b#0/0/0", { key: "b#0/0/0", input: 7 }],
      ]);
      const [type, key, error] = byKey[2]!;
      deepStrictEqual([type, key, (error as Error).message], ["failed", "c#0/0/0", "no"]);
      deepStrictEqual(performed.toSorted(), ["a#0/0/0", "b#0/0/0", "c#0/0/0"]);
    },
  },
  {
    name: "tells events in the order in which they happened, and starts what is due while others are under way",
    check: async (served) => {
      const gates = { a: Promise.withResolvers<undefined>(), b: Promise.withResolvers<undefined>() };
      const keys = await served.result({
        drive: async (run) => {
          const first = await collect(run, 1, { due: [work("a"), work("b"), work("c")] });
          gates.b.resolve(undefined);
          const second = await collect(run, 2, { due: [work("d")] });
          gates.a.resolve(undefined);
          const third = await collect(run, 1);
          return [...first, ...second, ...third].map(({ key }) => key);
        },
        perform: async ({ key }) => {
          if (key === "a" || key === "b") await gates[key].promise;
          return key;
        },
      });
      const [first, ...others] = keys as string[];
      deepStrictEqual([first, others.slice(0, 2).toSorted(), others[2]], ["c", ["b", "d"], "a"]);
    },
  },
  {
    name: "brings back works that are done at once, each once, however many they are",
    check: async (served) => {
      const wanted = Array.from({ length: 200 }, (_, index) => `k${index}`);
      const keys = await served.result({
        drive: async (run) =>
          (await collect(run, wanted.length, { due: wanted.map((key) => work(key)) })).map(({ key }) => key),
        perform: ({ key }) => Promise.resolve(key),
      });
      deepStrictEqual((keys as string[]).toSorted(), wanted.toSorted());
    },
  },
  {
    name: "keeps runs that go on at the same time apart",
    check: async (served) => {
      const one = async (own: number): Promise<void> => {
        const told = await served.result({
          drive: async (run, input) => [input, ...(await collect(run, 2, { due: [work("a"), work("b")] })).map(({ value }) => value)],
          perform: ({ key }) => Promise.resolve(`${own}${key}`),
        }, own); // prettier-ignore
        const [input, ...values] = told as [number, string, string];
        deepStrictEqual([input, values.toSorted()], [own, [`${own}a`, `${own}b`]]);
      };
      await Promise.all(Array.from({ length: 20 }, (_, own) => one(own)));
    },
  },
  {
    name: "keeps the first value of a signal, tells it once, and says so to whoever is late",
    check: async (served) => {
      const hold = Promise.withResolvers<undefined>();
      const waiting = Promise.withResolvers<undefined>();
      const runId = await served.start({
        drive: async (run) => {
          waiting.resolve(undefined);
          const first = await collect(run, 1, { waits: { signals: ["go"], timers: {} } });
          hold.resolve(undefined);
          return [...first, ...(await collect(run, 1, { due: [work("after")] }))].map(shown);
        },
        perform: () => Promise.resolve("done"),
      });
      await waiting.promise;
      deepStrictEqual(await served.engine.signal(runId, "go", { n: 1 }), "accepted");
      deepStrictEqual(await served.engine.signal(runId, "go", { n: 2 }), "already");
      deepStrictEqual(await served.engine.signal(runId, "go", { n: 1 }), "already");
      await hold.promise;
      deepStrictEqual(await served.engine.result(runId), [
        ["signal", "go", { n: 1 }],
        ["done", "after", "done"],
      ]);
    },
  },
  {
    name: "keeps a signal that comes before the run waits for it",
    check: async (served) => {
      const [sent, entered] = [Promise.withResolvers<undefined>(), Promise.withResolvers<undefined>()];
      const runId = await served.start({
        drive: async (run) => {
          entered.resolve(undefined);
          await sent.promise;
          return (await collect(run, 1, { waits: { signals: ["early"], timers: {} } })).map(shown);
        },
      });
      await entered.promise;
      deepStrictEqual(await served.engine.signal(runId, "early", "x"), "accepted");
      sent.resolve(undefined);
      deepStrictEqual(await served.engine.result(runId), [["signal", "early", "x"]]);
    },
  },
  {
    name: "tells a cancellation once, with the first reason, and still brings back what is under way",
    check: async (served) => {
      const begun = Promise.withResolvers<undefined>();
      const cancelled = Promise.withResolvers<undefined>();
      const runId = await served.start({
        drive: async (run) => {
          const first = await collect(run, 1, { due: [work("slow")] });
          cancelled.resolve(undefined);
          return [...first, ...(await collect(run, 1))].map(shown);
        },
        perform: async (_work, signal) => {
          begun.resolve(undefined);
          await cancelled.promise;
          return `aborted: ${signal.aborted}`;
        },
      });
      await begun.promise;
      await served.engine.cancel(runId, "enough");
      await served.engine.cancel(runId, "again");
      deepStrictEqual(await served.engine.result(runId), [
        ["cancel", "", "enough"],
        ["done", "slow", "aborted: true"],
      ]);
    },
  },
  {
    name: "fires a timer when its time has come, and drops one that is no longer listed",
    check: async (served) => {
      const events = await served.result({
        drive: async (run) => {
          const now = Date.now();
          const timers = { soon: now + 5, dropped: now + 500 };
          const first = await collect(run, 1, { waits: { signals: [], timers } });
          const second = await collect(run, 1, { waits: { signals: [], timers: { later: now + 600 } } });
          const third = await collect(run, 1, { waits: { signals: [], timers: { past: now - 1_000 } } });
          return [...first, ...second, ...third].map(({ type, key, at }) => [type, key, at >= now - 1]);
        },
      });
      deepStrictEqual(events, [
        ["timer", "soon", true],
        ["timer", "later", true],
        ["timer", "past", true],
      ]);
    },
  },
  {
    name: "tells the failure of a run that failed, and knows no run that was not started",
    check: async (served) => {
      const failing = await served.start({ drive: () => Promise.reject(new Error("the loop broke")) });
      await rejects(served.engine.result(failing), /the loop broke/);
      await rejects(served.engine.result(crypto.randomUUID()), /not known to this engine/);
    },
  },
  {
    name: "waits for its runs when it is drained, and no longer than it was told",
    check: async (served) => {
      const gate = Promise.withResolvers<undefined>();
      const runId = await served.start({
        drive: async (run) => (await collect(run, 1, { due: [work("slow")] })).map(shown),
        perform: () => gate.promise.then(() => "late"),
      });
      await served.engine.drain(10);
      let isEnded = false;
      const result = served.engine.result(runId).then((value) => ((isEnded = true), value));
      deepStrictEqual(isEnded, false);
      const drained = served.engine.drain(60_000);
      gate.resolve(undefined);
      await drained;
      deepStrictEqual(await result, [["done", "slow", "late"]]);
      await served.engine.drain(60_000);
    },
  },
];

/** What an engine with `notes`, whose runs outlive the process, promises on top. */
export const durableEngineContract: readonly EngineCase[] = [
  {
    name: "keeps notes of each run in their order",
    check: async (served) => {
      const { notes } = served.engine;
      ok(notes !== undefined, "the engine has no notes");
      const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
      for (const value of [1n, { at: new Date(5) }, undefined]) await notes.append(one, "a", value);
      await notes.append(other, "a", "other");
      await notes.append(one, "b", [-0]);
      deepStrictEqual(await notes.read(one), [
        { key: "a", value: 1n },
        { key: "a", value: { at: new Date(5) } },
        { key: "a", value: undefined },
        { key: "b", value: [-0] },
      ]);
      deepStrictEqual(await notes.read(other), [{ key: "a", value: "other" }]);
    },
  },
  {
    name: "lists its runs, and gives the result of one to everybody who asks",
    check: async (served) => {
      const gate = Promise.withResolvers<undefined>();
      const runId = await served.start({ drive: () => gate.promise.then(() => "over") });
      const statusOf = async (): Promise<Payload> => {
        const found = (await served.engine.find?.({ graph: graph.graph, limit: 1_000 })) ?? [];
        return found.find((info) => info.runId === runId);
      };
      const running = (await statusOf()) as { readonly startedAtMs: number };
      deepStrictEqual(running, { runId, status: "running", startedAtMs: running.startedAtMs, ...graph });
      gate.resolve(undefined);
      deepStrictEqual(await Promise.all([1, 2, 3].map(() => served.engine.result(runId))), ["over", "over", "over"]);
      deepStrictEqual(((await statusOf()) as { status: string }).status, "ended");
    },
  },
];
