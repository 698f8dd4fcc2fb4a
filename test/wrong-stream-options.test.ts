import { describe, expect, it } from "vitest";
import * as z from "zod";
import { DefinitionError, graph } from "../src/index.ts";

const look = { name: "look", description: "Looks.", schema: z.object({ q: z.string() }), invoke: () => "" };

/** Builds a graph whose step has the option. */
const builders: Readonly<Record<"model" | "agent", (stream: unknown) => unknown>> = {
  model(stream) {
    const g = graph("desk", { input: z.string() });
    const spec = { needs: { in: g.input }, complexity: "generation" as const, output: z.string(), prompt: () => "" };
    return g.output(g.model("reply", { ...spec, stream: stream as true }));
  },
  agent(stream) {
    const g = graph("desk", { input: z.string() });
    const tools = [{ tool: look, effect: "read" as const }];
    const spec = { needs: { in: g.input }, output: z.string(), prompt: () => "", tools };
    return g.output(g.agent("reply", { ...spec, stream: stream as true }));
  },
};

function mistakeOf(build: () => unknown): unknown {
  try {
    build();
    return "none";
  } catch (error) {
    if (!(error instanceof DefinitionError)) throw error;
    expect(error.problems).toHaveLength(1);
    return [error.problems[0]?.path, error.problems[0]?.message];
  }
}

const range = "expected a whole number from 100 to 600000";

describe.each(["model", "agent"] as const)("stream of a %s step", (kind) => {
  it.each<[unknown, string, string]>([
    [false, "", "expected true or { holdUntilChecked, idleTimeoutMs }, found false; leave it out"],
    ["yes", "", 'expected an object of options, found "yes"'],
    [1, "", "expected an object of options, found 1"],
    [[], "", "expected an object of options, found an array"],
    [null, "", "expected an object of options, found null"],
    [{ idleTimeoutMs: 99 }, ".idleTimeoutMs", `${range}, found 99`],
    [{ idleTimeoutMs: 600_001 }, ".idleTimeoutMs", `${range}, found 600001`],
    [{ idleTimeoutMs: 100.5 }, ".idleTimeoutMs", `${range}, found 100.5`],
    [{ idleTimeoutMs: "1000" }, ".idleTimeoutMs", `${range}, found "1000"`],
    [{ holdUntilChecked: "yes" }, ".holdUntilChecked", 'expected true or false, found "yes"'],
    [{ hold: true }, ".hold", "unknown option; known are holdUntilChecked, idleTimeoutMs"],
  ])("is refused when it is %j", (stream, path, message) => {
    expect(mistakeOf(() => builders[kind](stream))).toEqual([`steps.reply.stream${path}`, message]);
  });

  it.each([
    undefined,
    true,
    {},
    { idleTimeoutMs: 100 },
    { idleTimeoutMs: 600_000, holdUntilChecked: false },
    { holdUntilChecked: undefined },
  ])("may be %j", (stream) => {
    expect(mistakeOf(() => builders[kind](stream))).toBe("none");
  });
});

describe("stream of other steps", () => {
  it("is no option: a closed label has no pieces, and code shows what it likes itself", () => {
    const g = graph("desk", { input: z.string() });
    const wrong = { stream: true } as object;
    g.classify("triage", { needs: { in: g.input }, labels: ["a", "b"], text: () => "", ...wrong });
    g.code("order", { needs: { in: g.input }, run: () => "", ...wrong });
    expect(() => g.output(g.input)).toThrow(
      /steps\.triage\.stream: unknown option(.|\n)*steps\.order\.stream: unknown/,
    );
  });
});
