import type { Clock } from "../common/clock.ts";
import { show } from "../common/names.ts";
import { TierwiseError } from "../errors.ts";

export interface ShutdownOptions {
  /** How long runs may go on, in milliseconds; then they are cancelled. @default 20_000, below the 30 s that Kubernetes grants */
  readonly timeoutMs?: number;
  /** What cancelled runs carry as the `cause` of their error. @default "the runtime was shut down" */
  readonly reason?: unknown;
}

type Cancel = (reason: unknown) => void;

/** The runs of a runtime that are under way, and the door through which new ones come. */
export class LiveRuns {
  readonly #clock: Clock;
  /** What cancels each of them. */
  readonly #runs = new Set<Cancel>();
  #closing: Promise<void> | undefined;
  #onEmpty = (): void => undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** @throws {TierwiseError} `SHUTTING_DOWN` */
  checkOpen(): void {
    if (this.#closing === undefined) return;
    throw new TierwiseError("SHUTTING_DOWN", "this runtime is shutting down and starts no run; use another instance");
  }

  /** @returns what to call when the run has ended */
  add(cancel: Cancel): () => void {
    this.#runs.add(cancel);
    return () => {
      this.#runs.delete(cancel);
      if (this.#runs.size === 0) this.#onEmpty();
    };
  }

  /** The first call counts; every call resolves when no run is left. */
  shutDown({ timeoutMs = 20_000, reason = "the runtime was shut down" }: ShutdownOptions): Promise<void> {
    if (!(typeof timeoutMs === "number" && timeoutMs >= 0))
      throw new TierwiseError("RUNTIME_INVALID", `shutdown: timeoutMs: expected 0 or more, found ${show(timeoutMs)}`);
    this.#closing ??= this.#close(timeoutMs, reason);
    return this.#closing;
  }

  async #close(timeoutMs: number, reason: unknown): Promise<void> {
    if (this.#runs.size === 0) return;
    const allEnded = new Promise<void>((resolve) => (this.#onEmpty = resolve));
    const late = Promise.withResolvers<undefined>();
    const cancelTimer = this.#clock.setTimer(timeoutMs, () => late.resolve(undefined));
    await Promise.race([allEnded, late.promise]);
    cancelTimer();
    for (const cancel of this.#runs) cancel(reason);
    await allEnded;
  }
}
