import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { DefinitionError } from "../errors.ts";
import { flowsTo, makeClearance, type Clearance, type ClearanceSpec } from "../tiers/clearance.ts";
import { makeLabel, privacyLevels, type Compartment, type Label } from "../tiers/label.ts";
import { endpoint, type Endpoint, type EndpointSpec, type Location } from "./endpoint.ts";
import { locationClearance } from "./location-clearance.ts";
import type { LabelModel } from "./model-like.ts";

const invoke = () => Promise.resolve(0);
const at = (baseURL: string) => ({ invoke, clientConfig: { baseURL } });
const hidden = { invoke, _llmType: () => "anthropic" };
const classifier: LabelModel = {
  kind: "classifier",
  name: "intents",
  version: "1",
  labels: ["a", "b"],
  classify: () => ({ label: "a", rawProbability: 1, probability: 1 }),
};

const everything = {
  level: "classified",
  compartments: ["pii", "phi", "pci", "secret", "tenant:*", "region:eu"],
} as const;
const by = "ops@company.example";
const dataAgreement = { by, reason: "contract of 2026-03-01" };
const attestation = { by, reason: "VPN of rack 7" };
const anonymiser = { name: "digits", redact: (text: string) => text };

function one(spec: Partial<EndpointSpec> & Pick<EndpointSpec, "location">): Endpoint {
  return endpoint("phi", { class: "slm", clearance: everything, model: at("http://phi.internal/v1"), ...spec });
}

function cap(target: Endpoint): Endpoint {
  return locationClearance([target])[0]!;
}

function messageOf(...endpoints: readonly Endpoint[]): string | undefined {
  try {
    locationClearance(endpoints);
  } catch (error) {
    expect(error).toBeInstanceOf(DefinitionError);
    expect(error).toMatchObject({ code: "CATALOG_INVALID" });
    return (error as DefinitionError).message;
  }
  return undefined;
}

describe("what stands inside", () => {
  it.each<[Location, EndpointSpec["model"]]>([
    ["in-process", classifier],
    ["in-process", at("http://localhost:11434")],
    ["edge", at("http://192.168.7.7:8000/v1")],
    ["on-prem", at("http://phi.models.internal/v1")],
    ["on-prem", () => at("http://[fd00::7]/v1")],
  ])("keeps its clearance: %s", (location, model) => {
    const declared = one({ location, model });
    expect(cap(declared)).toBe(declared);
  });

  const inside: readonly Location[] = ["in-process", "edge", "on-prem"];
  it.each(inside)("is refused as %s where its host name is public", (location) => {
    expect(messageOf(one({ location, model: at("https://localhost.evil.com/v1") }))).toBe(
      [
        "locationClearance: 1 problem",
        `  phi: is declared ${location}, but its host name "localhost.evil.com" is public. If it stands there all the same: ` +
          'endpoint("phi", { attestation: { by, reason } }); otherwise declare location: "cloud".',
      ].join("\n"),
    );
  });

  it.each(inside)("is refused as %s where its client shows no address", (location) => {
    for (const model of [hidden, () => hidden, at("phi.internal:8000/v1")])
      expect(messageOf(one({ location, model }))).toBe(
        [
          "locationClearance: 1 problem",
          `  phi: is declared ${location}, but its address cannot be seen. If it stands there all the same: ` +
            'endpoint("phi", { attestation: { by, reason } }); otherwise declare location: "cloud".',
        ].join("\n"),
      );
  });

  it.each([hidden, at("https://vpn.company.example/v1")])("keeps its clearance where somebody attests it", (model) => {
    const declared = one({ location: "on-prem", model, attestation });
    expect(cap(declared)).toBe(declared);
  });
});

describe("what stands in the cloud", () => {
  it("is refused without a data agreement, even where it would see public data only", () => {
    expect(messageOf(one({ location: "cloud", clearance: "public", anonymiser, attestation }))).toBe(
      [
        "locationClearance: 1 problem",
        "  phi: stands in the cloud, and nothing says on what ground it may receive data at all. " +
          'Write endpoint("phi", { dataAgreement: { by, reason } }), or leave it out.',
      ].join("\n"),
    );
  });

  it.each<[ClearanceSpec, Clearance]>([
    [everything, { level: "customer", compartments: ["pii", "region:eu", "tenant:*"] }],
    ["regulated", { level: "customer", compartments: [] }],
    [
      { level: "internal", compartments: ["phi", "pii"] },
      { level: "internal", compartments: ["pii"] },
    ],
  ])("sees customer data at most behind an anonymiser: %j", (clearance, expected) => {
    const declared = one({ location: "cloud", clearance, dataAgreement, anonymiser });
    const capped = cap(declared);
    expect(capped.clearance).toEqual(expected);
    expect(capped.clearanceCap).toEqual({
      from: makeClearance(clearance),
      reason: "a cloud endpoint, by locationClearance",
    });
    expect({ ...capped, clearance: declared.clearance, clearanceCap: undefined }).toEqual({
      ...declared,
      clearanceCap: undefined,
    });
    expect(Object.isFrozen(capped) && Object.isFrozen(capped.clearance)).toBe(true);
  });

  it("sees public data only without one, whatever it declares", () => {
    const capped = cap(one({ location: "cloud", dataAgreement }));
    expect(capped.clearance).toEqual({ level: "public", compartments: [] });
    expect(capped.clearanceCap?.reason).toBe("a cloud endpoint without an anonymiser, by locationClearance");
  });

  it.each<Partial<EndpointSpec>>([
    { clearance: "public" },
    { clearance: { level: "customer", compartments: ["pii"] }, anonymiser },
  ])("stays as it is where it claims no more: %j", (spec) => {
    const declared = one({ location: "cloud", dataAgreement, ...spec });
    expect(cap(declared)).toBe(declared);
  });
});

describe("the preset", () => {
  it("names every mistake at once", () => {
    const named = (name: string, location: Location) =>
      endpoint(name, { class: "slm", location, model: at("https://api.evil.com/v1") });
    expect(messageOf(named("a", "cloud"), one({ location: "on-prem" }), named("b", "edge"))?.split("\n")).toEqual([
      "locationClearance: 2 problems",
      expect.stringMatching(/^ {2}a: stands in the cloud, /),
      expect.stringMatching(/^ {2}b: is declared edge, but its host name "api\.evil\.com" is public\./),
    ]);
  });

  const compartment: readonly Compartment[] = ["pii", "phi", "pci", "secret", "tenant:acme", "tenant:*", "region:eu"];
  const spec = fc.record({ level: fc.constantFrom(...privacyLevels), compartments: fc.subarray([...compartment]) });
  const label: fc.Arbitrary<Label> = spec.map((found) => makeLabel(found));
  interface Place {
    readonly location: Location;
    readonly clearance: ClearanceSpec | undefined;
    readonly anonymised: boolean;
    readonly attested: boolean;
  }
  const anywhere: fc.Arbitrary<Place> = fc.record({
    location: fc.constantFrom<Location[]>("in-process", "edge", "on-prem", "cloud"),
    clearance: fc.option(spec, { nil: undefined }),
    anonymised: fc.boolean(),
    attested: fc.boolean(),
  });

  it("never raises: what flows to a capped endpoint flows to the declared one, too", () => {
    const check = (place: Place, data: Label): void => {
      const { location, clearance, anonymised, attested } = place;
      const declared = endpoint("phi", {
        ...{ class: "slm", location, model: at("http://localhost/v1"), dataAgreement },
        ...(clearance && { clearance }),
        ...(anonymised && { anonymiser }),
        ...(attested && { attestation }),
      });
      const capped = cap(declared);
      if (flowsTo(data, capped.clearance)) expect(flowsTo(data, declared.clearance)).toBe(true);
      if (location !== "cloud") expect(capped).toBe(declared);
      if (location === "cloud" && flowsTo(data, capped.clearance)) {
        expect(["public", "internal", "customer"]).toContain(data.level);
        expect(data.compartments.filter((kind) => ["phi", "pci", "secret"].includes(kind))).toEqual([]);
        if (!anonymised) expect(data).toMatchObject({ level: "public", compartments: [] });
      }
      expect(cap(capped), "a second time").toBe(capped);
    };
    fc.assert(fc.property(anywhere, label, check), { numRuns: 500 });
  });
});
