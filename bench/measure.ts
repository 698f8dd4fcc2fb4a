/** How the benchmarks measure: CPU time of this process, in blocks that take turns, and the median of the blocks. */
import { fork } from "node:child_process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** CPU microseconds of this process for one call. */
export async function cpuUs(calls: number, call: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  for (let done = 0; done < calls; done += 1) await call();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / calls;
}

export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)]!;
}

/** Something to be measured: what one call costs, in microseconds of CPU, divided by `per`. */
export interface Subject {
  readonly name: string;
  readonly calls: number;
  /** Units of one call, for example steps. @default 1 */
  readonly per?: number;
  readonly call: () => unknown;
}

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options: { type: "minor" }) => void;
/**
 * Between blocks, so that nobody's garbage is collected on another's clock. Young garbage only: a full collection also drops
 * the hidden classes of objects of which none is alive just then, and with them the code that was optimised for them; no
 * service does that between two requests.
 */
const collectGarbage = (): void => collect({ type: "minor" });

/**
 * Median CPU microseconds per unit, by name. The subjects take turns block by block, so that a busy machine slows all of them
 * alike; the first blocks, in which code is compiled, do not count.
 */
export async function inTurns(
  subjects: readonly Subject[],
  { blocks, warmUp = 12 }: { blocks: number; warmUp?: number },
): Promise<Readonly<Record<string, number>>> {
  const measured = new Map<string, number[]>(subjects.map(({ name }) => [name, []]));
  for (let block = -warmUp; block < blocks; block += 1) {
    for (const { name, calls, per = 1, call } of subjects) {
      collectGarbage();
      const figure = (await cpuUs(calls, call)) / per;
      if (block >= 0) measured.get(name)!.push(figure);
    }
  }
  return Object.fromEntries([...measured].map(([name, figures]) => [name, median(figures)]));
}

/** A completion server in a process of its own, so that its work is not on our clock. */
export async function startServer(): Promise<{ baseURL: string; stop: () => void }> {
  const child = fork(new URL("completion-server.ts", import.meta.url), {
    stdio: ["ignore", "ignore", "inherit", "ipc"],
  });
  const port = await new Promise<number>((resolve) => child.once("message", (message) => resolve(message as number)));
  return { baseURL: `http://127.0.0.1:${port}/v1`, stop: () => void child.kill() };
}
