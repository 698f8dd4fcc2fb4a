import { describe, expect, it } from "vitest";
import * as z from "zod";
import { openDirectly } from "../../../test/support/direct-session.ts";
import { endpoint, type Endpoint } from "../../catalog/endpoint.ts";
import { templateTokens } from "../../catalog/usage.ts";
import type { RunEvent } from "../../events/event.ts";
import type { PlacedStep } from "../../graph/definition.ts";
import { graph } from "../../graph/graph.ts";
import { openModel } from "../../models/open-model.ts";
import { ScriptedModel, type ScriptedReply } from "../../testing/scripted-model.ts";
import { makeClearance, type ClearanceSpec } from "../../tiers/clearance.ts";
import { makeLabel, type Label } from "../../tiers/label.ts";
import { dispatchModel, type ModelCall } from "./dispatch-model.ts";
import { perform } from "../perform.ts";
import type { HumanPort, Session } from "../session.ts";

const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
const million = 1_000_000n;

/** A run of one model step. */
function openRun(cap?: bigint, human?: HumanPort): Session {
  const g = graph("direct", { input: z.object({}) });
  const answer = g.model("answer", { needs: {}, complexity: "generation", output: z.string(), prompt: () => "p" });
  return openDirectly(g.output(answer).definition, { cap, human });
}

function callOf(
  session: Session,
  { model, label = makeLabel("public"), ...spec }: { model: ScriptedModel; label?: Label; clearance?: ClearanceSpec },
): ModelCall {
  const target: Endpoint = endpoint("small", {
    class: "slm",
    location: "on-prem",
    price,
    model: model.factory,
    ...spec,
  });
  const request = {
    kind: "chat" as const,
    messages: [{ role: "user" as const, content: "the secret" }],
    tools: [],
    schema: undefined,
    maxOutputTokens: 50,
  };
  const step = session.graph.steps[0] as PlacedStep;
  return {
    session,
    step,
    work: { step: step.name, number: 1, kind: "initial", request, label, role: undefined, excluded: [] },
    endpoint: target,
    port: openModel(target),
    gate: undefined,
    acceptAt: 0.85,
    eligible: [target],
  };
}

const answer: ScriptedReply = { text: "ok", usage: { inputTokens: 10, outputTokens: 5 } };

describe("the dispatch of a model call", () => {
  const above: [string, Label, ClearanceSpec | undefined][] = [
    ["a level above", makeLabel("customer"), "internal"],
    ["a compartment that is missing", makeLabel({ level: "customer", compartments: ["pii"] }), "classified"],
    ["another tenant", makeLabel({ level: "internal", compartments: ["tenant:a"] }), clearance("tenant:b")],
    ["a label where no clearance is declared", makeLabel("internal"), undefined],
  ];

  function clearance(compartment: "tenant:b"): ClearanceSpec {
    return { level: "classified", compartments: [compartment] };
  }

  it.each(above)(
    "refuses %s by itself, whatever chose the endpoint: nothing is sent, reserved or booked",
    async (...row) => {
      const [, label, cleared] = row;
      const session = openRun(1n * million * million);
      const events: RunEvent[] = [];
      session.events.on("*", (event) => void events.push(event));
      const model = new ScriptedModel([]);
      const call = callOf(session, { model, label, ...(cleared === undefined ? {} : { clearance: cleared }) });
      await expect(dispatchModel(call)).rejects.toMatchObject({
        name: "FlowViolationError",
        code: "PRIVACY_FLOW_DENIED",
        details: { step: "answer" },
        message: expect.stringMatching(
          /endpoint "small".* Fix: .*clear endpoint "small" if it may see the data/,
        ) as string,
      });
      expect(model.calls).toEqual([]);
      expect(events).toEqual([]);
      expect([session.budget.reserved.picoUsd, session.budget.settled.picoUsd]).toEqual([0n, 0n]);
      expect(session.ledger.totals("answer").attempts).toBe(0);
    },
  );

  it("lets through what the clearance covers", async () => {
    const session = openRun();
    const label = makeLabel({ level: "customer", compartments: ["pii"] });
    const model = new ScriptedModel([answer]);
    const covering = { level: "regulated", compartments: ["pii", "pci"] } as const;
    const result = await dispatchModel(callOf(session, { model, label, clearance: covering }));
    expect(result).toMatchObject({ type: "accepted", value: "ok" });
    model.assertDone();
  });

  it("has the worst case reserved while the request is under way, and nothing but the cost afterwards", async () => {
    const session = openRun(10n ** 12n);
    let during: bigint | undefined;
    const model = new ScriptedModel(() => {
      during = session.budget.reserved.picoUsd;
      return answer;
    });
    const call = callOf(session, { model });
    await dispatchModel(call);
    const bytes = BigInt(call.port.requestBytes(call.work.request));
    expect(during).toBe((bytes + 256n + 50n) * million);
    expect([session.budget.reserved.picoUsd, session.budget.settled.picoUsd]).toEqual([0n, 15n * million]);
    expect(session.ledger.cost("answer")).toBe(15n * million);
  });

  it("reserves what a reasoning model may add to its limit", async () => {
    const session = openRun(10n ** 12n);
    let during = 0n;
    const model = new ScriptedModel(() => {
      during = session.budget.reserved.picoUsd;
      return answer;
    });
    const plain = callOf(session, { model });
    const reasoning = { ...plain, endpoint: { ...plain.endpoint, reasoningTokens: 1_000 } };
    await dispatchModel(plain);
    const without = during;
    await dispatchModel(reasoning);
    expect(during - without).toBe(1_000n * million);
  });

  it("answers unaffordable, without a call, when the worst case does not fit", async () => {
    const session = openRun(1n);
    const model = new ScriptedModel([]);
    expect(await dispatchModel(callOf(session, { model }))).toEqual({
      type: "unaffordable",
      endpoint: "small",
      bound: { scope: "run", dimension: "costUsd", limit: 1e-12 },
      requests: 0,
    });
    expect(model.calls).toEqual([]);
  });

  it("answers unaffordable by itself, without a call, for an endpoint without a price under a cap", async () => {
    const model = new ScriptedModel([]);
    const call = callOf(openRun(10n ** 12n), { model });
    const unpriced = { ...call, endpoint: { ...call.endpoint, price: undefined } };
    const refused = {
      type: "unaffordable",
      endpoint: "small",
      bound: { scope: "run", dimension: "costUsd", limit: 1 },
      requests: 0,
    };
    expect(await dispatchModel(unpriced)).toEqual(refused);
    expect(model.calls).toEqual([]);
  });

  it("settles, books and closes its attempt once, also when the run is aborted in the middle", async () => {
    const session = openRun(10n ** 12n);
    const events: string[] = [];
    session.events.on("*", ({ type }) => void events.push(type));
    const model = new ScriptedModel([{ hangs: true }]);
    const call = callOf(session, { model });
    const running = dispatchModel(call);
    await new Promise(setImmediate);
    session.abort.abort(new Error("stop"));
    await expect(running).rejects.toThrow("stop");
    // What was reserved is charged: the provider may bill all of it.
    const inputTokens = BigInt(call.port.requestBytes(call.work.request) + templateTokens);
    expect(events).toEqual(["attempt-start", "attempt-error"]);
    expect([session.budget.reserved.picoUsd, session.budget.settled.picoUsd]).toEqual([
      0n,
      (inputTokens + 50n) * million,
    ]);
    expect(session.ledger.totals("answer")).toMatchObject({ attempts: 1, complete: false });
  });
});

describe("a question to a person", () => {
  it("is refused by itself above their clearance, whatever chose them: nobody is asked", async () => {
    const asked: unknown[] = [];
    const ask = (request: unknown) => Promise.resolve(asked.push(request));
    const session = openRun(undefined, { clearance: makeClearance("internal"), ask });
    const input = { step: "answer", prompt: "the secret", label: makeLabel("customer") };
    await expect(perform(session, { key: "answer#0/0/human", kind: "human", input })).rejects.toMatchObject({
      code: "PRIVACY_FLOW_DENIED",
    });
    expect(asked).toEqual([]);
  });
});
