import type { Clearance } from "../tiers/clearance.ts";

/** What the host wants spans to say; the same for all runs of a runtime. */
export interface TraceSettings {
  /** Who writes the `chat` spans: Tierwise, or an instrumentation of the model client that the host has already. */
  readonly modelSpans: "tierwise" | "provider";
  /** Whether costs also stand under the names that other back ends add up. */
  readonly costAliases: boolean;
  /** The highest label of content that is recorded; `undefined` where none is. */
  readonly content: Clearance | undefined;
}

export const plainTrace: TraceSettings = Object.freeze({
  modelSpans: "tierwise",
  costAliases: false,
  content: undefined,
});
