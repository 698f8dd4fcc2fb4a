import type { Rule } from "../rule.ts";

/**
 * Under a latency bound, removes endpoints whose p95 does not fit what is left of it. Latency that nobody declared or
 * measured does not fit a bound: a promise cannot rest on a guess.
 */
export const latencyRule: Rule = {
  name: "latency",
  version: "1",
  apply: (candidates, { latencyLeftMs }) => ({
    removed:
      latencyLeftMs === undefined
        ? []
        : candidates.flatMap(({ endpoint: { name, p95Ms } }) => {
            if (p95Ms === undefined)
              return [{ endpoint: name, reason: "its latency is not declared, and the step has a bound" }];
            if (p95Ms <= latencyLeftMs) return [];
            return [
              {
                endpoint: name,
                reason: `needs ${p95Ms} ms (p95), the step has ${Math.max(0, Math.floor(latencyLeftMs))} ms left`,
              },
            ];
          }),
  }),
};
