/** What an attempt took, checked against what it can have taken, and its place in the books. */
import { picoToUsd, type PicoUsd } from "../../catalog/money.ts";
import {
  checkUsage,
  chargeOf,
  costElsewhere,
  type CheckedUsage,
  type Usage,
  type UsageBound,
} from "../../catalog/usage.ts";
import { utf8Bytes } from "../../common/utf8.ts";
import type { ModelReply } from "../../models/port.ts";
import type { Entry } from "../budget/ledger.ts";
import type { CallReservation } from "../budget/reserve-call.ts";
import { book } from "../durable/journal.ts";
import type { Launch } from "../durable/work-record.ts";
import { staticName } from "../frame.ts";
import type { ModelCall } from "./dispatch-model.ts";
import { worstOf } from "./worst-case.ts";

/** An attempt, as far as its bill goes. */
export interface Billed {
  readonly call: ModelCall;
  readonly bound: UsageBound;
  readonly reservation: CallReservation;
  readonly startedMs: number;
}

/** How an attempt came out, as far as the books go. */
export interface Settling {
  readonly accepted: boolean;
  readonly errorType?: string | undefined;
}

/** Of a request that cannot have been billed. */
export const unbilled: CheckedUsage = { usage: { inputTokens: 0, outputTokens: 0 }, source: "estimated" };

/** Of a request that may have been billed and told nothing of it. */
export function boundedUsage(bound: UsageBound): CheckedUsage {
  return { ...checkUsage(undefined, bound), source: "estimated" };
}

export function usageOf({ call, bound }: Billed, reply: ModelReply): CheckedUsage {
  if (call.port.capabilities.onlyLabels === undefined) return checkUsage(reply.usage, bound);
  // Counts no tokens: about four bytes make one, for the counterfactual only.
  const tokens = (bytes: number): number => Math.ceil(bytes / 4);
  return {
    usage: { inputTokens: tokens(bound.requestBytes), outputTokens: tokens(utf8Bytes(reply.text)) },
    source: "estimated",
  };
}

/** @returns what it cost; `undefined` when its endpoint has no price */
export function settle(billed: Billed, checked: CheckedUsage, { accepted, errorType }: Settling): PicoUsd | undefined {
  const { call, reservation } = billed;
  const { session, step, work, endpoint } = call;
  const { usage, source } = checked;
  const cost = endpoint.price === undefined ? undefined : chargeOf(checked, endpoint.price);
  const dearest = dearestOf(call, usage, cost ?? 0n);
  reservation.settle({ picoUsd: cost ?? 0n, tokens: usage.inputTokens + usage.outputTokens, calls: 1 });
  const entry = { step: step.name, endpoint: endpoint.name, class: endpoint.class, usage, usageSource: source };
  const { standIn } = endpoint;
  book(session, { type: "attempt", entry: { ...entry, kind: work.kind, cost, dearest, accepted, standIn } });
  measure(billed, checked, { cost, errorType });
  return cost;
}

/** What the same tokens would have cost at the dearest of the endpoints that could have been chosen. */
function dearestOf({ endpoint, eligible }: ModelCall, usage: Usage, ownCost: PicoUsd): PicoUsd {
  return eligible.reduce((most, { name, price }) => {
    const other = price === undefined ? 0n : costElsewhere(usage, price);
    const own = name === endpoint.name ? ownCost : other;
    return own > most ? own : most;
  }, 0n);
}

function measure(
  billed: Billed,
  checked: CheckedUsage,
  { cost, errorType }: { readonly cost: PicoUsd | undefined; readonly errorType: string | undefined },
): void {
  const { session, step, work, endpoint, port } = billed.call;
  session.metrics.attempt(() => {
    const { durationMs, costUsd, inputTokens, outputTokens } = charged(billed, checked, cost);
    const { provider, model, server } = port;
    const made = { step: staticName(step.name), class: endpoint.class, kind: work.kind };
    return { ...made, provider, model, server, durationMs, inputTokens, outputTokens, costUsd, errorType };
  });
}

/** As events tell it. */
export function charged({ call, startedMs }: Billed, { usage, source }: CheckedUsage, cost: PicoUsd | undefined) {
  const durationMs = call.session.services.clock.nowMs() - startedMs;
  return { durationMs, ...usage, usageSource: source, costUsd: cost === undefined ? undefined : picoToUsd(cost) };
}

/** Nobody would know what it took if this process died: then it is charged what was reserved. */
export function launchOf({ call, bound }: Billed): Launch {
  const { step, work, endpoint } = call;
  const { requestBytes, maxOutputTokens } = bound;
  const { picoUsd } = worstOf(endpoint, bound);
  const cost = endpoint.price === undefined ? undefined : picoUsd;
  const entry: Entry = {
    ...{ step: step.name, endpoint: endpoint.name, class: endpoint.class, kind: work.kind },
    ...{ usage: { inputTokens: requestBytes, outputTokens: maxOutputTokens }, usageSource: "estimated" },
    ...{ cost, dearest: picoUsd, accepted: false, standIn: endpoint.standIn },
  };
  return { what: "model", name: endpoint.name, worst: { type: "attempt", entry } };
}
