import type { Frame, Running } from "./running.ts";
import type { StepWork } from "./step-work.ts";

/** The works that steps asked for: those the engine has yet to take, and whose each of them is. */
export class DueWork {
  /** By key of a work, its step. */
  readonly #owners = new Map<string, Running>();
  #due: StepWork[] = [];

  add(running: Running, works: readonly StepWork[]): void {
    running.outstanding += works.length;
    for (const work of works) this.#owners.set(work.key, running);
    this.#due.push(...works);
  }

  take(): readonly StepWork[] {
    const due = this.#due;
    this.#due = [];
    return due;
  }

  /** A work is back. @returns its step; `undefined` for what is not, or no more, waited for */
  back(key: string): Running | undefined {
    const running = this.#owners.get(key);
    if (running === undefined) return undefined;
    this.#owners.delete(key);
    running.outstanding -= 1;
    return running;
  }

  /** Takes back what was made due before something ended its graph. */
  takeDead(isDead: (frame: Frame) => boolean): readonly StepWork[] {
    const { dead = [], live = [] } = Object.groupBy(this.#due, ({ key }) =>
      isDead(this.#owners.get(key)!.frame) ? "dead" : "live",
    );
    this.#due = live;
    return dead;
  }
}
