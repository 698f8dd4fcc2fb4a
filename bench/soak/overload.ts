import { createCatalog, createRuntime, defaultPolicy, type EndpointLimits, type Runtime } from "tierwise";
import { served } from "./runtime.ts";
import { lineGraph } from "./graphs.ts";

const limits = { concurrency: 16, queue: 64 } as const satisfies EndpointLimits;
const capacity = limits.concurrency + limits.queue;
const started = 5 * capacity;

export interface Wave {
  readonly started: number;
  readonly capacity: number;
  readonly refused: number;
  readonly completed: number;
  /** Most calls that were under way or waited, as the gate showed it. */
  readonly mostPresent: number;
  /** How long after the start the last one was refused. */
  readonly refusedWithinMs: number;
  /** How long a run took after the wave; `undefined` when it failed. */
  readonly recoveredInMs: number | undefined;
}

/** Five times as many calls at once as one endpoint takes, none of which is tried again; then one more. */
export async function overload(baseURL: string, afterwards: () => Promise<void>): Promise<Wave> {
  const catalog = createCatalog([served("small", baseURL, { limits })]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy(), retry: { maxAttempts: 1 } });
  const startedMs = performance.now();
  let refusedWithinMs = 0;
  let mostPresent = 0;
  const look = (): void => {
    const [{ running, waiting } = { running: 0, waiting: 0 }] = runtime.endpoints();
    mostPresent = Math.max(mostPresent, running + waiting);
  };
  const codes = await Promise.all(
    Array.from({ length: started }, async (_none, index) => {
      const code = await codeOf(runtime, `over ${index}`);
      look();
      if (code === "BACKPRESSURE") refusedWithinMs = performance.now() - startedMs;
      return code;
    }),
  );
  const refused = codes.filter((code) => code === "BACKPRESSURE").length;
  const completed = codes.filter((code) => code === "completed").length;
  await afterwards();
  const recoverMs = performance.now();
  const recovered = await codeOf(runtime, "after");
  const recoveredInMs = recovered === "completed" ? performance.now() - recoverMs : undefined;
  return { started, capacity, refused, completed, mostPresent, refusedWithinMs, recoveredInMs };
}

const oneStep = lineGraph();

/** @param word another one each time, or it is remembered */
function codeOf(runtime: Runtime, word: string): Promise<string> {
  return runtime.run(oneStep, word).then(
    () => "completed",
    (error: unknown) => (error as { code?: string }).code ?? "no TierwiseError",
  );
}
