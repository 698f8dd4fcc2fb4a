import type { Domain, Escalation, LatencyClass, Requirements, VolumeSpec, WorkloadSpec } from "../../tiers/demands.ts";

/** What a step may declare beside its tiers; a graph's `defaults` hold for every step that does not say otherwise. */
export interface DemandsSpec {
  /** How soon an answer is due, as a class; `maxLatencyMs` states it exactly. Give one of the two. @default no bound */
  readonly latency?: LatencyClass;
  /**
   * Bound of the whole step in milliseconds, rejected drafts included: 1 to 86,400,000. Endpoints whose p95 latency is
   * above what is left of it, or unknown, are not asked. @default no bound
   */
  readonly maxLatencyMs?: number;
  /** How often the step is asked; above a few million tokens a month it decides which class pays. @default unknown */
  readonly volume?: VolumeSpec;
  /** The field the step works in; a bare name means `specificity: "high"`. @default general */
  readonly domain?: string | Domain;
  /** What an endpoint must be known to do. @default what the step's kind needs */
  readonly requires?: Requirements;
  /** Least measured share of right answers of an endpoint, 0 to 1; one that nobody measured is out. @default no floor */
  readonly minQuality?: number;
  /** What follows a weak answer. @default "allowed" */
  readonly escalation?: Escalation;
  /** Confidence from which an answer is accepted, 0 to 1; equality accepts. @default the policy's */
  readonly acceptAt?: number;
  /** A typical request, for the estimates of `plan()`. @default unknown, and so are the estimates */
  readonly workload?: WorkloadSpec;
}
