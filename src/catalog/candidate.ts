import type { Endpoint } from "./endpoint.ts";

/** What an endpoint can do, found by looking at its model and its declaration. */
export interface Capabilities {
  /** A closed set of labels is all that the endpoint answers; `undefined` for chat models. */
  readonly onlyLabels: readonly string[] | undefined;
  readonly tools: boolean;
  readonly jsonSchema: boolean;
  readonly logprobs: boolean;
  /** Log-probabilities also where tools are offered; `undefined` when nobody knows. */
  readonly toolsWithLogprobs?: boolean | undefined;
  /** The output limit can be set, so a request has a worst case that a budget can reserve. */
  readonly outputLimit: boolean;
  readonly contextTokens: number | undefined;
  readonly languages?: readonly string[] | undefined;
}

/** What recent requests to an endpoint showed: plain data, so that a decision can be taken again. */
export interface Measured {
  /** Requests in the window. */
  readonly samples: number;
  /** Those of them that were answered. */
  readonly answered: number;
  /** 95th percentile of the latency of those that were answered, in whole milliseconds; `undefined` when none was. */
  readonly p95Ms: number | undefined;
  /** Share of the requests that failed, 0 to 1. */
  readonly failureRatio: number;
}

/** An endpoint together with what it can do and how it did lately: what policies choose among. */
export interface Candidate {
  readonly endpoint: Endpoint;
  readonly capabilities: Capabilities;
  /** `undefined` before its first request, and where a runtime was told not to measure. */
  readonly measured?: Measured | undefined;
}

/** Answers from which a measured latency replaces a declared one. */
export const minLatencySamples = 20;

/** Latency that a policy counts with, in milliseconds: measured where that is known well enough, else declared. */
export function p95Of({ endpoint, measured }: Candidate): number | undefined {
  const isKnown = measured !== undefined && measured.answered >= minLatencySamples;
  return (isKnown ? measured.p95Ms : undefined) ?? endpoint.p95Ms;
}

/** Inside the walls: in the host's process, on a device, or on one's own servers. */
export function isLocal({ endpoint }: Candidate): boolean {
  return endpoint.location !== "cloud";
}
