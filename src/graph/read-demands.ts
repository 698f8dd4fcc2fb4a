import { isName, nameRule, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import {
  escalations,
  latencyBoundMs,
  latencyClasses,
  specificities,
  toVolume,
  type Demands,
  type Domain,
  type Interval,
  type Requirements,
  type VolumeSpec,
  type Workload,
} from "../tiers/demands.ts";

const dayMs = 86_400_000;
const mostTokens = 1e9;

/** The members of a step, or of a graph's `defaults`, that are read here. */
export const demandOptions = [
  ...["latency", "maxLatencyMs", "volume", "domain", "requires"],
  ...["minQuality", "escalation", "acceptAt", "workload"],
];

/**
 * Reads what a step declares beside its tiers. A member that the step leaves out is the graph's; a step's latency class or
 * bound replaces whichever of the two the graph has.
 */
export function readDemands(
  reader: OptionReader,
  {
    defaults,
    maxTurns,
    report,
  }: {
    readonly defaults: Demands | undefined;
    /** Of an agent; `undefined` for a graph's defaults, whose steps differ. */
    readonly maxTurns: number | undefined;
    readonly report: Report;
  },
): Demands {
  // "batch" has no bound, and replaces one.
  const { maxLatencyMs: inheritedMs, ...inherited } = defaults ?? {};
  const typical = workloadOf(reader, report) ?? inherited.workload;
  const turns = typical?.turns ?? (maxTurns === undefined ? undefined : { low: 1, high: maxTurns });
  const workload = typical && { ...typical, ...defined({ turns }) };
  return {
    ...inherited,
    ...defined({
      maxLatencyMs: latencyOf(reader, inheritedMs),
      volume: volumeOf(reader, workload) ?? inherited.volume,
      domain: domainOf(reader, report),
      requires: requirementsOf(reader, { inherited: inherited.requires, report }),
      minQuality: reader.ratio("minQuality"),
      escalation: reader.get("escalation") === undefined ? undefined : reader.oneOf("escalation", escalations),
      acceptAt: reader.ratio("acceptAt"),
      workload,
    }),
  };
}

/** A member that may be `undefined` becomes one that may be missing. */
type Defined<T> = { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
};

/** Without what is `undefined`: a demand that nobody made is not there. */
function defined<T extends object>(bag: T): Defined<T> {
  return Object.fromEntries(Object.entries(bag).filter(([, value]) => value !== undefined)) as Defined<T>;
}

function latencyOf(reader: OptionReader, inherited: number | undefined): number | undefined {
  const hasClass = reader.get("latency") !== undefined;
  const hasBound = reader.get("maxLatencyMs") !== undefined;
  if (hasClass && hasBound)
    reader.mistake("latency", "give either latency or maxLatencyMs: a class is a bound of its own");
  if (hasClass) return latencyBoundMs[reader.oneOf("latency", latencyClasses)];
  return hasBound ? reader.integer("maxLatencyMs", { fallback: 1, min: 1, max: dayMs }) : inherited;
}

function volumeOf(reader: OptionReader, workload: Workload | undefined) {
  const found = reader.get("volume");
  if (found === undefined) return undefined;
  const entries = typeof found === "object" && found !== null ? Object.entries(found) : [];
  const [unit, amount] = entries[0] ?? [];
  const isUnit = unit === "requestsPerDay" || unit === "tokensPerMonth";
  const isAmount = typeof amount === "number" && amount >= 0 && amount <= 1e15;
  if (entries.length === 1 && isUnit && isAmount)
    return toVolume(found as VolumeSpec, workload && middle(workload.inputTokens) + middle(workload.outputTokens));
  if (entries.length === 1 && isUnit)
    reader.mistake(`volume.${unit}`, `expected a number from 0 to 1e15, found ${show(amount)}`);
  else reader.mistake("volume", `expected { requestsPerDay } or { tokensPerMonth }, one of them, found ${show(found)}`);
  return undefined;
}

function middle({ low, high }: Interval): number {
  return Math.max(1, (low + high) / 2);
}

function domainOf(reader: OptionReader, report: Report): Domain | undefined {
  const found = reader.get("domain");
  if (found === undefined) return undefined;
  const isBare = typeof found === "string";
  const inner = new OptionReader(isBare ? { name: found } : found, `${reader.path}.domain`, report);
  inner.only(["name", "specificity"]);
  const name = inner.get("name");
  if (!isName(name)) inner.mistake("name", `expected ${nameRule}, found ${show(name)}`);
  return { name: String(name), specificity: inner.oneOf("specificity", specificities, "high") };
}

function requirementsOf(
  reader: OptionReader,
  { inherited, report }: { inherited: Requirements | undefined; report: Report },
): Requirements | undefined {
  const found = reader.get("requires");
  if (found === undefined) return inherited;
  const inner = new OptionReader(found, `${reader.path}.requires`, report);
  inner.only(["tools", "jsonSchema", "logprobs", "contextTokens", "languages"]);
  for (const key of ["tools", "jsonSchema", "logprobs"]) inner.optionalFlag(key);
  inner.integer("contextTokens", { fallback: 1, min: 1, max: mostTokens });
  const languages = inner.optionalTexts("languages");
  return { ...inherited, ...(found as Requirements), ...(languages && { languages }) };
}

function workloadOf(reader: OptionReader, report: Report): Workload | undefined {
  const found = reader.get("workload");
  if (found === undefined) return undefined;
  const inner = new OptionReader(found, `${reader.path}.workload`, report);
  inner.only(["inputTokens", "outputTokens", "turns", "escalationRatio"]);
  return defined({
    inputTokens: intervalOf(inner, "inputTokens", { low: 0, high: mostTokens }) ?? { low: 0, high: 0 },
    outputTokens: intervalOf(inner, "outputTokens", { low: 0, high: mostTokens }) ?? { low: 0, high: 0 },
    turns: inner.get("turns") === undefined ? undefined : intervalOf(inner, "turns", { low: 1, high: 100 }),
    escalationRatio: inner.ratio("escalationRatio"),
  });
}

function intervalOf(reader: OptionReader, key: string, range: Interval): Interval | undefined {
  const found = reader.get(key);
  const { low, high } =
    typeof found === "number"
      ? { low: found, high: found }
      : ((found ?? {}) as Partial<Record<"low" | "high", unknown>>);
  const inRange = (value: unknown): value is number =>
    typeof value === "number" && value >= range.low && value <= range.high;
  if (inRange(low) && inRange(high) && low <= high) return { low, high };
  reader.mistake(
    key,
    `expected a number from ${range.low} to ${range.high}, or { low, high } of two such, the lower one first, found ` +
      (typeof found === "object" && found !== null ? `{ low: ${show(low)}, high: ${show(high)} }` : show(found)),
  );
  return undefined;
}
