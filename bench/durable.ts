/**
 * What durability costs: `npm run bench -- durable [--pglite | --postgres]`. The same code steps on Tierwise's durable engine, on
 * DBOS alone, and on LangGraph.js with its PostgreSQL checkpointer. Every engine is a process of its own, on a database of its
 * own of one server. They take turns block by block, so that a busy machine slows all of them alike: ratios hold where
 * milliseconds do not. Exits 1 when a bar is missed.
 * @module
 */
import { cpus } from "node:os";
import { setTimeout as pause } from "node:timers/promises";
import { hasPostgres, noPostgres } from "../scripts/postgres/start-postgres.ts";
import { median } from "./measure.ts";
import { pgliteFolders, postgresDatabases, type Databases } from "./durable/databases.ts";
import { shapes, type ShapeName } from "./durable/subject.ts";
import { WorkerProcess } from "./durable/worker-process.ts";
import type { EngineName, Sizes } from "./durable/worker.ts";

interface Bar {
  readonly bar: string;
  readonly wanted: string;
  readonly measured: string;
  /** No answer where nothing is wanted. */
  readonly met?: boolean;
  /** The same for the others. */
  readonly beside: string;
}

/** Times of one workload, by engine, one for each block. */
type Blocks = Readonly<Record<string, readonly number[]>>;
type Workers = Readonly<Record<string, WorkerProcess>>;

interface Workload {
  readonly shape: ShapeName;
  readonly runs: number;
  readonly atOnce: number;
  readonly blocks: number;
}

const chain: Workload = { shape: "chain", runs: 2, atOnce: 1, blocks: 9 };
const manyRuns: Workload = { shape: "chain", runs: 20, atOnce: 20, blocks: 5 };
const fanOut: Workload = { shape: "fanOut", runs: 2, atOnce: 1, blocks: 9 };

const ms = (value: number): string => `${value.toFixed(2)} ms`;
const times = (value: number): string => `${value.toFixed(2)} x`;
const perSecond = (value: number): string => `${value.toFixed(0)} steps/s`;

export async function run(): Promise<boolean> {
  console.log(
    `Node ${process.version}, ${cpus().length} cores; DBOS with its defaults, LangGraph.js with durability "sync"`,
  );
  const bars: Bar[] = [];
  if (!process.argv.includes("--postgres")) bars.push(...(await measured(pgliteFolders)));
  if (!process.argv.includes("--pglite")) {
    if (hasPostgres()) bars.push(...(await measured(postgresDatabases)));
    else console.log(`The part on PostgreSQL is left out: ${noPostgres}`);
  }
  console.table(bars.map(({ met, ...told }) => ({ ...told, met: met === undefined ? "" : met ? "yes" : "NO" })));
  const missed = bars.filter(({ met }) => met === false).map(({ bar }) => bar);
  console.log(missed.length === 0 ? "Every bar is met." : `Missed: ${missed.join("; ")}.`);
  return missed.length === 0;
}

async function measured(open: () => Promise<Databases>): Promise<readonly Bar[]> {
  const startedMs = performance.now();
  await using databases = await open();
  const engines: readonly EngineName[] =
    databases.name === "PGlite" ? ["tierwise", "dbos"] : ["tierwise", "dbos", "langgraph"];
  const bars = [
    ...(await oneProcess(databases, engines)),
    ...(databases.name === "PGlite" ? [] : [...(await fleet(databases, 2)), ...(await fleet(databases, 4))]),
    ...(await replay(databases)),
  ];
  console.log(`${databases.name}: ${((performance.now() - startedMs) / 1_000).toFixed(0)} s`);
  return bars.map((bar) => ({ ...bar, bar: `${databases.name}: ${bar.bar}` }));
}

async function oneProcess(databases: Databases, engines: readonly EngineName[]): Promise<Bar[]> {
  await using stack = new AsyncDisposableStack();
  const workers: Record<string, WorkerProcess> = {};
  for (const engine of engines)
    workers[engine] = stack.use(await WorkerProcess.start(engine, { database: await databases.create(engine) }));
  await inTurns(workers, { ...chain, blocks: 5 });
  await inTurns(workers, { ...fanOut, blocks: 3 });
  const chainAtMost = databases.name === "PGlite" ? 1.25 : 1.15;
  const stepMs = (blocks: Blocks, { shape, runs }: Workload) => perStep(blocks, runs * shapes[shape].steps);
  const oneByOne = stepMs(await inTurns(workers, chain), chain);
  const atOnce = stepMs(await inTurns(workers, manyRuns), manyRuns);
  const parallel = stepMs(await inTurns(workers, fanOut), fanOut);
  return [
    atMost(`chain of ${shapes.chain.steps}, a step`, oneByOne, chainAtMost),
    throughput(`${manyRuns.runs} runs at once`, atOnce, 0.85),
    atMost(`${shapes.fanOut.steps} steps side by side, a step`, parallel, 0.25),
    ...(await perRun(workers)),
    ...(await memory(workers)),
  ];
}

/** Milliseconds of each block, the engines in turn, and each first as often as the others. */
async function inTurns(workers: Workers, workload: Workload): Promise<Blocks> {
  const found = new Map<string, number[]>(Object.keys(workers).map((engine) => [engine, []]));
  const order = Object.entries(workers);
  for (let block = 0; block < workload.blocks; block += 1) {
    order.push(order.shift()!);
    for (const [engine, worker] of order) found.get(engine)!.push(await worker.tell({ type: "run", ...workload }));
  }
  return Object.fromEntries(found);
}

const perStep = (blocks: Blocks, steps: number): Blocks =>
  Object.fromEntries(Object.entries(blocks).map(([engine, all]) => [engine, all.map((value) => value / steps)]));

/** Against DBOS in the same turn. */
const ratioOf = ({ tierwise = [], dbos = [] }: Blocks): number => median(tierwise.map((own, at) => own / dbos[at]!));

const besides = (blocks: Blocks, show: (value: number) => string): string =>
  ["dbos", "langgraph"]
    .flatMap((engine) => (blocks[engine] === undefined ? [] : [`${engine} ${show(median(blocks[engine]))}`]))
    .join(", ");

function atMost(bar: string, blocks: Blocks, bound: number): Bar {
  const ratio = ratioOf(blocks);
  const beside = `${ms(median(blocks["tierwise"]!))}; ${besides(blocks, ms)}`;
  return { bar, wanted: `<= ${bound} x DBOS`, measured: times(ratio), met: ratio <= bound, beside };
}

function throughput(bar: string, blocks: Blocks, bound?: number): Bar {
  const ratio = 1 / ratioOf(blocks);
  const show = (stepMs: number): string => perSecond(1_000 / stepMs);
  const beside = `${show(median(blocks["tierwise"]!))}; ${besides(blocks, show)}`;
  if (bound === undefined) return { bar, wanted: "", measured: times(ratio), beside };
  return { bar, wanted: `>= ${bound} x DBOS`, measured: times(ratio), met: ratio >= bound, beside };
}

async function perRun(workers: Workers): Promise<Bar[]> {
  const figures: Record<string, Growth> = {};
  for (const [engine, worker] of Object.entries(workers)) figures[engine] = await growth(worker, "chain", 60);
  const models = await growth(workers["tierwise"]!, "models", 60);
  const show = ({ bytes, walBytes, rows, runsPerSecond }: Growth): string =>
    `${rows.toFixed(1)} rows, ${(bytes / 1e3).toFixed(1)} KB kept, ${(walBytes / 1e3).toFixed(1)} KB WAL, ${runsPerSecond.toFixed(0)} runs/s`;
  const others = Object.entries(figures).filter(([engine]) => engine !== "tierwise");
  return [
    {
      bar: `a run of ${shapes.chain.steps} code steps`,
      ...{ wanted: "", measured: show(figures["tierwise"]!) },
      beside: others.map(([engine, sizes]) => `${engine} ${show(sizes)}`).join(", "),
    },
    {
      bar: `a run of ${shapes.models.steps} model steps`,
      ...{ wanted: "", measured: show(models), beside: "prompts and answers of 1 KB" },
    },
  ];
}

/** Of the database, by one run, and how many a second there were. */
interface Growth extends Sizes {
  readonly runsPerSecond: number;
}

async function growth(worker: WorkerProcess, shape: ShapeName, runs: number): Promise<Growth> {
  await worker.tell({ type: "run", shape, runs: 20, atOnce: 20 });
  const before = await worker.tell<Sizes>({ type: "sizes" });
  const tookMs = await worker.tell({ type: "run", shape, runs, atOnce: 20 });
  const after = await worker.tell<Sizes>({ type: "sizes" });
  const each = (name: keyof Sizes): number => (after[name] - before[name]) / runs;
  const runsPerSecond = (runs * 1_000) / tookMs;
  return { bytes: each("bytes"), walBytes: each("walBytes"), rows: each("rows"), runsPerSecond };
}

async function memory(workers: Workers): Promise<Bar[]> {
  const megabytes: string[] = [];
  const kilobytes: string[] = [];
  for (const [engine, worker] of Object.entries(workers)) {
    const grown = await worker.tell({ type: "hold", runs: 200 });
    kilobytes.push(`${engine} ${(grown / 1e3).toFixed(0)} KB`);
    megabytes.push(`${engine} ${((await worker.tell({ type: "rss" })) / 1e6).toFixed(0)} MB`);
  }
  const shown = ([measured = "", ...others]: readonly string[]) => ({
    wanted: "",
    measured,
    beside: others.join(", "),
  });
  return [
    { bar: "rss of the process", ...shown(megabytes) },
    { bar: "rss a run that waits, of 200", ...shown(kilobytes) },
  ];
}

/** Several processes on one database, each with twenty runs at once: all steps, in the time that the slowest took. */
async function fleet(databases: Databases, size: number): Promise<Bar[]> {
  const found: Record<string, number[]> = { tierwise: [], dbos: [] };
  await using stack = new AsyncDisposableStack();
  const fleets: [string, WorkerProcess[]][] = [];
  for (const engine of ["tierwise", "dbos"] as const) {
    const database = await databases.create(`${engine} ${size}`);
    // The first makes the tables.
    const workers = [stack.use(await WorkerProcess.start(engine, { database }))];
    const others = Array.from({ length: size - 1 }, (_, at) =>
      WorkerProcess.start(engine, { database, worker: at + 1 }),
    );
    for (const worker of await Promise.all(others)) workers.push(stack.use(worker));
    fleets.push([engine, workers]);
  }
  for (let block = -1; block < 3; block += 1) {
    for (const [engine, workers] of fleets) {
      const took = await Promise.all(workers.map((worker) => worker.tell({ type: "run", ...manyRuns })));
      if (block >= 0) found[engine]!.push(Math.max(...took) / (size * manyRuns.runs * shapes.chain.steps));
    }
    fleets.reverse();
  }
  return [throughput(`${size} processes, ${manyRuns.runs} runs at once in each`, found)];
}

/** A run that was left at its last step, driven again from its rows alone. */
async function replay(databases: Databases): Promise<Bar[]> {
  const found: Record<string, number[]> = { tierwise: [], dbos: [] };
  const addresses: Record<string, string> = {};
  for (const engine of ["tierwise", "dbos"] as const) {
    addresses[engine] = await databases.create(`${engine} replay`);
    await using worker = await WorkerProcess.start(engine, { database: addresses[engine], leaseMs });
    await worker.tell({ type: "begin" });
  }
  for (let round = 0; round < 3; round += 1) {
    for (const engine of ["tierwise", "dbos"] as const) {
      await pause(leaseMs);
      await using worker = await WorkerProcess.start(engine, { database: addresses[engine]!, leaseMs });
      found[engine]!.push(await worker.tell({ type: "replay" }));
    }
  }
  const beside = besides(found, ms);
  const measured = ms(median(found["tierwise"]!));
  return [{ bar: `replay of ${shapes.replay.steps - 1} events`, wanted: "", measured, beside }];
}

/** The shortest that an engine takes. */
const leaseMs = 1_000;
