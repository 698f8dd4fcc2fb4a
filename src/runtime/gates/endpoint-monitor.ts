/**
 * What recent requests showed of the endpoints: latency, failures, and how often the gate turned their answers down. One
 * per runtime, in memory, bounded; it counts and times, and sees neither prompts nor answers. Decisions read it as data
 * (`Candidate.measured`, `StepFacts.observed`), so a policy stays a pure function.
 * @module
 */
import type { Candidate, Measured } from "../../catalog/candidate.ts";
import type { Clock } from "../../common/clock.ts";
import type { ObservedAnswers } from "../../policy/facts.ts";
import { staticName } from "../frame.ts";
import { RecentRequests } from "./recent-requests.ts";

/** Older samples do not count, so that an endpoint which is no longer asked is looked at afresh. */
const windowMs = 15 * 60_000;
/** Endpoints on steps; the one whose last answer is longest ago is forgotten first. */
const maxPairs = 1_000;

/** Names a step: two graphs of one runtime may have steps of one name. */
export function stepKey(graph: { readonly name: string }, step: { readonly name: string }): string {
  return `${graph.name}/${staticName(step.name)}`;
}

/** How a request ended that was sent and not cancelled. */
export interface EndedRequest {
  readonly endpoint: string;
  /** From `stepKey`. */
  readonly step: string;
  readonly outcome: "answered" | "failed";
  /** What the gate said; `undefined` when there was nothing to judge. */
  readonly accepted: boolean | undefined;
  readonly durationMs: number;
}

export class EndpointMonitor {
  readonly #clock: Clock;
  readonly #endpoints = new Map<string, RecentRequests>();
  /** By step, then by endpoint. */
  readonly #pairs = new Map<string, Map<string, Pair>>();
  /** The order in which they were answered last. */
  readonly #byAge = new Set<Pair>();
  #shown: Shown | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  record({ endpoint, step, outcome, accepted, durationMs }: EndedRequest): void {
    const sample = {
      validUntilMs: this.#clock.nowMs() + windowMs,
      answeredMs: outcome === "answered" ? durationMs : undefined,
      isRejected: accepted === false,
    };
    getOrAdd(this.#endpoints, endpoint, () => new RecentRequests()).add(sample);
    if (accepted !== undefined) this.#pair(step, endpoint).recent.add(sample);
    if (this.#shown !== undefined) this.#shown.validUntilMs = -Infinity;
  }

  /** @returns `undefined` when no request to it ended lately */
  measured(endpoint: string): Measured | undefined {
    return this.#endpoints.get(endpoint)?.measured(this.#clock.nowMs());
  }

  /**
   * Verdicts on the answers to one step, by endpoint; `undefined` for a step that was not answered lately.
   * @param step from `stepKey`
   */
  observed(step: string): Readonly<Record<string, ObservedAnswers>> | undefined {
    const pairs = this.#pairs.get(step);
    if (pairs === undefined) return undefined;
    const nowMs = this.#clock.nowMs();
    const entries = [...pairs.values()].flatMap(({ endpoint, recent }) => {
      const answers = recent.observed(nowMs);
      return answers === undefined ? [] : [[endpoint, answers] as const];
    });
    return entries.length === 0 ? undefined : Object.freeze(Object.fromEntries(entries));
  }

  /** The catalog and how it did lately: the same array until a request ends or grows too old to count. */
  candidates(base: readonly Candidate[]): readonly Candidate[] {
    const nowMs = this.#clock.nowMs();
    if (this.#shown?.base !== base || nowMs > this.#shown.validUntilMs) this.#shown = this.#look(base, nowMs);
    return this.#shown.candidates;
  }

  #look(base: readonly Candidate[], nowMs: number): Shown {
    const before = this.#shown?.base === base ? this.#shown.candidates : base;
    let validUntilMs = Infinity;
    const candidates = base.map((candidate, index) => {
      const recent = this.#endpoints.get(candidate.endpoint.name);
      const measured = recent?.measured(nowMs);
      if (recent === undefined || measured === undefined) return candidate;
      validUntilMs = Math.min(validUntilMs, recent.validUntilMs);
      const shown = before[index]!;
      return shown.measured === measured ? shown : Object.freeze({ ...candidate, measured });
    });
    const isNew = candidates.some((candidate, index) => candidate !== before[index]);
    return { base, candidates: isNew ? Object.freeze(candidates) : before, validUntilMs };
  }

  #pair(step: string, endpoint: string): Pair {
    const ofStep = getOrAdd(this.#pairs, step, () => new Map<string, Pair>());
    const pair = getOrAdd(ofStep, endpoint, () => ({ step, endpoint, recent: new RecentRequests() }));
    this.#byAge.delete(pair);
    this.#byAge.add(pair);
    if (this.#byAge.size > maxPairs) this.#forgetOldest();
    return pair;
  }

  #forgetOldest(): void {
    const [oldest] = this.#byAge;
    if (oldest === undefined) return;
    this.#byAge.delete(oldest);
    const ofStep = this.#pairs.get(oldest.step);
    ofStep?.delete(oldest.endpoint);
    if (ofStep?.size === 0) this.#pairs.delete(oldest.step);
  }
}

/** What the last look at a catalog gave, and until when it holds if no request ends. */
interface Shown {
  readonly base: readonly Candidate[];
  readonly candidates: readonly Candidate[];
  validUntilMs: number;
}

/** An endpoint on a step. */
interface Pair {
  readonly step: string;
  readonly endpoint: string;
  readonly recent: RecentRequests;
}

function getOrAdd<TKey, TValue>(map: Map<TKey, TValue>, key: TKey, make: () => TValue): TValue {
  const found = map.get(key);
  if (found !== undefined) return found;
  const made = make();
  map.set(key, made);
  return made;
}
