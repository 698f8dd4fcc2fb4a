import { bucketOf } from "../../common/bucket.ts";
import type { Decision, Obligation } from "../../policy/decision.ts";
import { sawWeakAnswer, type Exclusion } from "../../policy/facts.ts";
import type { Session } from "../session.ts";
import type { ModelResult } from "../step-work.ts";
import { tell } from "../durable/journal.ts";

/**
 * Carries out what a decision obliges the runtime to beside the call: the review sample and the escalation that had to
 * wait. The other two obligations are kept where they arise: `judge` in `evaluate-reply.ts`, `redact-first` in the model port.
 */
export function fulfil(
  session: Session,
  {
    step,
    decision,
    excluded,
    result,
  }: {
    /** By its path. */
    readonly step: string;
    readonly decision: Decision;
    readonly excluded: readonly Exclusion[];
    readonly result: ModelResult;
  },
): void {
  const { obligations } = decision;
  for (const obligation of obligations) {
    if (isDue(obligation, { session, step, result }))
      tell(session, {
        type: "review-sampled",
        step,
        endpoint: decision.ladder[0]!.endpoint,
        reason: obligation.reason,
      });
    if (obligation.type === "escalate-later" && result.type === "exhausted" && sawWeakAnswer({ excluded }))
      tell(session, {
        type: "escalation-deferred",
        step,
        endpoints: obligation.endpoints,
        reason: obligation.reason,
      });
  }
}

type Sampling = Extract<Obligation, { type: "sample-for-review" }>;

/** A finished answer in the sample: by a stable hash of run and step, so that a repeated run is sampled alike. */
function isDue(
  obligation: Obligation,
  { session, step, result }: { session: Session; step: string; result: ModelResult },
): obligation is Sampling {
  if (obligation.type !== "sample-for-review" || result.type !== "accepted" || result.toolCalls.length > 0)
    return false;
  return bucketOf({ name: "review", salt: step, key: session.runId }) < obligation.ratio;
}
