import { stableHash } from "../../common/stable-hash.ts";

/** One call of a turn and what came of it. */
export interface ObservedCall {
  readonly tool: string;
  readonly args: unknown;
  /** What the model read. */
  readonly result: string;
  /** The call changed something, so the same answer to other arguments is progress: `done`, seven times, for seven orders. */
  readonly hasEffect: boolean;
}

/** `repeat`: one call over and over; `cycle`: two or three calls in turns; `same-result`: other arguments, the same answer. */
export type LoopRule = "repeat" | "cycle" | "same-result";

export interface Loop {
  readonly rule: LoopRule;
  readonly call: ObservedCall;
  /** For the error; names no argument and no result. */
  readonly what: string;
}

/** Turns in which the same call may have the same result, in a row or not. */
const mostRepeats = 3;
/** Turns in a row in which a tool may answer other arguments alike. */
const mostAlike = 5;

/**
 * Tells a tool loop that goes nowhere, from hashes of calls and results. Turns are counted, not calls: the calls of one turn
 * were all written before any of their results was read, so they say nothing about what the model learns.
 */
export class LoopDetector {
  /** By call with its result, the turns that had it. */
  readonly #seen = new Map<string, number>();
  readonly #history: string[] = [];
  /** By tool, its last answer and for how many turns it has been the same. */
  readonly #alike = new Map<string, { readonly result: string; readonly turns: number }>();

  /** @param calls of one turn, in their order */
  observe(calls: readonly ObservedCall[]): { readonly isRepeat: boolean; readonly loop: Loop | undefined } {
    const distinct = new Map(calls.map((call) => [stableHash([call.tool, call.args, call.result]), call]));
    const loops: (Loop | undefined)[] = [];
    let isRepeat = false;
    for (const [hash, call] of distinct) {
      const turns = (this.#seen.get(hash) ?? 0) + 1;
      this.#seen.set(hash, turns);
      this.#history.push(hash);
      isRepeat ||= turns > 1;
      if (turns >= mostRepeats) loops.push(this.#repetition(call));
    }
    loops.push(...this.#likeness([...distinct.values()]));
    return { isRepeat, loop: loops.find((loop) => loop !== undefined) };
  }

  /** The third time round of a cycle begins with the third time of one of its calls. */
  #repetition(call: ObservedCall): Loop {
    const period = [2, 3].find((length) => this.#hasPeriod(length));
    if (period === undefined)
      return {
        rule: "repeat",
        call,
        what: `was called in ${mostRepeats} turns with the same arguments and the same result`,
      };
    return {
      rule: "cycle",
      call,
      what: `was called for the third time in a cycle of ${period} calls that gave the same results`,
    };
  }

  #hasPeriod(length: number): boolean {
    const tail = this.#history.slice(-(2 * length + 1));
    const isWhole = tail.length === 2 * length + 1;
    return isWhole && tail.slice(length).every((hash, index) => hash === tail[index]) && new Set(tail).size === length;
  }

  #likeness(calls: readonly ObservedCall[]): (Loop | undefined)[] {
    return [
      ...Map.groupBy(
        calls.filter(({ hasEffect }) => !hasEffect),
        ({ tool }) => tool,
      ),
    ].map(([tool, own]) => {
      const results = new Set(own.map(({ result }) => stableHash(result)));
      const [result = ""] = results;
      const before = this.#alike.get(tool);
      const turns = results.size > 1 ? 0 : before?.result === result ? before.turns + 1 : 1;
      this.#alike.set(tool, { result, turns });
      if (turns < mostAlike) return undefined;
      const what = `gave the same result in ${mostAlike} turns in a row, whatever its arguments`;
      return { rule: "same-result", call: own[0]!, what };
    });
  }
}
