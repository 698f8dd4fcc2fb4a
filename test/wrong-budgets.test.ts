import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  DefinitionError,
  endpoint,
  graph,
  type RuntimeOptions,
} from "../src/index.ts";
import { ScriptedModel } from "../src/testing/index.ts";

/** What plain JavaScript, or a cast, can hand in. */
const wrong = (value: unknown): never => value as never;

function replyGraph(step: object = {}) {
  const g = graph("support", { input: z.object({}) });
  const spec = { needs: {}, complexity: "generation" as const, output: z.string(), prompt: () => "p" };
  return g.output(g.model("reply", { ...spec, ...step }));
}

function runtimeOf(options: Partial<RuntimeOptions> = {}) {
  const model = new ScriptedModel([]);
  const gpt = endpoint("gpt", { class: "llm", location: "cloud", model: model.factory });
  return createRuntime({ catalog: createCatalog([gpt]), policy: defaultPolicy(), ...options });
}

function errorOf(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return undefined;
}

const account = { name: "tenant:acme", per: "day", calls: 5 } as const;

describe("the budget of a step", () => {
  const rows: [string, unknown, string][] = [
    ["a number", 5, "steps.reply.budget: expected an object of options, found 5"],
    ["nothing", {}, "steps.reply.budget: expected at least one of costUsd, tokens, calls"],
    [
      "a deadline",
      { durationMs: 5 },
      "steps.reply.budget.durationMs: unknown option; known are costUsd, tokens, calls",
    ],
    ["no money", { costUsd: 0 }, "steps.reply.budget.costUsd: expected a number from 1e-12 to 1000000, found 0"],
    [
      "money in a text",
      { costUsd: "1" },
      'steps.reply.budget.costUsd: expected a number from 1e-12 to 1000000, found "1"',
    ],
    ["NaN", { costUsd: NaN }, "steps.reply.budget.costUsd: expected a number from 1e-12 to 1000000, found NaN"],
    [
      "half a token",
      { tokens: 0.5 },
      "steps.reply.budget.tokens: expected a whole number from 1 to 1000000000000, found 0.5",
    ],
    [
      "negative calls",
      { calls: -1 },
      "steps.reply.budget.calls: expected a whole number from 1 to 1000000000, found -1",
    ],
    [
      "endless calls",
      { calls: Infinity },
      "steps.reply.budget.calls: expected a whole number from 1 to 1000000000, found Infinity",
    ],
  ];

  it.each(rows)("that is %s is refused with one sentence", (_name, budget, line) => {
    const error = errorOf(() => replyGraph({ budget: wrong(budget) }));
    expect(error).toBeInstanceOf(DefinitionError);
    expect((error as Error).message).toContain(`  ${line}`);
  });

  it("is no option of a code step, and one of each step that runs a graph", () => {
    const inner = replyGraph();
    const g = graph("outer", { input: z.object({}) });
    const bad = wrong({ calls: 0 });
    g.code("code", wrong({ needs: {}, run: () => 1, budget: { calls: 1 } }));
    g.subgraph("sub", { input: g.input, graph: inner, budget: bad });
    g.map("map", { over: wrong(g.input), each: inner, budget: bad });
    g.loop("loop", { start: wrong(g.input), body: wrong(inner), until: () => true, maxIterations: 1, budget: bad });
    const error = errorOf(() => g.output(g.input));
    const { message } = error as DefinitionError;
    expect(message).toContain("steps.code.budget: unknown option");
    for (const name of ["sub", "map", "loop"])
      expect(message).toContain(`steps.${name}.budget.calls: expected a whole number from 1 to 1000000000, found 0`);
  });
});

describe("the budget of a run", () => {
  const rows: [string, object, string][] = [
    ["tokens: 0", { tokens: 0 }, "run.budget.tokens: expected a whole number from 1 to 1000000000000, found 0"],
    ["calls: text", { calls: "3" }, 'run.budget.calls: expected a whole number from 1 to 1000000000, found "3"'],
    ["costUsd: -1", { costUsd: -1 }, "run.budget.costUsd: expected a number from 1e-12 to 1000000, found -1"],
    ["a misspelt cap", { token: 3 }, "run.budget.token: unknown option; known are costUsd, tokens, calls, durationMs"],
  ];

  it.each(rows)("with %s is refused", (_name, budget, line) => {
    const error = errorOf(() => runtimeOf().plan(replyGraph(), { budget: wrong(budget) }));
    expect((error as Error).message).toBe(`run options: 1 problem\n  ${line}`);
  });
});

describe("shared budgets", () => {
  const options: [string, unknown, string][] = [
    ["a list", [], "runtime.budgets: expected an object of options, found an array"],
    ["no accounts", {}, "runtime.budgets.accounts: expected a function, found undefined"],
    [
      "a misspelt option",
      { accounts: () => [], ports: 1 },
      "runtime.budgets.ports: unknown option; known are accounts, port, timeoutMs",
    ],
    [
      "a port that cannot settle",
      { accounts: () => [], port: { reserve: () => 1 } },
      "runtime.budgets.port: expected { reserve, settle } such as memoryBudgets(), found an object",
    ],
    [
      "a port that is none",
      { accounts: () => [], port: 7 },
      "runtime.budgets.port: expected { reserve, settle } such as memoryBudgets(), found 7",
    ],
    [
      "no time",
      { accounts: () => [], timeoutMs: 0 },
      "runtime.budgets.timeoutMs: expected a whole number from 1 to 60000, found 0",
    ],
  ];

  it.each(options)("with %s make no runtime", (_name, budgets, line) => {
    const error = errorOf(() => runtimeOf({ budgets: wrong(budgets) }));
    expect((error as Error).message).toContain(`  ${line}`);
  });

  const answers: [string, unknown, string][] = [
    ["no list", undefined, "budgets.accounts: expected an array of at most 8 accounts, found undefined"],
    [
      "a promise",
      Promise.resolve([account]),
      "budgets.accounts: expected an array of at most 8 accounts, found an object",
    ],
    [
      "nine accounts",
      Array.from({ length: 9 }, (_, index) => ({ ...account, name: `${index}` })),
      "budgets.accounts: expected an array of at most 8 accounts, found an array",
    ],
    [
      "the same account twice",
      [account, account],
      "budgets.accounts: two accounts have the same name; names must differ",
    ],
    ["a name in place of an account", ["acme"], 'budgets.accounts[0]: expected an object of options, found "acme"'],
    ["no name", [{ ...account, name: "" }], 'budgets.accounts[0].name: expected 1 to 128 characters, found ""'],
    ["no cap", [{ name: "a", per: "day" }], "budgets.accounts[0]: expected at least one of costUsd, tokens, calls"],
    [
      "no window",
      [{ name: "a", calls: 1 }],
      'budgets.accounts[0].per: expected one of "hour", "day", "month", "forever", found undefined',
    ],
    [
      "a cap of nothing",
      [{ ...account, calls: 0 }],
      "budgets.accounts[0].calls: expected a whole number from 1 to 1000000000, found 0",
    ],
  ];

  it.each(answers)("whose accounts are %s admit no run and plan none", async (_name, found, line) => {
    const runtime = runtimeOf({ budgets: { accounts: () => wrong(found) } });
    const expected = { code: "RUNTIME_INVALID", message: expect.stringContaining(`  ${line}`) as string };
    await expect(runtime.run(replyGraph(), {})).rejects.toMatchObject(expected);
    expect(errorOf(() => runtime.plan(replyGraph()))).toMatchObject(expected);
  });

  it("whose accounts cannot be told admit no run", async () => {
    const cause = new Error("no such tenant");
    const accounts = (): never => {
      throw cause;
    };
    await expect(runtimeOf({ budgets: { accounts } }).run(replyGraph(), {})).rejects.toMatchObject({
      code: "RUNTIME_INVALID",
      message: "budgets.accounts threw, so the run is not admitted; see cause",
      cause,
    });
  });
});
