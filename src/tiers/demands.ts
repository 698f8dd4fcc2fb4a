/**
 * What a step may declare beside complexity and privacy, in the units that policies read. Every one is optional: a step
 * that says nothing is placed by its tiers alone.
 * @module
 */

/** How soon an answer is due. Each class but `batch` is a bound on the whole step; `maxLatencyMs` states one exactly. */
export const latencyClasses = ["real-time", "fast", "interactive", "batch"] as const;
export type LatencyClass = (typeof latencyClasses)[number];

/**
 * Bound of each class in milliseconds. Source: decision-framework.md 4.1, "Latency (S4)" (<50 ms, <500 ms, batch) and the
 * 2 s of the S1 scale.
 */
export const latencyBoundMs: Readonly<Record<LatencyClass, number | undefined>> = Object.freeze({
  "real-time": 50,
  fast: 500,
  interactive: 2_000,
  batch: undefined,
});

/** How often the step is asked. Tokens count input and output. */
export type VolumeSpec = { readonly requestsPerDay: number } | { readonly tokensPerMonth: number };

/** Volume in both units: which of them the author wrote no longer matters. */
export interface Volume {
  readonly requestsPerDay: number;
  readonly tokensPerMonth: number;
}

/** Tokens of a request where no workload says otherwise. Source: decision-framework.md 4.2. */
export const assumedTokensPerRequest = 700;
const daysPerMonth = 30;

/** Both units from either, with `tokensPerRequest` between them. */
export function toVolume(spec: VolumeSpec, tokensPerRequest = assumedTokensPerRequest): Volume {
  if ("requestsPerDay" in spec) {
    const { requestsPerDay } = spec;
    return { requestsPerDay, tokensPerMonth: requestsPerDay * daysPerMonth * tokensPerRequest };
  }
  const { tokensPerMonth } = spec;
  return { requestsPerDay: tokensPerMonth / daysPerMonth / tokensPerRequest, tokensPerMonth };
}

/**
 * How far the field's language is from everyday language: `high` wants a model trained for it, `specific` prefers one,
 * `multi` means that requests of several fields arrive and must be told apart first.
 */
export const specificities = ["general", "specific", "high", "multi"] as const;
export type Specificity = (typeof specificities)[number];

/** The field a step works in. `name` is compared with the `domains` of endpoints. */
export interface Domain {
  readonly name: string;
  /** @default "high" */
  readonly specificity: Specificity;
}

/** What an endpoint must be known to do; what nobody declared or probed does not count. */
export interface Requirements {
  /** Calls tools. */
  readonly tools?: boolean;
  /** Takes a JSON Schema natively; without this a schema may also go into the instructions. */
  readonly jsonSchema?: boolean;
  /** Returns log-probabilities that can be believed. */
  readonly logprobs?: boolean;
  /** Input and output together, in tokens: 1 to 1e9. */
  readonly contextTokens?: number;
  /** Languages as BCP 47 tags, for example `["de", "pt-BR"]`. */
  readonly languages?: readonly string[];
}

/**
 * After a weak answer: `allowed` asks a stronger endpoint, `human` asks a person, `never` asks nobody. None of the three is
 * about failures: after one the next endpoint that may see the data is asked.
 */
export const escalations = ["never", "allowed", "human"] as const;
export type Escalation = (typeof escalations)[number];

/** From `low` to `high`, both included. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** A typical request, for estimates only: nothing is decided or refused by it. */
export interface Workload {
  readonly inputTokens: Interval;
  readonly outputTokens: Interval;
  /** Requests of one step; left out only in a graph's defaults, whose steps differ. */
  readonly turns?: Interval;
  /** Share of answers that go on to the next class, 0 to 1. */
  readonly escalationRatio?: number;
}

/** What an author writes: a number stands for an interval without width. */
export interface WorkloadSpec {
  readonly inputTokens: number | Interval;
  readonly outputTokens: number | Interval;
  /** @default 1, and 1 to `maxTurns` for an agent */
  readonly turns?: number | Interval;
  /** @default unknown: estimates are then an interval without an expected value */
  readonly escalationRatio?: number;
}

/** All of it, checked and with units resolved; what nobody declared is not there. */
export interface Demands {
  /** Bound of the whole step, rejected drafts included, in milliseconds; from `maxLatencyMs` or the latency class. */
  readonly maxLatencyMs?: number;
  readonly volume?: Volume;
  readonly domain?: Domain;
  readonly requires?: Requirements;
  /** Least measured share of right answers, 0 to 1. */
  readonly minQuality?: number;
  /** @default "allowed" */
  readonly escalation?: Escalation;
  /** Confidence from which an answer is accepted, 0 to 1; without one it is left to the policy. */
  readonly acceptAt?: number;
  readonly workload?: Workload;
}
