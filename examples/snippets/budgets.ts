/** What the pages on budgets and the ledger show. */
import {
  BudgetExceededError,
  createRuntime,
  memoryBudgets,
  type BudgetPort,
  type Catalog,
  type Graph,
  type GraphBuilder,
  type Policy,
  type Ref,
  type Runtime,
  type ToolLike,
} from "tierwise";
import { budgetPortContract } from "tierwise/testing";
import * as z from "zod";

type Text = Graph<string, string>;

export async function ofARun(runtime: Runtime, support: Text, input: string) {
  // #region run
  const { ledger } = await runtime.run(support, input, {
    budget: { costUsd: 0.02, tokens: 40_000, calls: 30, durationMs: 8_000 }, // all calls of the run together
  });
  // #endregion
  return ledger;
}

interface Parts {
  readonly request: Ref<string>;
  readonly lines: Ref<readonly string[]>;
  readonly draft: Text;
  readonly refundTool: ToolLike;
}

export function ofSteps(g: GraphBuilder<string, string>, { request, lines, draft, refundTool }: Parts) {
  // #region steps
  const refund = g.agent("refund", {
    needs: { request },
    tools: [{ tool: refundTool, effect: "read", cost: { perCallUsd: 0.002 } }], // a tool that is billed, too
    output: z.string(),
    prompt: ({ request }) => request,
    budget: { costUsd: 0.01, calls: 6 }, // this step
  });
  const drafts = g.map("drafts", { over: lines, each: draft, budget: { tokens: 100_000 } }); // all items together
  // #endregion
  return { refund, drafts };
}

export function ofTenants(catalog: Catalog, policy: Policy, port: BudgetPort = memoryBudgets()) {
  // #region accounts
  return createRuntime({
    catalog,
    policy,
    budgets: {
      accounts: ({ tags }) => [{ name: `tenant:${tags["tenant"] ?? "nobody"}`, per: "day", costUsd: 5 }],
      port, // default: memoryBudgets(), in this process
    },
  });
  // #endregion
}

export async function answered(runtime: Runtime, support: Text, { input, tenant }: { input: string; tenant: string }) {
  // #region exceeded
  const run = await runtime.start(support, input, { tags: { tenant }, budget: { costUsd: 0.02 } });
  try {
    return { status: 200, body: (await run.result).output };
  } catch (error) {
    if (!(error instanceof BudgetExceededError)) throw error;
    console.log(`spent $${run.ledger().costUsd}`); // the books are there, also of a run that failed
    const isTenants = error.details["scope"] === "shared";
    return { status: isTenants ? 429 : 402, retryAfterMs: error.details["retryAfterMs"] };
  }
  // #endregion
}

export function contractOf(port: BudgetPort, it: (name: string, test: () => Promise<void>) => void) {
  // #region contract
  for (const { name, check } of budgetPortContract) it(name, () => check(port)); // `it` of vitest, jest or node:test
  // #endregion
}

export async function books(runtime: Runtime, support: Text, input: string) {
  // #region ledger
  const { ledger } = await runtime.run(support, input);
  console.log(`$${ledger.costUsd}${ledger.complete ? "" : " or more"}, all large $${ledger.baselineUsd}`);
  for (const [step, { costUsd, attempts, escalations }] of Object.entries(ledger.steps))
    console.log(`${step}: $${costUsd}, ${attempts} attempts, ${escalations} of them after a weak answer`);
  // #endregion
}
