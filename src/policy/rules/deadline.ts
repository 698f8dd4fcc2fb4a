import type { Rule } from "../rule.ts";

/** Removes endpoints whose p95 latency is above the time left. Unknown latency is kept: the attempt's timeout bounds it. */
export const deadlineRule: Rule = {
  name: "deadline",
  version: "1",
  apply: (candidates, { remainingMs }) => ({
    removed:
      remainingMs === undefined
        ? []
        : candidates.flatMap(({ endpoint: { name, p95Ms } }) =>
            p95Ms === undefined || p95Ms <= remainingMs
              ? []
              : [
                  {
                    endpoint: name,
                    reason: `needs ${p95Ms} ms (p95), ${Math.max(0, Math.floor(remainingMs))} ms are left`,
                  },
                ],
          ),
  }),
};
