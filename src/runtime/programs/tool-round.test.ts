import fc from "fast-check";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import type { AgentStep } from "../../graph/definition.ts";
import { graph } from "../../graph/graph.ts";
import { makeLabel } from "../../tiers/label.ts";
import type { ToolResult } from "../step-work.ts";
import { ToolRound } from "./tool-round.ts";

const label = makeLabel("public");
const result = (outcome: ToolResult["outcome"] = "completed"): ToolResult => ({ outcome, content: outcome, label });

function stepWith(toolConcurrency: number): AgentStep {
  const g = graph("round", { input: z.object({}) });
  const tool = (name: string) => ({ name, schema: z.object({}), invoke: () => "" });
  const tools = [
    { tool: tool("read"), effect: "read" as const },
    { tool: tool("write"), effect: "write" as const },
    { tool: tool("wipe"), effect: "irreversible" as const },
  ];
  const work = g.agent("work", { needs: {}, output: z.string(), prompt: () => "p", tools, toolConcurrency });
  return g.output(work).definition.steps[0] as AgentStep;
}

function open(names: readonly string[], toolConcurrency = 4): ToolRound {
  const calls = names.map((name, index) => ({ id: `c${index}`, name, args: {} }));
  return new ToolRound(stepWith(toolConcurrency), { turn: 1, calls, label });
}

/** Positions of what is due, and how it is refused if it is. */
const due = (round: ToolRound) =>
  round.due().map(({ key, input }) => [Number(key.slice("work#0/1/tool".length)), input.refuse?.reason ?? "runs"]);
const settle = (round: ToolRound, index: number, outcome?: ToolResult["outcome"]): void =>
  round.settle(`work#0/1/tool${index}`, result(outcome));

describe("the calls of one turn", () => {
  it("run at once up to the step's limit, the next when one has ended", () => {
    const round = open(["read", "read", "read", "read"], 2);
    expect(due(round)).toEqual([
      [0, "runs"],
      [1, "runs"],
    ]);
    expect(due(round)).toEqual([]);
    settle(round, 1);
    expect(due(round)).toEqual([[2, "runs"]]);
  });

  it("with an effect run one after the other in their order, beside those without", () => {
    const round = open(["write", "read", "wipe", "read"]);
    expect(due(round)).toEqual([
      [0, "runs"],
      [1, "runs"],
      [3, "runs"],
    ]);
    settle(round, 3);
    expect(due(round)).toEqual([]);
    settle(round, 0);
    expect(due(round)).toEqual([[2, "runs"]]);
  });

  it.each(["failed", "refused"] as const)("with an effect end at the first that %s; the others go on", (outcome) => {
    const round = open(["write", "write", "read", "wipe"]);
    due(round);
    settle(round, 0, outcome);
    expect(due(round)).toEqual([[1, "earlier-effect"]]);
    settle(round, 1, "refused");
    settle(round, 2);
    expect(due(round)).toEqual([[3, "earlier-effect"]]);
    expect(round.isOver).toBe(false);
    settle(round, 3, "refused");
    expect(round.isOver).toBe(true);
  });

  it("of a tool that is not there block nothing", () => {
    const round = open(["nope", "write"]);
    due(round);
    settle(round, 0, "refused");
    expect(round.due()).toEqual([]);
    settle(round, 1);
    expect(round.called.map((one) => one.result.outcome)).toEqual(["refused", "completed"]);
  });

  it("beyond sixteen are refused as one, which says how many they are", () => {
    const round = open(Array(500).fill("read"), 16);
    expect(due(round)).toHaveLength(16);
    for (let index = 0; index < 16; index += 1) settle(round, index);
    const [last, ...more] = round.due();
    expect(more).toEqual([]);
    expect(last?.input).toMatchObject({ call: { id: "c16" }, refuse: { reason: "too-many-calls", calls: 484 } });
    settle(round, 16, "refused");
    expect(round.called).toHaveLength(17);
  });

  it("keep to the limits in every order of endings, run once each, and come back in the order of the calls", () => {
    const kinds = fc.array(fc.constantFrom("read", "write", "wipe", "nope"), { minLength: 1, maxLength: 20 });
    const outcomes = fc.array(fc.constantFrom("completed", "failed", "refused" as const), {
      minLength: 20,
      maxLength: 20,
    });
    const picks = fc.array(fc.nat(), { minLength: 20, maxLength: 20 });
    fc.assert(
      fc.property(kinds, outcomes, picks, fc.integer({ min: 1, max: 16 }), (...[names, ends, order, limit]) => {
        const round = open(names, limit);
        const running: number[] = [];
        const started: number[] = [];
        const failed: number[] = [];
        const hasEffect = (index: number): boolean => ["write", "wipe"].includes(names[index]!);
        for (let turn = 0; !round.isOver; turn += 1) {
          for (const { key, input } of round.due()) {
            const index = Number(key.slice("work#0/1/tool".length));
            expect(started).not.toContain(index);
            started.push(index);
            running.push(index);
            const isBroken = hasEffect(index) && index < 16 && failed.some((one) => one < index);
            expect(input.refuse?.reason).toBe(
              index === 16 ? "too-many-calls" : isBroken ? "earlier-effect" : undefined,
            );
          }
          expect(running.length).toBeGreaterThan(0);
          expect(running.length).toBeLessThanOrEqual(limit);
          const effects = running.filter((index) => hasEffect(index) && index < 16);
          expect(effects.length).toBeLessThanOrEqual(1);
          const [ended] = running.splice(order[turn]! % running.length, 1);
          const outcome = ends[ended!] as ToolResult["outcome"];
          if (hasEffect(ended!) && outcome !== "completed") failed.push(ended!);
          settle(round, ended!, outcome);
        }
        const effects = started.filter((index) => hasEffect(index) && index < 16);
        expect(effects).toEqual([...effects].sort((a, b) => a - b));
        expect(round.called.map(({ call }) => call.id)).toEqual(names.slice(0, 17).map((_name, index) => `c${index}`));
      }),
    );
  });
});
