import type { RunKeys } from "../common/bucket.ts";
import { show } from "../common/names.ts";
import { TierwiseError } from "../errors.ts";
import type { Policy } from "./policy.ts";

/** Chooses the policy of a run when it starts, for example a registry. A run keeps its policy to the end. */
export interface PolicySource {
  /**
   * Synchronous, and the same object for as long as nothing changed: what was planned for it is remembered.
   * @param run without `runId` when planning
   */
  policyFor(run: RunKeys): Policy;
}

/** True for what can be asked for a policy; a source wins over a policy where something is both. */
export function isPolicySource(found: unknown): found is PolicySource {
  return typeof (found as Partial<PolicySource> | null | undefined)?.policyFor === "function";
}

/** The policy for one run. @throws {TierwiseError} `RUNTIME_INVALID` when the source answers with something else */
export function choosePolicy(policy: Policy | PolicySource, run: RunKeys): Policy {
  if (!isPolicySource(policy)) return policy;
  const chosen: unknown = policy.policyFor(run);
  if (Array.isArray((chosen as Partial<Policy> | null | undefined)?.rules)) return chosen as Policy;
  throw new TierwiseError(
    "RUNTIME_INVALID",
    `runtime.policy: policyFor returned ${show(chosen)}; it must return a policy such as createPolicy(...)`,
  );
}
