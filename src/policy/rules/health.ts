import type { Candidate } from "../../catalog/candidate.ts";
import type { Rule } from "../rule.ts";
import { orderBy } from "./removal.ts";

/** Requests from which a share of failures says something. */
const minSamples = 5;
const unhealthyFrom = 0.5;

/**
 * Endpoints of which at least half of at least five recent requests failed are asked last. None is removed: the last one
 * that may see the data is still better than nothing.
 */
export const healthRule: Rule = {
  name: "health",
  version: "1",
  apply(candidates) {
    const unhealthy = candidates.filter(isUnhealthy);
    if (unhealthy.length === 0) return {};
    return {
      order: orderBy(candidates, (candidate) => (isUnhealthy(candidate) ? 1 : 0)),
      flags: unhealthy.map(({ endpoint }) => `unhealthy:${endpoint.name}`),
    };
  },
};

function isUnhealthy({ measured }: Candidate): boolean {
  return measured !== undefined && measured.samples >= minSamples && measured.failureRatio >= unhealthyFrom;
}
