import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import {
  createCatalog,
  createPolicy,
  createRuntime,
  defaultPolicy,
  defaultRules,
  flowsTo,
  type Policy,
} from "tierwise";
import { describe, expect, it } from "vitest";
import { catalog } from "../../examples/scenarios/catalog.ts";
import { deviations } from "../../examples/scenarios/conformance.ts";
import { graphOf, scenarios, type Scenario } from "../../examples/scenarios/scenarios.ts";

const root = resolve(import.meta.dirname, "..", "..");
const framework = readFileSync(join(root, "docs/concepts/decision-framework.md"), "utf8");

/** A scenario as the framework prints it. */
interface Printed {
  readonly name: string;
  readonly literal: { readonly total: number; readonly band: string; readonly agrees: boolean };
  readonly corrected: { readonly total: number; readonly band: string };
  /** Complexity, privacy, latency, volume. */
  readonly scores: readonly number[];
}

/** The table of 4.2, and the list of scores below it. */
const printed: readonly Printed[] = framework
  .split("\n")
  .filter((line) => /^\| \d /.test(line))
  .map((line) => {
    const [, name = "", , , literal = "", corrected = ""] = line.split("|").map((cell) => cell.trim());
    const scores = new RegExp(`[:;] ${name.charAt(0)}: ((?:\\d,?){4})`).exec(framework)?.[1] ?? "";
    return {
      name,
      literal: { ...totalOf(literal), agrees: literal.endsWith(" ok") },
      corrected: totalOf(corrected),
      scores: scores.split(",").map(Number),
    };
  });

function totalOf(cell: string): { total: number; band: string } {
  const [, total, band = ""] = /^(\d+) (SLM|hybrid|LLM)/.exec(cell) ?? [];
  return { total: Number(total), band: band.toLowerCase() };
}

function planned(scenario: Scenario, { policy = defaultPolicy(), endpoints = catalog.endpoints } = {}) {
  const runtime = createRuntime({ catalog: createCatalog(endpoints), policy });
  return runtime.plan(graphOf(scenario)).steps[0]!;
}

function deviating(setting: Parameters<typeof planned>[1]): readonly string[] {
  return scenarios
    .filter((scenario) => deviations(scenario, planned(scenario, setting).decision).length > 0)
    .map(({ name }) => name.charAt(0));
}

function without(rule: string): Policy {
  const rules = defaultRules.filter(({ name }) => name !== rule);
  expect(rules).toHaveLength(defaultRules.length - 1);
  return createPolicy({ name: "one-less", version: "1", rules });
}

describe("the eight scenarios of decision-framework.md 4.2", () => {
  it("are those that the framework prints", () => {
    expect(printed).toHaveLength(8);
    expect(scenarios.map(({ name }) => name)).toEqual(printed.map(({ name }) => name));
  });

  it.each(scenarios)("$name is decided as recommended", (scenario) => {
    expect(deviations(scenario, planned(scenario).decision)).toEqual([]);
  });

  it.each(scenarios)("$name shows its data to nobody who may not see it, now or later", (scenario) => {
    const { ladder, obligations, label } = planned(scenario).decision;
    const later = obligations.flatMap((asked) => (asked.type === "escalate-later" ? asked.endpoints : []));
    for (const name of [...ladder.map(({ endpoint }) => endpoint), ...later]) {
      const { clearance } = catalog.endpoints.find((one) => one.name === name)!;
      expect(flowsTo(label, clearance), name).toBe(true);
    }
  });

  it.each(printed)("$name has the scores, totals and bands that the framework prints", (row) => {
    const card = planned(scenarios.find(({ name }) => name === row.name)!).scorecard!;
    const { complexity, privacy, latency, volume } = card.literal.axes;
    expect([complexity, privacy, latency, volume].map(({ score }) => score)).toEqual(row.scores);
    expect(card.literal).toMatchObject({ total: row.literal.total, band: row.literal.band });
    expect(card.corrected).toMatchObject(row.corrected);
  });

  it("are scored right by the published scorecard in four: 1, 5, 7 and 8", () => {
    const right = scenarios.filter((one) => planned(one).scorecard?.literal.band === one.expected.plan);
    const numbers = (found: readonly { readonly name: string }[]) => found.map(({ name }) => name.charAt(0));
    expect(numbers(right)).toEqual(["1", "5", "7", "8"]);
    expect(numbers(printed.filter(({ literal }) => literal.agrees))).toEqual(["1", "5", "7", "8"]);
  });
});

describe("without one of what decides them, the eight scenarios", () => {
  it.each([
    ["domain", ["1", "2", "3", "8"]],
    ["latency", ["6"]],
    ["tier-ladder", ["1", "7"]],
    ["volume", ["1", "4", "7"]],
  ])("deviate: rule %s, scenarios %j", (rule, expected) => {
    expect(deviating({ policy: without(rule) })).toEqual(expected);
  });

  it("deviate: locationClearance, scenario 8", () => {
    const uncapped = catalog.endpoints.map((one) => ({ ...one, clearance: one.clearanceCap?.from ?? one.clearance }));
    expect(deviating({ endpoints: uncapped })).toEqual(["8"]);
  });

  it("do not where it is the order of the catalog alone that changes", () => {
    expect(deviating({ endpoints: catalog.endpoints.toReversed() })).toEqual([]);
  });
});

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** As `npm run scenarios` starts it. */
function run(): Promise<Ended> {
  const child = spawn(process.execPath, [join(root, "examples/scenarios/main.ts")]);
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((ended) => child.on("close", (code) => ended({ stdout, stderr, code })));
}

describe("npm run scenarios", () => {
  it("exits 0 and says that 8 of 8 are as recommended, and 4 of 8 by the scorecard alone", async () => {
    const { stdout, stderr, code } = await run();
    expect(code, stderr).toBe(0);
    expect(stdout).toContain("8 of 8 as recommended; the published scorecard alone: 4 of 8");
    expect(stdout.match(/^## .*: as recommended$/gm)).toHaveLength(8);
  });
});
