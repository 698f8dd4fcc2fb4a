import { ChatOpenAI } from "@langchain/openai";
import { describe, expect, it } from "vitest";
import { endpoint, type EndpointSpec } from "../catalog/endpoint.ts";
import type { LabelModel } from "../catalog/model-like.ts";
import { DefinitionError } from "../errors.ts";
import { applyProbe } from "./apply-probe.ts";
import { openModel } from "./open-model.ts";
import type { ProbeReport } from "./probe.ts";

function tiny(spec: Partial<EndpointSpec> = {}) {
  const model = new ChatOpenAI({ model: "tiny", apiKey: "none" });
  return endpoint("tiny", { class: "slm", location: "on-prem", model, ...spec });
}

const finding = { supported: true, evidence: "HTTP 400" };
const report: ProbeReport = {
  format: "tierwise-probe",
  version: 1,
  endpoint: "tiny",
  model: "tiny",
  probedAtMs: 1,
  capabilities: { tools: false, jsonSchema: true, logprobs: true, toolsWithLogprobs: true },
  findings: {
    logprobs: finding,
    tools: finding,
    jsonSchema: finding,
    toolsWithLogprobs: finding,
    logprobsBeforeGrammar: finding,
  },
  requests: 5,
  usage: { inputTokens: 1, outputTokens: 1, complete: true },
};

describe("applyProbe", () => {
  it("puts what was found in place of what was declared or assumed, and keeps the rest", () => {
    const declared = tiny({
      quality: 0.9,
      capabilities: { tools: true, contextTokens: 4_096, languages: ["de"] },
    });
    const stored = JSON.parse(JSON.stringify(report)) as ProbeReport;
    const probed = applyProbe(declared, stored);
    expect(probed).toEqual({
      ...declared,
      capabilities: {
        tools: false,
        jsonSchema: true,
        logprobs: true,
        toolsWithLogprobs: true,
        contextTokens: 4_096,
        languages: ["de"],
      },
    });
    expect([Object.isFrozen(probed), Object.isFrozen(probed.capabilities)]).toEqual([true, true]);
    expect(declared.capabilities.tools).toBe(true);
    expect(openModel(probed).capabilities).toMatchObject({ tools: false, logprobs: true, jsonSchema: true });
  });

  it("never widens what the author declared false", () => {
    const none = { tools: false, jsonSchema: false, logprobs: false, toolsWithLogprobs: false };
    const found = { tools: true, jsonSchema: true, logprobs: true, toolsWithLogprobs: true };
    const probed = applyProbe(tiny({ capabilities: none }), { ...report, capabilities: found });
    expect(probed.capabilities).toEqual(none);
    const one = applyProbe(tiny({ capabilities: { logprobs: false } }), { ...report, capabilities: found });
    expect(one.capabilities).toEqual({ ...found, logprobs: false });
    expect(openModel(one).capabilities).toMatchObject({ logprobs: false, toolsWithLogprobs: false });
  });

  it.each<[string, unknown, RegExp]>([
    ["another endpoint", { ...report, endpoint: "small" }, /report\.endpoint: expected "tiny", found "small"/],
    ["another model", { ...report, model: "tiny-2" }, /report\.model: expected "tiny", found "tiny-2"; probe/],
    ["another format", { ...report, format: "x" }, /report\.format: expected one of "tierwise-probe", found "x"/],
    ["a later version", { ...report, version: 2 }, /report\.version: this release reads version 1 only, found 2/],
    ["no capabilities", { ...report, capabilities: null }, /report\.capabilities\.tools: expected true or false/],
    [
      "a text for a flag",
      { ...report, capabilities: { ...report.capabilities, logprobs: "true" } },
      /1 problem\n.*report\.capabilities\.logprobs: expected true or false, found "true"/,
    ],
    ["nothing", null, /report\.report|report: expected an object of options, found null/],
    ["an array", [report], /expected an object of options, found an array/],
  ])("refuses a report of %s", (_what, found, message) => {
    expect(() => applyProbe(tiny(), found as ProbeReport)).toThrow(DefinitionError);
    expect(() => applyProbe(tiny(), found as ProbeReport)).toThrow(message);
  });

  it("refuses a report for what is a classifier now", () => {
    const model: LabelModel = {
      kind: "classifier",
      name: "c",
      version: "1",
      labels: ["a"],
      classify: () => ({ label: "a", rawProbability: 1, probability: 1 }),
    };
    expect(() => applyProbe(tiny({ model, location: "in-process" }), report)).toThrow(/is a classifier now/);
  });
});
