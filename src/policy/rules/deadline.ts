import { p95Of } from "../../catalog/candidate.ts";
import type { Rule } from "../rule.ts";
import { removeWhere } from "./removal.ts";

/** Removes endpoints whose p95 latency is above the time left. Unknown latency is kept: the attempt's timeout bounds it. */
export const deadlineRule: Rule = {
  name: "deadline",
  version: "1",
  apply(candidates, { remainingMs }) {
    if (remainingMs === undefined) return {};
    return {
      removed: removeWhere(candidates, (candidate) => {
        const p95Ms = p95Of(candidate);
        if (p95Ms === undefined || p95Ms <= remainingMs) return undefined;
        return `needs ${p95Ms} ms (p95), ${Math.max(0, Math.floor(remainingMs))} ms are left`;
      }),
    };
  },
};
