import { setTimeout as pause } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as (options: object) => void;
/** Also what V8 keeps because it may want it again, such as compiled code: it comes and goes by megabytes. */
const everything = { type: "major", execution: "sync", flavor: "last-resort" };

export interface HeapSample {
  readonly runs: number;
  readonly bytes: number;
}

/** Until what was told of a first collection, such as a connection that nobody waits for, is gone as well. */
const settleMs = 300;

/** What is in use when all that nobody holds is gone. */
export async function usedHeap(): Promise<number> {
  collectGarbage(everything);
  await pause(settleMs);
  collectGarbage(everything);
  return process.memoryUsage().heapUsed;
}

/** By how much two looks at the same may differ, in kilobytes: pools of connections, code that was compiled in between. */
const noiseKb = 512;

/** Until then what the runtime remembers fills: recent requests of each endpoint and step, results of steps. */
const warmUpRuns = 4_000;

export interface Slope {
  readonly kbPerThousandRuns: number;
  /** False where the first half was too short to fill what is bounded. */
  readonly isSettled: boolean;
  /** More than this would be a leak. What one run allocates is above 20,000. */
  readonly most: number;
}

/** By least squares over the second half. */
export function slopeOf(samples: readonly HeapSample[]): Slope {
  const late = samples.slice(Math.floor(samples.length / 2));
  const meanRuns = mean(late.map(({ runs }) => runs));
  const meanBytes = mean(late.map(({ bytes }) => bytes));
  const shared = mean(late.map(({ runs, bytes }) => (runs - meanRuns) * (bytes - meanBytes)));
  const spread = mean(late.map(({ runs }) => (runs - meanRuns) ** 2));
  const thousands = (late.at(-1)!.runs - late[0]!.runs) / 1_000;
  const most = 100 + noiseKb / thousands;
  const isSettled = late[0]!.runs >= warmUpRuns;
  return { kbPerThousandRuns: (shared / spread) * (1_000 / 1_024), isSettled, most };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
