import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  formatLabel,
  isAtLeast,
  isPrivacy,
  join,
  joinAll,
  labelMistake,
  levelOf,
  makeLabel,
  privacyLevels,
  publicTrusted,
  withIntegrity,
  type Compartment,
  type Label,
} from "./label.ts";

const compartments: readonly Compartment[] = ["pii", "phi", "pci", "secret", "tenant:acme", "tenant:beta", "region:eu"];
const label: fc.Arbitrary<Label> = fc
  .record({
    level: fc.constantFrom(...privacyLevels),
    compartments: fc.subarray([...compartments]),
    integrity: fc.constantFrom("trusted" as const, "untrusted" as const),
  })
  .map((spec) => makeLabel(spec));

const property = fc.property;

describe("join", () => {
  it("is commutative", () => {
    fc.assert(
      property(label, label, (a, b) => {
        expect(join(a, b)).toEqual(join(b, a));
      }),
    );
  });

  it("is associative", () => {
    fc.assert(
      property(label, label, label, (a, b, c) => {
        expect(join(join(a, b), c)).toEqual(join(a, join(b, c)));
      }),
    );
  });

  it("is idempotent, and public trusted data changes nothing", () => {
    fc.assert(
      property(label, (a) => {
        expect(join(a, a)).toEqual(a);
        expect(join(a, publicTrusted)).toEqual(a);
      }),
    );
  });

  it("is an upper bound of both", () => {
    fc.assert(
      property(label, label, (a, b) => {
        expect(isAtLeast(join(a, b), a)).toBe(true);
        expect(isAtLeast(join(a, b), b)).toBe(true);
      }),
    );
  });

  it("is the least upper bound: whatever is above both is above it", () => {
    fc.assert(
      property(label, label, label, (a, b, c) => {
        const above = joinAll([a, b, c]);
        expect(isAtLeast(above, join(a, b))).toBe(true);
        if (isAtLeast(c, a) && isAtLeast(c, b)) expect(isAtLeast(c, join(a, b))).toBe(true);
      }),
    );
  });

  it("takes the highest level, all compartments, and the worse integrity", () => {
    const a = makeLabel({ level: "customer", compartments: ["pii"], integrity: "trusted" });
    const b = makeLabel({ level: "internal", compartments: ["phi", "pii"], integrity: "untrusted" });
    expect(join(a, b)).toEqual({ level: "customer", compartments: ["phi", "pii"], integrity: "untrusted" });
  });

  it("gives frozen labels whose compartments are sorted and occur once", () => {
    fc.assert(
      property(label, label, (a, b) => {
        const joined = join(a, b);
        expect(Object.isFrozen(joined) && Object.isFrozen(joined.compartments)).toBe(true);
        expect(joined.compartments).toEqual([...new Set(joined.compartments)].sort());
      }),
    );
  });
});

describe("joinAll", () => {
  it("is the join of all in any order, and public trusted of none", () => {
    fc.assert(
      property(fc.array(label, { maxLength: 5 }), (labels) => {
        expect(joinAll(labels.toReversed())).toEqual(joinAll(labels));
        for (const one of labels) expect(isAtLeast(joinAll(labels), one)).toBe(true);
      }),
    );
    expect(joinAll([])).toEqual(publicTrusted);
  });
});

describe("isAtLeast", () => {
  it("orders partially: reflexive, antisymmetric, transitive", () => {
    fc.assert(
      property(label, label, label, (a, b, c) => {
        expect(isAtLeast(a, a)).toBe(true);
        if (isAtLeast(a, b) && isAtLeast(b, a)) expect(a).toEqual(b);
        if (isAtLeast(a, b) && isAtLeast(b, c)) expect(isAtLeast(a, c)).toBe(true);
      }),
    );
  });

  it("agrees with join", () => {
    fc.assert(
      property(label, label, (a, b) => {
        const sum = join(a, b);
        expect(isAtLeast(a, b)).toBe(JSON.stringify(sum) === JSON.stringify(a));
      }),
    );
  });
});

describe("makeLabel", () => {
  it("is untrusted and without compartments unless it says otherwise", () => {
    expect(makeLabel("customer")).toEqual({ level: "customer", compartments: [], integrity: "untrusted" });
    expect(makeLabel({ level: "internal" }, "trusted").integrity).toBe("trusted");
    expect(makeLabel({ level: "internal", integrity: "untrusted" }, "trusted").integrity).toBe("untrusted");
  });
});

describe("withIntegrity", () => {
  it("changes nothing else", () => {
    const a = makeLabel({ level: "customer", compartments: ["pii"] });
    expect(withIntegrity(a, "trusted")).toEqual({ ...a, integrity: "trusted" });
    expect(withIntegrity(a, "untrusted")).toBe(a);
  });
});

describe("levels", () => {
  it("are ordered as they are listed, and nothing else is one", () => {
    expect(privacyLevels.map(levelOf)).toEqual([0, 1, 2, 3, 4]);
    expect([...privacyLevels, "secret", "", undefined].map(isPrivacy)).toEqual([
      ...Array<boolean>(5).fill(true),
      false,
      false,
      false,
    ]);
  });
});

describe("formatLabel", () => {
  it.each([
    [makeLabel("public"), "public{}", "public{} untrusted"],
    [makeLabel({ level: "customer", compartments: ["pii"] }), "customer{pii}", "customer{pii} untrusted"],
    [
      makeLabel({ level: "regulated", compartments: ["pii", "pci"] }, "trusted"),
      "regulated{pci, pii}",
      "regulated{pci, pii} trusted",
    ],
  ])("writes %j as %s", (...[one, short, long]) => {
    expect(formatLabel(one)).toBe(short);
    expect(formatLabel(one, one.integrity)).toBe(long);
  });
});

const levelRule = "expected a privacy level (public, internal, customer, regulated, classified), found";
const compartmentRule = 'expected compartments "pii", "phi", "pci", "secret", "tenant:<id>" or "region:<id>", found';

describe("labelMistake", () => {
  it.each<[unknown]>([
    ["public"],
    ["classified"],
    [{ level: "customer" }],
    [{ level: "customer", compartments: [] }],
    [{ level: "customer", compartments: ["pii", "phi", "pci", "secret"], integrity: "trusted" }],
    [{ level: "internal", compartments: ["tenant:*", "tenant:acme-1.eu_2", "region:eu"] }],
    [makeLabel("public")],
  ])("finds none in %j", (spec) => {
    expect(labelMistake(spec)).toBeUndefined();
  });

  it.each<[unknown, string]>([
    ["custmer", `${levelRule} "custmer"`],
    ["Customer", `${levelRule} "Customer"`],
    ["", `${levelRule} ""`],
    [undefined, "expected a privacy level or { level, compartments }, found undefined"],
    [null, "expected a privacy level or { level, compartments }, found null"],
    [3, "expected a privacy level or { level, compartments }, found 3"],
    [{}, `${levelRule} undefined`],
    [["customer"], `${levelRule} undefined`],
    [{ level: 2 }, `${levelRule} 2`],
    [{ level: "customer", compartments: "pii" }, 'expected an array of compartments, found "pii"'],
    [{ level: "customer", compartments: ["PII"] }, `${compartmentRule} "PII"`],
    [{ level: "customer", compartments: ["pii", "ssn"] }, `${compartmentRule} "ssn"`],
    [{ level: "customer", compartments: ["tenant:"] }, `${compartmentRule} "tenant:"`],
    [{ level: "customer", compartments: ["tenant:a b"] }, `${compartmentRule} "tenant:a b"`],
    [{ level: "customer", compartments: ["tenant:a*"] }, `${compartmentRule} "tenant:a*"`],
    [{ level: "customer", compartments: ["region:*"] }, `${compartmentRule} "region:*"`],
    [{ level: "customer", compartments: ["pii\n"] }, `${compartmentRule} "pii\\n"`],
    [{ level: "customer", compartments: [null] }, `${compartmentRule} null`],
    [{ level: "customer", compartments: [undefined] }, `${compartmentRule} undefined`],
    [{ level: "customer", integrity: "yes" }, 'expected integrity "trusted" or "untrusted", found "yes"'],
    [
      { level: "customer", compartment: ["pii"] },
      'unknown member "compartment"; known are level, compartments, integrity',
    ],
  ])("finds the one in %j", (spec, mistake) => {
    expect(labelMistake(spec)).toBe(mistake);
  });

  it("echoes no more than the beginning of a text", () => {
    expect(labelMistake("x".repeat(100))).toBe(`${levelRule} "${"x".repeat(40)}…"`);
  });
});
