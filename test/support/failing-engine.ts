import type { Clock } from "../../src/common/clock.ts";
import type { EngineHost, EngineRun, Payload } from "../../src/runtime/engine.ts";
import { InMemoryEngine } from "../../src/runtime/in-memory-engine.ts";

/**
 * Which part of the engine is lost: the wait for a run's next events; or the word of its result, while the run goes on and
 * hears of its events late.
 */
export type Loss = "advance" | "result";

/** The default engine until it breaks. */
export class FailingEngine extends InMemoryEngine {
  readonly #loss: Loss;
  readonly #broken = Promise.withResolvers<never>();
  #isBroken = false;

  constructor(clock: Clock, loss: Loss) {
    super(clock);
    this.#loss = loss;
    this.#broken.promise.catch(() => undefined);
  }

  break(error: Error): void {
    this.#isBroken = true;
    this.#broken.reject(error);
  }

  override serve(host: EngineHost): Promise<void> {
    const drive: EngineHost["drive"] = (run, input) => {
      const advance: EngineRun["advance"] = (...asked) => this.#advance(() => run.advance(...asked));
      return host.drive({ id: run.id, advance }, input);
    };
    return super.serve({ drive, perform: (work, context) => host.perform(work, context) });
  }

  override result(runId: string): Promise<Payload> {
    const result = super.result(runId);
    return this.#loss === "result" ? Promise.race([result, this.#broken.promise]) : result;
  }

  async #advance(advance: () => ReturnType<EngineRun["advance"]>): ReturnType<EngineRun["advance"]> {
    if (this.#loss === "advance") return Promise.race([advance(), this.#broken.promise]);
    const events = await advance();
    for (let turns = 0; this.#isBroken && turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    return events;
  }
}
