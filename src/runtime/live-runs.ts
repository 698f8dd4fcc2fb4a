import type { Clock } from "../common/clock.ts";
import { show } from "../common/names.ts";
import { TierwiseError } from "../errors.ts";
import type { Session } from "./session.ts";

export interface ShutdownOptions {
  /** How long runs may go on, in milliseconds; then they are cancelled. @default 20_000, below the 30 s that Kubernetes grants */
  readonly timeoutMs?: number;
  /** What cancelled runs carry as the `cause` of their error. @default "the runtime was shut down" */
  readonly reason?: unknown;
}

/** The runs of a runtime that are under way, and the door through which new ones come. */
export class LiveRuns {
  readonly #clock: Clock;
  readonly #cancel: (run: Session, reason: unknown) => void;
  readonly #handOver: ((timeoutMs: number) => Promise<void>) | undefined;
  readonly #runs = new Set<Session>();
  #closing: Promise<void> | undefined;
  #onEmpty = (): void => undefined;

  /** @param handOver of a durable engine, whose runs go on elsewhere instead of being cancelled */
  constructor(
    clock: Clock,
    cancel: (run: Session, reason: unknown) => void,
    handOver?: (timeoutMs: number) => Promise<void>,
  ) {
    this.#clock = clock;
    this.#cancel = cancel;
    this.#handOver = handOver;
  }

  /** @throws {TierwiseError} `SHUTTING_DOWN` */
  checkOpen(): void {
    if (this.#closing === undefined) return;
    throw new TierwiseError("SHUTTING_DOWN", "this runtime is shutting down and starts no run; use another instance");
  }

  add(run: Session): void {
    this.#runs.add(run);
  }

  ended(run: Session): void {
    this.#runs.delete(run);
    if (this.#runs.size === 0) this.#onEmpty();
  }

  /** The first call counts; every call resolves when no run is left. */
  shutDown({ timeoutMs = 20_000, reason = "the runtime was shut down" }: ShutdownOptions): Promise<void> {
    if (!(typeof timeoutMs === "number" && timeoutMs >= 0))
      throw new TierwiseError("RUNTIME_INVALID", `shutdown: timeoutMs: expected 0 or more, found ${show(timeoutMs)}`);
    this.#closing ??= this.#close(timeoutMs, reason);
    return this.#closing;
  }

  async #close(timeoutMs: number, reason: unknown): Promise<void> {
    if (this.#handOver !== undefined) return this.#handOver(timeoutMs);
    if (this.#runs.size === 0) return;
    const allEnded = new Promise<void>((resolve) => (this.#onEmpty = resolve));
    const late = Promise.withResolvers<undefined>();
    const cancelTimer = this.#clock.setTimer(timeoutMs, () => late.resolve(undefined));
    await Promise.race([allEnded, late.promise]);
    cancelTimer();
    for (const run of this.#runs) this.#cancel(run, reason);
    await allEnded;
  }
}
