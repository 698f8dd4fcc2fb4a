/**
 * Budgets: of a run, of a step, of a tenant and a day. The worst case of a call is set aside before it is made, so a cap is kept
 * and not only noticed. Look at what `scope` says, and at the ledger: a call that does not fit was never made.
 */
import { BudgetExceededError, createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import type { RunOptions, StepBudget } from "tierwise";
import { SimulatedClock } from "tierwise/testing";
import * as z from "zod";
import { largeText, smallText } from "./models.ts";

/** Three letters, each written after the one before; `budget` is that of the second. */
function letters(budget: StepBudget) {
  const g = graph("letters", { input: z.string() });
  const text = { complexity: "generation", output: z.string(), maxOutputTokens: 100 } as const;
  const prompt = ({ text }: { text: string }) => `Answer in two sentences: ${text}`;
  const first = g.model("first", { ...text, needs: { text: g.input }, prompt });
  const second = g.model("second", { ...text, needs: { text: first }, prompt, budget });
  return g.output(g.model("third", { ...text, needs: { text: second }, prompt }));
}

const catalog = createCatalog([
  endpoint("small", { class: "slm", location: "on-prem", ...smallText }),
  endpoint("large", { class: "llm", location: "cloud", ...largeText }),
]);
const runtime = createRuntime({
  catalog,
  policy: defaultPolicy(),
  clock: new SimulatedClock(), // so that no day ends while this example runs
  budgets: {
    accounts: ({ tags }) => (tags["tenant"] ? [{ name: `tenant:${tags["tenant"]}`, per: "day", calls: 7 }] : []),
  },
});

async function tryRun(what: string, options: RunOptions, ofSecond: StepBudget = { calls: 10 }): Promise<void> {
  const run = await runtime.start(letters(ofSecond), "Where is my parcel?", options);
  try {
    await run.result;
    console.log(`${what}: done`);
  } catch (error) {
    if (!(error instanceof BudgetExceededError)) throw error;
    const { scope, dimension } = error.details;
    console.log(`${what}: ${error.code}, scope ${String(scope)}, ${String(dimension)}`);
    console.log(`  ${error.message}`);
  }
  const { attempts, costUsd, capUsd } = run.ledger();
  console.log(`  calls ${attempts}, settled $${costUsd.toFixed(8)}${capUsd === undefined ? "" : ` of $${capUsd}`}`);
}

console.log("A run");
await tryRun("no cap", {});
await tryRun("a cap with room", { budget: { costUsd: 0.01 } });
await tryRun("a cap for two calls", { budget: { calls: 2 } });
await tryRun("a cap of money for one call at its worst", { budget: { costUsd: 0.000024 } });

console.log("\nA step");
await tryRun("the second letter has 300 tokens", {}, { tokens: 300 });

console.log("\nA tenant and a day: seven calls, shared by all its runs");
await tryRun("acme, first run", { tags: { tenant: "acme" } });
await tryRun("acme, second run", { tags: { tenant: "acme" } });
await tryRun("acme, third run", { tags: { tenant: "acme" } });
await tryRun("zeta, first run", { tags: { tenant: "zeta" } });
