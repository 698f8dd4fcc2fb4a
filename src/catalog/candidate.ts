import type { Endpoint } from "./endpoint.ts";

/** What an endpoint can do, found by looking at its model and its declaration. */
export interface Capabilities {
  /** A closed set of labels is all that the endpoint answers; `undefined` for chat models. */
  readonly onlyLabels: readonly string[] | undefined;
  readonly tools: boolean;
  readonly jsonSchema: boolean;
  readonly logprobs: boolean;
  /** The output limit can be set, so a request has a worst case that a budget can reserve. */
  readonly outputLimit: boolean;
  readonly contextTokens: number | undefined;
}

/** An endpoint together with what it can do: what policies choose among. */
export interface Candidate {
  readonly endpoint: Endpoint;
  readonly capabilities: Capabilities;
}
