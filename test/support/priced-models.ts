/** Scripted models at a dollar a million tokens: a token costs a millionth of a dollar, so sums are easy to read. */
import { endpoint, type Endpoint, type EndpointSpec } from "../../src/index.ts";
import type { ReportedUsage, ScriptedModel, ScriptedReply } from "../../src/testing/index.ts";

export const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1, version: "test" };

/** Of every answer: 110 millionths of a dollar. */
export const usage = { inputTokens: 100, outputTokens: 10 };

export const say = (text: string, more: Partial<ReportedUsage> = {}): ScriptedReply => ({
  text,
  usage: { ...usage, ...more },
});

export const callsTool = (name: string, args: Record<string, unknown> = {}): ScriptedReply => ({
  toolCalls: [{ name, args }],
  usage,
});

/** A small model on our own machines, unless the declaration says otherwise. */
export function priced(name: string, model: ScriptedModel, spec: Partial<EndpointSpec> = {}): Endpoint {
  return endpoint(name, { class: "slm", location: "on-prem", price, model: model.factory, ...spec });
}
