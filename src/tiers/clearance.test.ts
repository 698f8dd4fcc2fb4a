import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  clearanceFor,
  clearanceSource,
  excess,
  flowsTo,
  formatClearance,
  levelBelow,
  makeClearance,
  publicClearance,
  uncovered,
  type Clearance,
} from "./clearance.ts";
import { join, levelOf, makeLabel, privacyLevels, withIntegrity, type Compartment, type Label } from "./label.ts";

const kinds: readonly Compartment[] = ["pii", "phi", "secret", "tenant:acme", "tenant:beta", "tenant:*", "region:eu"];
const spec = fc.record({ level: fc.constantFrom(...privacyLevels), compartments: fc.subarray([...kinds]) });
const label: fc.Arbitrary<Label> = spec.map((own) => makeLabel(own));
const clearance: fc.Arbitrary<Clearance> = spec.map((own) => makeClearance(own));

describe("flowsTo", () => {
  it("is monotone: where a join may go, each of its parts may go", () => {
    fc.assert(
      fc.property(label, label, clearance, (a, b, sink) => {
        expect(flowsTo(join(a, b), sink)).toBe(flowsTo(a, sink) && flowsTo(b, sink));
      }),
    );
  });

  it("never allows a refused flow when level or compartments of the data rise", () => {
    fc.assert(
      fc.property(label, label, clearance, (a, raise, sink) => {
        if (!flowsTo(a, sink)) expect(flowsTo(join(a, raise), sink)).toBe(false);
      }),
    );
  });

  it("never refuses an allowed flow when the clearance rises", () => {
    fc.assert(
      fc.property(label, clearance, clearance, (a, sink, more) => {
        const higher = makeClearance({
          level: levelOf(sink.level) >= levelOf(more.level) ? sink.level : more.level,
          compartments: [...sink.compartments, ...more.compartments],
        });
        if (flowsTo(a, sink)) expect(flowsTo(a, higher)).toBe(true);
      }),
    );
  });

  it("asks nothing about integrity: anybody may receive untrusted data", () => {
    fc.assert(
      fc.property(label, clearance, (a, sink) => {
        expect(flowsTo(withIntegrity(a, "trusted"), sink)).toBe(flowsTo(withIntegrity(a, "untrusted"), sink));
      }),
    );
  });

  it("always allows data to a sink that is cleared for just that data", () => {
    fc.assert(
      fc.property(label, (a) => {
        expect(flowsTo(a, clearanceFor(a))).toBe(true);
      }),
    );
  });

  it("lets only public data without compartments to a sink that declared nothing", () => {
    fc.assert(
      fc.property(label, (a) => {
        expect(flowsTo(a, publicClearance)).toBe(a.level === "public" && a.compartments.length === 0);
      }),
    );
  });

  it.each<[readonly Compartment[], readonly Compartment[], boolean]>([
    [["tenant:acme"], ["tenant:acme"], true],
    [["tenant:acme"], ["tenant:*"], true],
    [["tenant:acme", "tenant:beta"], ["tenant:*"], true],
    [["tenant:*"], ["tenant:*"], true],
    [["tenant:acme"], ["tenant:beta"], false],
    [["tenant:acme"], ["tenant:acme2"], false],
    [["tenant:acme", "tenant:beta"], ["tenant:acme"], false],
    [["tenant:*"], ["tenant:acme"], false],
    [["tenant:acme"], [], false],
    [["pii"], ["tenant:*"], false],
    [["tenant:acme", "pii"], ["tenant:*"], false],
    [["region:eu"], ["region:us"], false],
    [["region:eu"], ["tenant:*"], false],
  ])("of data of %j to a sink cleared for %j: %s", (...[data, cleared, allowed]) => {
    const sink = makeClearance({ level: "customer", compartments: cleared });
    expect(flowsTo(makeLabel({ level: "customer", compartments: data }), sink)).toBe(allowed);
  });
});

describe("excess", () => {
  it("is empty exactly where the data may flow", () => {
    fc.assert(
      fc.property(label, clearance, (a, sink) => {
        expect(excess(a, sink) === "").toBe(flowsTo(a, sink));
      }),
    );
  });

  it.each([
    [makeLabel({ level: "regulated", compartments: ["pii", "pci"] }), makeClearance("internal"), "level +2, pci, pii"],
    [makeLabel("regulated"), makeClearance("customer"), "level +1"],
    [makeLabel({ level: "public", compartments: ["pii"] }), makeClearance("classified"), "pii"],
    [
      makeLabel({ level: "customer", compartments: ["pii", "tenant:acme"] }),
      makeClearance({ level: "customer", compartments: ["tenant:*"] }),
      "pii",
    ],
  ])("of %j over %j is %s", (...[data, sink, text]) => {
    expect(excess(data, sink)).toBe(text);
  });
});

describe("uncovered", () => {
  it("lists what taking out would let the rest flow", () => {
    fc.assert(
      fc.property(label, clearance, (a, sink) => {
        const missing = uncovered(a, sink);
        const rest = makeLabel({ level: sink.level, compartments: a.compartments.filter((c) => !missing.includes(c)) });
        expect(flowsTo(rest, sink)).toBe(true);
        expect(a.compartments).toEqual(expect.arrayContaining([...missing]));
      }),
    );
  });
});

describe("makeClearance", () => {
  it("takes a bare level for no compartments, sorts and drops repeats, and freezes", () => {
    expect(makeClearance("customer")).toEqual({ level: "customer", compartments: [] });
    const made = makeClearance({ level: "customer", compartments: ["pii", "pci", "pii"] });
    expect(made).toEqual({ level: "customer", compartments: ["pci", "pii"] });
    expect(Object.isFrozen(made) && Object.isFrozen(made.compartments)).toBe(true);
  });
});

describe("what a person reads", () => {
  it.each([
    [makeLabel("customer"), '"customer"', "customer{}"],
    [
      makeLabel({ level: "customer", compartments: ["pii", "pci"] }),
      '{ level: "customer", compartments: ["pci", "pii"] }',
      "customer{pci, pii}",
    ],
  ])("for %j is source to paste, and a short form", (...[data, source, short]) => {
    expect(clearanceSource(data)).toBe(source);
    expect(formatClearance(clearanceFor(data))).toBe(short);
  });
});

describe("levelBelow", () => {
  it("is the next lower level, and none below public", () => {
    expect(privacyLevels.map(levelBelow)).toEqual([undefined, "public", "internal", "customer", "regulated"]);
  });
});
