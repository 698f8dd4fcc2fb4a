import { describe, expect, it } from "vitest";
import { goldenTree } from "./golden-tree.ts";
import { ways, type Way } from "./graphs.ts";
import { needsJaeger, readBack } from "./jaeger.ts";
import { expectContract } from "./trace-properties.ts";

needsJaeger();

const trees: Partial<Record<Way, string>> = {
  accept: `
invoke_workflow reply [INTERNAL UNSET] run.outcome=completed steps.executed=1 llm.calls=1 cost.usd=0.00011 cost.bucket=lt_0.001
  step answer [INTERNAL UNSET] step.kind=model step.outcome=completed step.attempts=1 step.escalation_path=small step.cost_usd=0.00011
    event tierwise.policy.decision
    chat small-model [CLIENT UNSET] attempt.number=1 attempt.kind=initial attempt.outcome=accepted cost.usd=0.00011`,

  escalate: `
invoke_workflow reply [INTERNAL UNSET] run.outcome=completed run.escalated=true steps.executed=1 llm.calls=2 escalations=1 cost.usd=0.00022 cost.bucket=lt_0.001
  step answer [INTERNAL UNSET] step.kind=model step.outcome=completed step.attempts=2 step.escalated=true step.escalation_path=small>large step.cost_usd=0.00022
    event tierwise.policy.decision
    chat small-model [CLIENT UNSET] attempt.number=1 attempt.kind=initial attempt.outcome=rejected attempt.reject_reason=validator cost.usd=0.00011
    chat large-model [CLIENT UNSET] attempt.number=2 attempt.kind=escalation attempt.outcome=accepted cost.usd=0.00011`,

  fallback: `
invoke_workflow reply [INTERNAL UNSET] run.outcome=completed steps.executed=1 llm.calls=2 cost.usd=0.00011 cost.bucket=lt_0.001
  step answer [INTERNAL UNSET] step.kind=model step.outcome=completed step.attempts=2 step.escalation_path=large step.cost_usd=0.00011
    event tierwise.policy.decision
    chat small-model [CLIENT ERROR] attempt.number=1 attempt.kind=initial attempt.outcome=failed error.type=503
    chat large-model [CLIENT UNSET] attempt.number=2 attempt.kind=fallback attempt.outcome=accepted cost.usd=0.00011`,

  retry: `
invoke_workflow reply [INTERNAL UNSET] run.outcome=completed steps.executed=1 llm.calls=2 retries=1 cost.usd=0.00011 cost.bucket=lt_0.001
  step answer [INTERNAL UNSET] step.kind=model step.outcome=completed step.attempts=2 step.escalation_path=small step.cost_usd=0.00011
    event tierwise.policy.decision
    chat small-model [CLIENT ERROR] attempt.number=1 attempt.kind=initial attempt.outcome=failed error.type=503
    chat small-model [CLIENT UNSET] attempt.number=2 attempt.kind=retry attempt.outcome=accepted cost.usd=0.00011`,

  denied: `
invoke_workflow payout [INTERNAL ERROR] run.outcome=denied steps.executed=1 steps.failed=1 llm.calls=1 cost.usd=0.00011 cost.bucket=lt_0.001 error.type=policy_denied
  step payout [INTERNAL ERROR] step.kind=agent step.outcome=failed step.attempts=1 step.escalation_path=large step.cost_usd=0.00011 error.type=policy_denied
    event tierwise.policy.decision
    chat large-model [CLIENT UNSET] attempt.number=1 attempt.kind=initial attempt.outcome=accepted cost.usd=0.00011`,

  // No `chat`: the call was refused. The decision is taken again without the endpoint that cannot be paid for.
  budget: `
invoke_workflow reply [INTERNAL ERROR] run.outcome=budget_exceeded steps.executed=1 steps.failed=1 cost.bucket=0 error.type=budget_exceeded
  step answer [INTERNAL ERROR] step.kind=model step.outcome=failed error.type=budget_exceeded
    event tierwise.policy.decision
    event tierwise.policy.decision`,

  tools: `
invoke_workflow desk [INTERNAL UNSET] run.outcome=completed steps.executed=1 llm.calls=2 tool.calls=1 cost.usd=0.00022 cost.bucket=lt_0.001
  step work [INTERNAL UNSET] step.kind=agent step.outcome=completed step.attempts=2 step.escalation_path=large step.cost_usd=0.00022
    event tierwise.policy.decision
    event tierwise.policy.decision
    chat large-model [CLIENT UNSET] attempt.number=1 attempt.kind=initial attempt.outcome=accepted cost.usd=0.00011
    execute_tool look [INTERNAL UNSET] tool.effect=read
    chat small-model [CLIENT UNSET] attempt.number=2 attempt.kind=turn attempt.outcome=accepted cost.usd=0.00011`,

  pricedTool: `
invoke_workflow desk [INTERNAL UNSET] run.outcome=completed steps.executed=1 llm.calls=2 tool.calls=1 cost.usd=0.05022 cost.bucket=0.01-0.1
  step work [INTERNAL UNSET] step.kind=agent step.outcome=completed step.attempts=2 step.escalation_path=large step.cost_usd=0.05022
    event tierwise.policy.decision
    event tierwise.policy.decision
    chat large-model [CLIENT UNSET] attempt.number=1 attempt.kind=initial attempt.outcome=accepted cost.usd=0.00011
    execute_tool look [INTERNAL UNSET] tool.effect=read tool.cost_usd=0.05
    chat small-model [CLIENT UNSET] attempt.number=2 attempt.kind=turn attempt.outcome=accepted cost.usd=0.00011`,

  map: `
invoke_workflow drafts [INTERNAL UNSET] run.outcome=completed steps.executed=4 llm.calls=2 cost.usd=0.00022 cost.bucket=lt_0.001
  step words [INTERNAL UNSET] step.kind=code step.outcome=completed
  fanout draft [INTERNAL UNSET] step.kind=map step.outcome=completed fanout.size=2 step.cost_usd=0.00022
    step draft/write [INTERNAL UNSET] step.kind=model step.outcome=completed step.attempts=1 step.escalation_path=small step.cost_usd=0.00011 fanout.index=0
      event tierwise.policy.decision
      chat small-model [CLIENT UNSET] attempt.number=1 attempt.kind=initial attempt.outcome=accepted cost.usd=0.00011
    step draft/write [INTERNAL UNSET] step.kind=model step.outcome=completed step.attempts=1 step.escalation_path=small step.cost_usd=0.00011 fanout.index=1
      event tierwise.policy.decision
      chat small-model [CLIENT UNSET] attempt.number=1 attempt.kind=initial attempt.outcome=accepted cost.usd=0.00011`,

  skipped: `
invoke_workflow branch [INTERNAL UNSET] run.outcome=completed steps.executed=1 steps.skipped=1 cost.bucket=0
  event tierwise.step.skipped other
  step taken [INTERNAL UNSET] step.kind=code step.outcome=completed`,

  // Two pieces of text; the events are read to the end.
  streamed: `
invoke_workflow reply [INTERNAL UNSET] run.outcome=completed steps.executed=1 llm.calls=1 cost.usd=0.00011 cost.bucket=lt_0.001
  step answer [INTERNAL UNSET] step.kind=model step.outcome=completed step.attempts=1 step.escalation_path=small step.cost_usd=0.00011
    event tierwise.policy.decision
    chat small-model [CLIENT UNSET] attempt.number=1 attempt.kind=initial attempt.outcome=accepted request.stream=true cost.usd=0.00011`,

  // Whoever stops reading does not stop the run.
  abandoned: `
invoke_workflow reply [INTERNAL UNSET] run.outcome=completed steps.executed=1 llm.calls=1 cost.usd=0.00011 cost.bucket=lt_0.001
  step answer [INTERNAL UNSET] step.kind=model step.outcome=completed step.attempts=1 step.escalation_path=small step.cost_usd=0.00011
    event tierwise.policy.decision
    chat small-model [CLIENT UNSET] attempt.number=1 attempt.kind=initial attempt.outcome=accepted request.stream=true cost.usd=0.00011`,

  // What was kept was not executed, and nobody was asked.
  cached: `
invoke_workflow reply [INTERNAL UNSET] run.outcome=completed steps.cached=1 cost.bucket=0
  step answer [INTERNAL UNSET] step.kind=model step.outcome=completed step.cached=true`,

  failed: `
invoke_workflow reply [INTERNAL ERROR] run.outcome=failed steps.executed=1 steps.failed=1 llm.calls=1 cost.bucket=0 error.type=503
  step answer [INTERNAL ERROR] step.kind=model step.outcome=failed step.attempts=1 step.escalation_path=small error.type=503
    event tierwise.policy.decision
    chat small-model [CLIENT ERROR] attempt.number=1 attempt.kind=initial attempt.outcome=failed error.type=503`,

  // A request that was cut short may have been billed: it costs the most that it can have cost.
  cancelled: `
invoke_workflow reply [INTERNAL ERROR] run.outcome=cancelled steps.executed=1 llm.calls=1 cost.usd=0.001352 cost.bucket=0.001-0.01 error.type=cancelled
  step answer [INTERNAL UNSET] step.kind=model step.outcome=cancelled step.attempts=1 step.escalation_path=small step.cost_usd=0.001352
    event tierwise.policy.decision
    chat small-model [CLIENT ERROR] attempt.number=1 attempt.kind=initial attempt.outcome=cancelled cost.usd=0.001352 error.type=cancelled`,
};

describe("the trace that Jaeger gives back", () => {
  for (const [way, tree] of Object.entries(trees) as [Way, string][])
    it(`${way}: is the tree that the contract draws, and keeps its promises`, async () => {
      const spans = await readBack(ways[way]);
      expect(goldenTree(spans)).toBe(tree.trimStart());
      expectContract(spans);
    });
});
