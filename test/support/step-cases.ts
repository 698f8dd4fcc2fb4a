/** What decisions are taken on, with everything filled in that a test says nothing about. */
import type { Candidate, Capabilities } from "../../src/catalog/candidate.ts";
import { endpoint, type EndpointSpec } from "../../src/catalog/endpoint.ts";
import type { Decision } from "../../src/policy/decision.ts";
import type { StepFacts } from "../../src/policy/facts.ts";
import { makeLabel } from "../../src/tiers/label.ts";

/** A chat model that can do everything. */
export const chat: Capabilities = {
  onlyLabels: undefined,
  tools: true,
  jsonSchema: true,
  logprobs: true,
  outputLimit: true,
  contextTokens: undefined,
};

/** US dollars per million tokens, the same in and out. */
export function price(usd: number): { inputPerMillionTokensUsd: number; outputPerMillionTokensUsd: number } {
  return { inputPerMillionTokensUsd: usd, outputPerMillionTokensUsd: usd };
}

export type CandidateCase = Partial<EndpointSpec> & {
  readonly name: string;
  readonly can?: Partial<Capabilities>;
  readonly measured?: Candidate["measured"];
};

const model = () => ({ invoke: () => Promise.reject(new Error("a decision calls nothing")) });

/** A small chat model on the premises unless it says otherwise. */
export function candidate({ name, can = {}, measured, ...spec }: CandidateCase): Candidate {
  const described = endpoint(name, { class: "slm", location: "on-prem", model, ...spec });
  return { endpoint: described, capabilities: { ...chat, ...can }, ...(measured && { measured }) };
}

/** A step that writes free text from public data. */
export function facts(changes: Partial<StepFacts> = {}): StepFacts {
  return {
    step: "reply",
    kind: "model",
    complexity: "generation",
    privacy: "classified",
    label: makeLabel("public"),
    needs: { tools: false, jsonSchema: false, maxOutputTokens: 1_024 },
    moneyCapped: false,
    atMs: 0,
    tags: {},
    excluded: [],
    ...changes,
  };
}

export function ladderOf({ ladder }: Decision): readonly string[] {
  return ladder.map((rung) => rung.endpoint);
}

export function refusedOf({ refused }: Decision): readonly string[] {
  return refused.map(({ endpoint: name, rule }) => `${name}: ${rule}`);
}

/** Everybody whom a decision names as one to be asked, now or later. */
export function namedIn({ ladder, obligations }: Decision): readonly string[] {
  const obliged = obligations.flatMap((obligation) => {
    if (obligation.type === "sample-for-review") return [];
    return obligation.type === "redact-first" ? [obligation.endpoint] : obligation.endpoints;
  });
  return [...ladder.map(({ endpoint: name }) => name), ...obliged];
}

/** The names of the part that are not in the whole. */
export function beyond(part: readonly string[], whole: readonly string[]): readonly string[] {
  return part.filter((name) => !whole.includes(name));
}
