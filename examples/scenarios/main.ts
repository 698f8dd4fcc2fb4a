/**
 * `npm run scenarios`: the eight scenarios of the decision framework, each decided by the default policy on one catalog, with
 * its explanation and with what the published scorecard would have said. Exits 1 when one of them is not as recommended.
 */
import { createRuntime, defaultPolicy, explain } from "tierwise";
import { catalog } from "./catalog.ts";
import { deviations } from "./conformance.ts";
import { graphOf, scenarios } from "./scenarios.ts";

const runtime = createRuntime({ catalog, policy: defaultPolicy() });
let conforming = 0;
let scoredRight = 0;

for (const scenario of scenarios) {
  const [planned] = runtime.plan(graphOf(scenario)).steps;
  if (planned?.scorecard === undefined) throw new Error(`${scenario.name}: nothing was planned`);
  const { decision, scorecard } = planned;
  const wrong = deviations(scenario, decision);
  const { total, band } = scorecard.literal;
  const isScoredRight = band === scenario.expected.plan;
  conforming += wrong.length === 0 ? 1 : 0;
  scoredRight += isScoredRight ? 1 : 0;
  console.log(
    `## ${scenario.name}: ${wrong.length === 0 ? "as recommended" : `NOT as recommended: ${wrong.join("; ")}`}`,
  );
  console.log(explain(decision));
  console.log(
    `  scorecard as published: ${total} of 20, ${band}, ${isScoredRight ? "the same" : `not the recommended ${scenario.expected.plan}`};` +
      ` corrected: ${scorecard.corrected.total}, ${scorecard.corrected.band}\n`,
  );
}

console.log(
  `${conforming} of ${scenarios.length} as recommended; the published scorecard alone: ${scoredRight} of ${scenarios.length}`,
);
process.exitCode = conforming === scenarios.length ? 0 : 1;
