/**
 * What is stored of a run when it starts, so that another process can take it over: and what must still hold there.
 * @module
 */
import { randomUUID } from "node:crypto";
import type { Candidate } from "../../catalog/candidate.ts";
import type { Location } from "../../catalog/endpoint.ts";
import { stableHash } from "../../common/stable-hash.ts";
import { TierwiseError } from "../../errors.ts";
import type { GraphDefinition, StepDefinition } from "../../graph/definition.ts";
import type { Policy } from "../../policy/policy.ts";
import { clearanceWithin, formatClearance, type Clearance } from "../../tiers/clearance.ts";
import type { RunOrigin } from "../../telemetry/run-trace.ts";
import type { Label } from "../../tiers/label.ts";
import type { CheckedRunOptions } from "../runtime-options.ts";
import type { Services, Session } from "../session.ts";

interface Place {
  readonly location: Location;
  readonly clearance: Clearance;
}

export interface RunRecord {
  /** Of the call that started it: another call with the same run id has another one. */
  readonly ticket: string;
  readonly graph: string;
  readonly graphVersion: string;
  /** By step, a hash of what it is: names the difference when the graph was changed. */
  readonly steps: Readonly<Record<string, string>>;
  readonly policy: Policy["identity"];
  /** Who might have seen the run's data when it was admitted. */
  readonly endpoints: Readonly<Record<string, Place>>;
  readonly human: Clearance | undefined;
  readonly inputLabel: Label;
  readonly input: unknown;
  readonly options: CheckedRunOptions;
  /** Milliseconds since the Unix epoch. */
  readonly startedAtMs: number;
  /** Of the run's first span. */
  readonly origin: RunOrigin | undefined;
}

export function recordOf({ graph, policy, input, services, runTrace }: Session, options: CheckedRunOptions): RunRecord {
  return {
    ticket: randomUUID(),
    graph: graph.name,
    graphVersion: graph.version,
    steps: hashes(graph),
    policy: policy.identity,
    endpoints: Object.fromEntries(services.candidates.map(({ endpoint }) => [endpoint.name, placeOf(endpoint)])),
    human: services.human?.clearance,
    inputLabel: graph.inputLabel,
    input,
    options,
    startedAtMs: services.clock.epochMs(),
    origin: runTrace.origin,
  };
}

/** @throws {TierwiseError} `GRAPH_CHANGED`, `PRIVACY_POLICY_WEAKENED`: the run cannot go on here, and nothing of it is lost */
export function checkRecord(
  runId: string,
  record: RunRecord,
  { graph, services }: { graph: GraphDefinition | undefined; services: Services },
): void {
  if (graph?.version !== record.graphVersion) throw changed(runId, record, graph);
  for (const { endpoint } of services.candidates) {
    const before = record.endpoints[endpoint.name];
    const now = placeOf(endpoint);
    if (before === undefined) continue;
    if (before.location !== now.location)
      throw weakened(runId, `endpoint "${endpoint.name}" is ${now.location} and was ${before.location}`);
    if (!clearanceWithin(now.clearance, before.clearance))
      throw weakened(runId, widened(`endpoint "${endpoint.name}"`, now.clearance, before.clearance));
  }
  const human = services.human?.clearance;
  if (human !== undefined && record.human !== undefined && !clearanceWithin(human, record.human))
    throw weakened(runId, widened("the person (onHuman)", human, record.human));
}

/** Endpoints that were not there when the run was admitted are not asked: they were not part of what was planned. */
export function servicesOf({ endpoints }: RunRecord, services: Services): Services {
  const known = (candidate: Candidate): boolean => Object.hasOwn(endpoints, candidate.endpoint.name);
  return { ...services, candidates: services.candidates.filter(known) };
}

function placeOf({ location, clearance }: Place): Place {
  const { level, compartments } = clearance;
  return { location, clearance: { level, compartments: [...compartments] } };
}

const hashed = new WeakMap<GraphDefinition, Readonly<Record<string, string>>>();

/** Taken once: a definition is frozen, and every run that starts stores them. */
function hashes(graph: GraphDefinition): Readonly<Record<string, string>> {
  const known = hashed.get(graph);
  if (known !== undefined) return known;
  const found = Object.fromEntries(graph.steps.map((step) => [step.name, stableHash(outline(step), 8)]));
  hashed.set(graph, found);
  return found;
}

/** What the graph's version covers of a step: functions are not compared. */
function outline(step: StepDefinition): unknown {
  return JSON.parse(
    JSON.stringify(step, (key, value: unknown) =>
      typeof value === "function" || key === "flows" ? undefined : typeof value === "bigint" ? value.toString() : value,
    ),
  );
}

function changed(runId: string, record: RunRecord, graph: GraphDefinition | undefined): TierwiseError {
  const found = graph === undefined ? "a runtime that does not know it" : `version ${graph.version}`;
  const why = graph === undefined ? "pass it as createRuntime({ graphs: [...] })" : differenceOf(record, graph);
  const message = `run ${runId}: expected graph "${record.graph}" in version ${record.graphVersion}, found ${found}: ${why}`;
  return new TierwiseError("GRAPH_CHANGED", message, { details: { runId, graph: record.graph } });
}

function differenceOf({ steps }: RunRecord, graph: GraphDefinition): string {
  const now = hashes(graph);
  const list = (names: readonly string[]): string => names.map((name) => `"${name}"`).join(", ");
  const added = Object.keys(now).filter((name) => !Object.hasOwn(steps, name));
  const removed = Object.keys(steps).filter((name) => !Object.hasOwn(now, name));
  const altered = Object.keys(now).filter((name) => Object.hasOwn(steps, name) && steps[name] !== now[name]);
  const parts = [
    added.length > 0 && `added ${list(added)}`,
    removed.length > 0 && `removed ${list(removed)}`,
    altered.length > 0 && `changed ${list(altered)}`,
  ].filter((part) => part !== false);
  return parts.length === 0 ? "its input, output or author's version differs" : parts.join("; ");
}

function widened(who: string, now: Clearance, before: Clearance): string {
  return `${who} is cleared for ${formatClearance(now)} and was for ${formatClearance(before)}`;
}

function weakened(runId: string, what: string): TierwiseError {
  const message = `run ${runId} was admitted under stricter declarations: ${what}; it does not go on here`;
  return new TierwiseError("PRIVACY_POLICY_WEAKENED", message, { details: { runId } });
}
