import { isLocal } from "../../catalog/candidate.ts";
import { latencyBoundMs } from "../../tiers/demands.ts";
import type { Rule } from "../rule.ts";
import { preferWithinClass } from "./removal.ts";

/** Up to 500 ms prefers, inside each class, what needs no way through the internet. Source: decision-framework.md 4.2, rule 2. */
export const localFirstRule: Rule = {
  name: "local-first",
  version: "1",
  apply(candidates, { maxLatencyMs }) {
    if (maxLatencyMs === undefined || maxLatencyMs > latencyBoundMs.fast!) return {};
    return { order: preferWithinClass(candidates, isLocal) };
  },
};
