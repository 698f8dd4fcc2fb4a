/**
 * The one place from which a model is called. In this order: label against clearance, worst case against the budget, the
 * endpoint's gate, span, deadline, one request, usage checked, settled, recorded. Nothing else in Tierwise calls a model.
 * The budget comes before the gate: a run that waits for its own money must not hold a place that other runs want.
 * @module
 */
import type { Endpoint } from "../../catalog/endpoint.ts";
import { ProviderError } from "../../errors.ts";
import type { PlacedStep } from "../../graph/definition.ts";
import type { ModelPort } from "../../models/port.ts";
import { assertFlow } from "../assert-flow.ts";
import { nothing } from "../budget/amounts.ts";
import { reserveCall } from "../budget/reserve-call.ts";
import type { EndpointGate } from "../gates/endpoint-gate.ts";
import type { Session } from "../session.ts";
import type { ModelResult, ModelWork } from "../step-work.ts";
import { timeLeftMs } from "../time-left.ts";
import { Attempt } from "./attempt.ts";
import { ofStep } from "./failure-kinds.ts";
import { usageBound, withoutWorstCase, worstOf } from "./worst-case.ts";

export interface ModelCall {
  readonly session: Session;
  readonly step: PlacedStep;
  readonly work: ModelWork["input"];
  readonly endpoint: Endpoint;
  readonly port: ModelPort;
  /** `undefined` for an in-process classifier: it answers at once, and there is no server to spare. */
  readonly gate: EndpointGate | undefined;
  readonly acceptAt: number;
  /** Endpoints that the policy could have chosen: the dearest of them is the counterfactual. */
  readonly eligible: readonly Endpoint[];
}

/** One request at most; `requests` says whether it was made. */
export async function dispatchModel(call: ModelCall): Promise<ModelResult> {
  const { session, step, work, endpoint } = call;
  assertFlow({
    step: step.name,
    label: work.label,
    sink: `endpoint "${endpoint.name}"`,
    clearance: endpoint.clearance,
  });
  const unaffordable = { type: "unaffordable", endpoint: endpoint.name, requests: 0 } as const;
  const unbounded = withoutWorstCase(call);
  if (unbounded !== undefined) return { ...unaffordable, bound: unbounded };
  const bound = usageBound(call);
  const reservation = await reserveCall(session, step.name, worstOf(endpoint, bound));
  if ("scope" in reservation) return { ...unaffordable, bound: reservation };
  try {
    return await throughGate(call, () => new Attempt(call, bound, reservation).perform());
  } finally {
    // An attempt has settled it already; without one, nothing was spent.
    reservation.settle(nothing);
  }
}

async function throughGate(call: ModelCall, send: () => Promise<ModelResult>): Promise<ModelResult> {
  const { session, step, endpoint, gate } = call;
  if (gate === undefined) return send();
  const { clock } = session.services;
  const sinceMs = clock.nowMs();
  const place = await gate.enter(session.abort.signal, timeLeftMs(session, step));
  const trace = session.runningSteps.get(step.name)?.trace;
  if (trace !== undefined) trace.queueMs += clock.nowMs() - sinceMs;
  if (place instanceof ProviderError)
    return { type: "failed", endpoint: endpoint.name, error: ofStep(step, place), requests: 0 };
  let result: ModelResult | undefined;
  try {
    result = await send();
    return result;
  } finally {
    place.leave(result?.type === "failed" ? result.error : result && "answered");
  }
}
