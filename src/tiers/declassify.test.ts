import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { flowsTo, makeClearance, uncovered } from "./clearance.ts";
import { declassify, declassifyMistakes, redactionFor, type Declassification } from "./declassify.ts";
import { isAtLeast, levelOf, makeLabel, privacyLevels, type Compartment, type Label } from "./label.ts";

const kinds: readonly Compartment[] = ["pii", "phi", "pci", "secret", "tenant:acme", "tenant:*"];
const level = fc.constantFrom(...privacyLevels);
const label: fc.Arbitrary<Label> = fc
  .record({
    level,
    compartments: fc.subarray([...kinds]),
    integrity: fc.constantFrom("trusted" as const, "untrusted" as const),
  })
  .map((spec) => makeLabel(spec));
const step: fc.Arbitrary<Declassification> = fc.record({
  removes: fc.subarray([...kinds]),
  to: level,
  reason: fc.constantFrom("what the customer may read", "", "  "),
});

describe("declassify", () => {
  it("takes out what it names, sets the level, and touches nothing else", () => {
    fc.assert(
      fc.property(label, step, (from, how) => {
        const after = declassify(from, how);
        expect(after.level).toBe(how.to);
        expect(after.integrity).toBe(from.integrity);
        expect(after.compartments).toEqual(from.compartments.filter((kind) => !how.removes.includes(kind)));
      }),
    );
  });

  it("where it is legal lowers by one level at most, keeps secret, and never rises", () => {
    fc.assert(
      fc.property(label, step, (from, how) => {
        fc.pre(declassifyMistakes(from, how).length === 0);
        const after = declassify(from, how);
        expect(isAtLeast(from, after)).toBe(true);
        expect(levelOf(from.level) - levelOf(after.level)).toBeLessThanOrEqual(1);
        expect(after.compartments.includes("secret")).toBe(from.compartments.includes("secret"));
      }),
      { numRuns: 500 },
    );
  });

  it("endorses nothing: what an outsider wrote stays untrusted", () => {
    const from = makeLabel({ level: "regulated", compartments: ["pci"] });
    expect(declassify(from, { removes: ["pci"], to: "customer", reason: "r" })).toEqual(makeLabel("customer"));
  });

  it("of every tenant does not reach a named one", () => {
    const from = makeLabel({ level: "customer", compartments: ["tenant:acme"] });
    expect(declassify(from, { removes: ["tenant:*"], to: "customer", reason: "r" }).compartments).toEqual([
      "tenant:acme",
    ]);
  });
});

describe("declassifyMistakes", () => {
  const regulated = makeLabel({ level: "regulated", compartments: ["pci", "secret"] });
  const legal: Declassification = { removes: ["pci"], to: "customer", reason: "what the customer may read" };

  it.each<[string, Partial<Declassification>]>([
    ["one level", {}],
    ["no level", { to: "regulated" }],
    ["nothing but a level", { removes: [] }],
    ["a compartment that the data does not have", { removes: ["phi"] }],
  ])("finds none where it lowers %s", (_name, changes) => {
    expect(declassifyMistakes(regulated, { ...legal, ...changes })).toEqual([]);
  });

  it.each<[string, Partial<Declassification>, readonly string[]]>([
    [
      "two levels",
      { to: "internal" },
      ["from regulated to internal is 2 levels; at most one without a human's approval"],
    ],
    ["secret", { removes: ["secret"] }, ['"secret" can never be removed; do not read it here']],
    [
      "upwards",
      { to: "classified" },
      ['"to" is classified, above the data (regulated); a redaction only lowers, drop it or correct "to"'],
    ],
    ["without a reason", { reason: " " }, ['"reason" is empty; it is what the audit log shows']],
    [
      "everything at once",
      { removes: ["secret"], to: "public", reason: "" },
      [
        '"secret" can never be removed; do not read it here',
        "from regulated to public is 3 levels; at most one without a human's approval",
        '"reason" is empty; it is what the audit log shows',
      ],
    ],
  ])("finds what is illegal in lowering %s", (_name, changes, mistakes) => {
    expect(declassifyMistakes(regulated, { ...legal, ...changes })).toEqual(mistakes);
  });
});

describe("the redaction that is advised for a flow", () => {
  const clearances = fc.record({ level, compartments: fc.subarray([...kinds]) }).map((spec) => makeClearance(spec));

  it("is legal and brings the label within the clearance; there is none where that cannot be", () => {
    fc.assert(
      fc.property(label, clearances, (from, clearance) => {
        const advice = redactionFor(from, clearance);
        const isTooHigh = levelOf(from.level) > levelOf(clearance.level) + 1;
        const needsSecret = uncovered(from, clearance).includes("secret");
        expect(advice === undefined).toBe(flowsTo(from, clearance) || isTooHigh || needsSecret);
        if (advice === undefined) return;
        const [, removed = "", to] = /removes \[(.*)\], to "(\w+)"/.exec(advice) ?? [];
        const removes = JSON.parse(`[${removed}]`) as Compartment[];
        const how = { removes, to: to as Declassification["to"], reason: "r" };
        expect(declassifyMistakes(from, how)).toEqual([]);
        expect(flowsTo(declassify(from, how), clearance)).toBe(true);
      }),
    );
  });
});
