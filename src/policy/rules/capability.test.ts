import { describe, expect, it } from "vitest";
import { candidate, facts } from "../../../test/support/step-cases.ts";
import type { Capabilities } from "../../catalog/candidate.ts";
import type { Requirements } from "../../tiers/demands.ts";
import { capabilityRule } from "./capability.ts";

/** Why the rule refuses a model that can do this; `undefined` when it does not. */
function refusal(can: Partial<Capabilities>, requires: Requirements): string | undefined {
  const [removed] = capabilityRule.apply([candidate({ name: "model", can })], facts({ requires })).removed ?? [];
  return removed?.reason;
}

const both = { logprobs: true, tools: true } as const;
const unpaired = "is not known to return log-probabilities together with tools, which the step requires";
const noGerman = 'is not known to be good at "de", which the step requires';

describe("what a step requires", () => {
  it.each<[string, Partial<Capabilities>, Requirements, string | undefined]>([
    ["tools that are there", {}, { tools: true }, undefined],
    ["tools that are not", { tools: false }, { tools: true }, "does not call tools, which the step requires"],
    ["no tools", { tools: false }, { tools: false }, undefined],
    ["a native JSON Schema", {}, { jsonSchema: true }, undefined],
    [
      "a JSON Schema that goes into the instructions",
      { jsonSchema: false },
      { jsonSchema: true },
      "takes no JSON Schema natively, which the step requires",
    ],
    ["log-probabilities", {}, { logprobs: true }, undefined],
    [
      "log-probabilities that are not there",
      { logprobs: false },
      { logprobs: true },
      "returns no log-probabilities, which the step requires",
    ],
    ["both, known together", { toolsWithLogprobs: true }, both, undefined],
    ["both, known apart", { toolsWithLogprobs: false }, both, unpaired],
    ["both, not known", {}, both, unpaired],
    ["a context that is large enough", { contextTokens: 8_000 }, { contextTokens: 8_000 }, undefined],
    [
      "a larger context",
      { contextTokens: 7_999 },
      { contextTokens: 8_000 },
      "holds 7999 tokens; the step requires 8000",
    ],
    [
      "a context that nobody knows",
      {},
      { contextTokens: 8_000 },
      "holds an unknown number of tokens; the step requires 8000",
    ],
    ["a language", { languages: ["en", "de"] }, { languages: ["de"] }, undefined],
    ["a regional one of a language", { languages: ["DE"] }, { languages: ["de-AT"] }, undefined],
    ["a language of which a regional one is known", { languages: ["de-AT"] }, { languages: ["de"] }, noGerman],
    ["a language that begins alike", { languages: ["d"] }, { languages: ["de"] }, noGerman],
    ["one language too many", { languages: ["en"] }, { languages: ["en", "de"] }, noGerman],
    ["a language where none is known", {}, { languages: ["de"] }, noGerman],
    ["nothing", {}, {}, undefined],
  ])("is met by what is known: %s", (...[, can, requires, reason]) => {
    expect(refusal(can, requires)).toBe(reason);
  });

  it.each<[readonly string[] | undefined, Requirements, string | undefined]>([
    [["de"], { ...both, languages: ["de-AT"] }, undefined],
    [["en"], { languages: ["de"] }, noGerman],
    [undefined, { languages: ["de"] }, noGerman],
    [undefined, { ...both, jsonSchema: true, contextTokens: 8_000 }, undefined],
  ])("is asked of a classifier, good at %j, as far as its languages: %j", (languages, requires, reason) => {
    const can = { onlyLabels: ["a"], tools: false, jsonSchema: false, logprobs: false, languages };
    const needs = { tools: false, jsonSchema: false, labels: ["a", "b"], maxOutputTokens: 64 };
    const step = facts({ kind: "classify", complexity: "classification", needs, requires });
    const [removed] = capabilityRule.apply([candidate({ name: "intents", can })], step).removed ?? [];
    expect(removed?.reason).toBe(reason);
  });
});
