/** Time as a dependency: nothing in Tierwise reads the machine's clock or sets a timer except through this. */
export interface Clock {
  /** Monotonic milliseconds; only differences mean anything. */
  nowMs(): number;
  /** Milliseconds since the Unix epoch, for records that people read. */
  epochMs(): number;
  /** Calls `fire` once after `delayMs`; the returned function cancels it and is safe to call twice. */
  setTimer(delayMs: number, fire: () => void): () => void;
}

/** Node truncates longer delays to 1 ms, which would turn "very late" into "now". */
const longestTimerMs = 2 ** 31 - 1;

export const systemClock: Clock = Object.freeze({
  nowMs: () => performance.now(),
  epochMs: () => Date.now(),
  setTimer(delayMs: number, fire: () => void) {
    const timer = setTimeout(fire, Math.min(Math.max(0, delayMs), longestTimerMs));
    return () => clearTimeout(timer);
  },
});
