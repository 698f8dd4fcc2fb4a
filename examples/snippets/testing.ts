/** What docs/guides/testing.md shows; `test/snippets.test.ts` runs it. */
import { ChatOpenAI } from "@langchain/openai";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import { FaultServer, ScriptedModel, faults, recordModel, replayModel, tierwiseMatchers } from "tierwise/testing";
import "tierwise/testing/vitest"; // types only
import { expect } from "vitest";
import * as z from "zod";

export function digest() {
  const g = graph("digest", { input: z.string() });
  const reply = g.model("reply", {
    needs: { text: g.input },
    complexity: "generation",
    output: z.object({ title: z.string() }),
    prompt: ({ text }) => text,
  });
  return g.output(reply);
}

export async function escalates() {
  // #region first
  const small = new ScriptedModel([{ text: "no JSON" }]);
  const large = new ScriptedModel([{ text: '{ "title": "Water on the Moon" }' }]);
  const catalog = createCatalog([
    endpoint("small", { class: "slm", location: "on-prem", model: small.factory }),
    endpoint("large", { class: "llm", location: "cloud", model: large.factory }),
  ]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy() });

  const { output, ledger } = await runtime.run(digest(), "A probe has found water ice.");

  expect(output).toEqual({ title: "Water on the Moon" });
  expect(ledger.endpoints).toEqual(["small", "large"]); // the draft did not fit the schema
  small.assertDone(); // no reply of the script is left
  large.assertDone();
  // #endregion
}

export function scripted() {
  // #region script
  const small = new ScriptedModel([
    { text: "refund" },
    { toolCalls: [{ name: "look", args: { q: "1042" } }] },
    { error: Object.assign(new Error(), { status: 503 }) },
  ]);
  const phi = endpoint("phi", { class: "slm", location: "on-prem", model: small.factory });
  // #endregion
  return phi;
}

export async function faulty() {
  // #region fault-server
  await using server = await FaultServer.start([
    faults.status(503),
    faults.resetMidBody(),
    { content: '{ "title": "Water on the Moon" }' },
  ]);
  const model = new ChatOpenAI({ model: "tiny", apiKey: "none", configuration: { baseURL: server.baseURL } });
  // #endregion
  const catalog = createCatalog([endpoint("tiny", { class: "slm", location: "on-prem", model })]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy(), retry: { initialDelayMs: 1 } });
  const { ledger } = await runtime.run(digest(), "A probe has found water ice.");
  return ledger;
}

export function recorded() {
  // #region record
  const file = "test/fixtures/gpt.json";
  const model = process.env["RECORD"]
    ? recordModel(new ChatOpenAI({ model: "gpt-5" }), { file })
    : replayModel({ file });
  const gpt = endpoint("gpt", { class: "llm", location: "cloud", model });
  // #endregion
  return gpt;
}

export async function matched(model: ScriptedModel) {
  const catalog = createCatalog([
    endpoint("phi", {
      class: "slm",
      location: "on-prem",
      model: model.factory,
      price: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05 },
    }),
  ]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy() });
  // #region matchers
  expect.extend(tierwiseMatchers);
  const result = await runtime.run(digest(), "A probe has found water ice.");

  expect(result).toHaveUsed("phi", { step: "reply" });
  expect(result).not.toHaveEscalated({ step: "reply" });
  expect(result).toHaveCostAtMost(0.002);
  expect(result).toHaveKept({ level: "regulated", within: ["on-prem", "in-process"] });
  // #endregion
  // #region plan
  const plan = runtime.plan(digest());
  expect(plan.toTable()).toContain("phi (slm)"); // or as a snapshot: a changed plan is a changed bill
  // #endregion
}
