import { describe, expect, it } from "vitest";
import { pilotVerdict, type PilotGoal, type PilotShortfall } from "./pilot.ts";

describe("the verdict on a pilot", () => {
  it.each<[number, number, readonly PilotShortfall[]]>([
    [0.86, 0.24, []],
    [0.851, 0.249, []],
    [1.05, 0, []],
    [0.85, 0.24, ["accuracy"]],
    [0.86, 0.25, ["cost"]],
    [0.86, 1.3, ["cost"]],
    [0, 0.9, ["accuracy", "cost"]],
  ])(
    "decision-framework.md 4.1 row Thresholds: %d of the accuracy at %d of the cost falls short of %j",
    (accuracyRatio, costRatio, short) => {
      expect(pilotVerdict({ accuracyRatio, costRatio })).toEqual({ go: short.length === 0, short });
    },
  );

  it("is by the author's own goal where there is one", () => {
    const outcome = { accuracyRatio: 0.9, costRatio: 0.3 };
    expect(pilotVerdict(outcome).short).toEqual(["cost"]);
    expect(pilotVerdict(outcome, { costBelow: 0.4 }).go).toBe(true);
    expect(pilotVerdict(outcome, { accuracyAbove: 0.95, costBelow: 0.4 }).short).toEqual(["accuracy"]);
  });

  it.each<[string, [number, number], PilotGoal]>([
    ["an accuracy that is no number", [NaN, 0.1], {}],
    ["a negative cost", [0.9, -0.1], {}],
    ["a cost that nobody measured", [0.9, undefined as unknown as number], {}],
    ["a goal in percent", [0.9, 0.1], { accuracyAbove: 85 }],
    ["a goal that is no number", [0.9, 0.1], { costBelow: NaN }],
  ])("is not given on %s", (_what, [accuracyRatio, costRatio], goal) => {
    expect(() => pilotVerdict({ accuracyRatio, costRatio }, goal)).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID" }),
    );
  });
});
