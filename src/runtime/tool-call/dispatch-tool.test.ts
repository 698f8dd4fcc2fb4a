import { describe, expect, it } from "vitest";
import * as z from "zod";
import { openDirectly } from "../../../test/support/direct-session.ts";
import type { RunEvent } from "../../events/event.ts";
import type { AgentStep } from "../../graph/definition.ts";
import { graph } from "../../graph/graph.ts";
import type { ToolBinding } from "../../graph/types/steps.ts";
import { makeClearance } from "../../tiers/clearance.ts";
import { makeLabel, type Label } from "../../tiers/label.ts";
import { dispatchTool, type ToolDispatch } from "./dispatch-tool.ts";
import type { HumanPort } from "../session.ts";

/** A run of one agent step. */
function open(binding: Partial<ToolBinding<object>> = {}, human?: HumanPort) {
  const calls: unknown[] = [];
  const tool = { name: "look", schema: z.object({ q: z.string() }), invoke: (args: unknown) => calls.push(args) };
  const g = graph("direct", { input: z.object({}) });
  const tools = [{ tool, effect: "read" as const, ...binding }];
  const work = g.agent("work", { needs: {}, output: z.string(), prompt: () => "p", tools, privacy: "classified" });
  const { definition } = g.output(work, { clearance: { level: "classified", compartments: ["pii"] } });
  const session = openDirectly(definition, { human });
  const events: RunEvent[] = [];
  session.events.on("*", (event) => void events.push(event));
  const dispatch = (label: Label, args: Record<string, unknown> | undefined = { q: "the secret" }): ToolDispatch => ({
    session,
    step: definition.steps[0] as AgentStep,
    work: {
      key: "work#0/1/tool0",
      kind: "tool",
      input: { step: "work", call: { id: "c", name: "look", args }, label },
    },
  });
  return { session, calls, events, dispatch };
}

describe("the dispatch of a tool call", () => {
  it.each<[string, Label, ToolBinding<unknown>["accepts"]]>([
    ["a level above", makeLabel("customer"), "internal"],
    ["a compartment that is missing", makeLabel({ level: "public", compartments: ["pii"] }), "classified"],
    ["a label where nothing is declared", makeLabel("internal"), undefined],
  ])(
    "refuses %s by itself: the tool does not run, and the secret is not in the error",
    async (_what, label, accepts) => {
      const { session, calls, events, dispatch } = open(accepts === undefined ? {} : { accepts });
      const error: unknown = await dispatchTool(dispatch(label)).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        name: "FlowViolationError",
        code: "PRIVACY_FLOW_DENIED",
        message: expect.stringContaining('tool "look" (arguments)') as string,
      });
      expect((error as Error).message).not.toContain("the secret");
      expect(calls).toEqual([]);
      expect(events).toEqual([]);
      expect(session.toolCalls.count).toBe(0);
    },
  );

  it("lets through what the tool accepts, and labels the result as declared", async () => {
    const returns = { level: "customer", compartments: ["pii"] } as const;
    const accepts = { level: "regulated", compartments: ["pii"] } as const;
    const { calls, dispatch } = open({ accepts, returns });
    const result = await dispatchTool(dispatch(makeLabel("internal")));
    expect(calls).toEqual([{ q: "the secret" }]);
    expect(result).toEqual({ outcome: "completed", content: "1", label: makeLabel(returns) });
  });

  it("labels the result as its arguments, untrusted, when nothing is declared", async () => {
    const { dispatch } = open({ accepts: "classified" });
    const trusted = makeLabel({ level: "internal", integrity: "trusted" });
    expect((await dispatchTool(dispatch(trusted))).label).toEqual(makeLabel("internal", "untrusted"));
  });

  it("starts nothing for a run that is over", async () => {
    const { session, calls, events, dispatch } = open();
    session.abort.abort(new Error("over"));
    await expect(dispatchTool(dispatch(makeLabel("public")))).rejects.toThrow("over");
    expect(calls).toEqual([]);
    expect(events.map(({ type }) => type)).toEqual(["tool-start", "tool-end"]);
  });
});

describe("the approval of a tool call", () => {
  const secret = makeLabel({ level: "customer", compartments: ["pii"] });
  const effect = { effect: "write", accepts: { level: "customer", compartments: ["pii"] } } as const;
  const person = (clearance: HumanPort["clearance"]) => {
    const asked: unknown[] = [];
    const ask = (request: unknown) => Promise.resolve(asked.push(request) > 0);
    return { asked, human: { clearance, ask } };
  };

  it.each<[string, HumanPort["clearance"], ToolBinding<unknown>["approve"]]>([
    ["a person who is not cleared for them", makeClearance("customer"), true],
    ["more than the approval may show", makeClearance(effect.accepts), { clearance: "customer" }],
  ])("does not show arguments to %s, whatever the plan has proved", async (_what, clearance, approve) => {
    const { asked, human } = person(clearance);
    const { calls, dispatch } = open({ ...effect, approve: approve! }, human);
    const error: unknown = await dispatchTool(dispatch(secret)).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "PRIVACY_FLOW_DENIED",
      message: expect.stringContaining('a person (approve of tool "look")') as string,
    });
    expect((error as Error).message).not.toContain("the secret");
    expect([...asked, ...calls]).toEqual([]);
  });

  it("is asked of a person who is cleared, with the label of the arguments", async () => {
    const { asked, human } = person(makeClearance(effect.accepts));
    const { calls, dispatch } = open({ ...effect, approve: true }, human);
    await dispatchTool(dispatch(secret));
    expect(asked).toMatchObject([{ kind: "approve-tool", label: secret, arguments: { q: "the secret" } }]);
    expect(calls).toEqual([{ q: "the secret" }]);
  });

  it("cannot be left out where nobody is wired", async () => {
    const { calls, dispatch } = open({ ...effect, approve: true });
    await expect(dispatchTool(dispatch(secret))).rejects.toMatchObject({ code: "INTERNAL" });
    expect(calls).toEqual([]);
  });
});
