import { beforeAll, describe, expect, it } from "vitest";
import { stableHash } from "../../common/stable-hash.ts";
import { loadClassifier, trainClassifier, type Classifier, type ClassifierData } from "./index.ts";

const examples = [
  { text: "I was charged twice", label: "billing" },
  { text: "the invoice is wrong", label: "billing" },
  { text: "the app does not start", label: "technical" },
  { text: "it crashes when I log in", label: "technical" },
  { text: "do you ship to Norway", label: "sales" },
  { text: "is there a discount for schools", label: "sales" },
];
const probes = ["", "charged for the app", "👍", "discount?", "log in to see the invoice", "\ud800"];

describe("a saved classifier", () => {
  let classifier: Classifier;
  let data: ClassifierData;
  beforeAll(() => {
    classifier = trainClassifier(examples, { buckets: 256 });
    data = JSON.parse(JSON.stringify(classifier)) as ClassifierData;
  });
  /** Changes members and signs the result again, as an attacker or a faulty tool would. */
  const resigned = (change: Readonly<Record<string, unknown>>): unknown => {
    const content = { ...data, ...change, checksum: undefined };
    return { ...content, checksum: stableHash(content, 64) };
  };
  const expectRefused = (bad: unknown, reason: RegExp): void =>
    expect(() => loadClassifier(bad)).toThrow(
      expect.objectContaining({ code: "MODEL_DATA_INVALID", message: expect.stringMatching(reason) as string }),
    );

  it("gives identical answers after JSON and back", () => {
    const loaded = loadClassifier(data);
    for (const text of probes) expect(loaded.classify(text)).toEqual(classifier.classify(text));
    expect(loaded.version).toBe(classifier.version);
    expect(loaded.toJSON()).toEqual(classifier.toJSON());
  });

  it("holds no training text and cannot be changed from outside", () => {
    expect(JSON.stringify(data)).not.toContain("charged");
    expect(Object.isFrozen(classifier.toJSON())).toBe(true);
    expect(Object.isFrozen(classifier.toJSON().biases)).toBe(true);
  });

  it("has one byte a weight", () => {
    expect(Buffer.from(data.weights, "base64")).toHaveLength(256 * 3);
  });

  it("survives members in another order, and loses unknown ones", () => {
    const reversed = Object.fromEntries([...Object.entries(data), ["extra", 1]].reverse());
    expect(loadClassifier(reversed).toJSON()).toEqual(data);
  });

  it("is refused with any member altered", () => {
    const flipped = (data.weights.startsWith("A") ? "B" : "A") + data.weights.slice(1);
    expectRefused({ ...data, weights: flipped }, /checksum/);
    expectRefused({ ...data, temperature: data.temperature * 2 }, /checksum/);
    expectRefused({ ...data, labels: [...data.labels].reverse() }, /checksum/);
    expectRefused({ ...data, biases: data.biases.map((bias) => bias + 1) }, /checksum/);
    expectRefused({ ...data, checksum: data.checksum.toUpperCase() }, /checksum/);
  });

  it.each(["labels", "buckets", "temperature", "scales", "biases", "weights", "checksum"])(
    "is refused without its %s",
    (key) => expectRefused({ ...data, [key]: undefined }, new RegExp(`"${key}"`)),
  );

  it.each<[string, Readonly<Record<string, unknown>>, RegExp]>([
    ["another format", { format: "onnx" }, /format/],
    ["a later version", { version: 2 }, /version 1/],
    ["weights of another size", { buckets: 128 }, /expected 128 x 3 weights, found 768/],
    ["too few scales", { scales: [1, 1] }, /scales/],
    ["too many biases", { biases: [0, 0, 0, 0] }, /biases/],
    ["a gap in a list", { biases: Object.assign([0], { 2: 0 }) }, /"biases"/],
    ["a scale of zero", { scales: [1, 0, 1] }, /positive/],
    ["NaN, which JSON writes as null", { biases: [0, null, 0] }, /"biases"/],
    ["NaN itself", { biases: [0, Number.NaN, 0] }, /"biases"/],
    ["a number too large for 32 bits", { scales: [1, 1e300, 1] }, /"scales"/],
    ["a temperature of zero", { temperature: 0 }, /"temperature"/],
    ["an endless temperature", { temperature: Infinity }, /"temperature"/],
    ["labels out of order", { labels: ["b", "a", "c"] }, /sorted/],
    ["the same label twice", { labels: ["a", "a", "b"] }, /sorted/],
    ["an empty label", { labels: ["", "a", "b"] }, /"labels"/],
    ["a single label", { labels: ["a"] }, /two labels/],
    ["weights that are not text", { weights: [1, 2, 3] }, /"weights"/],
    ["a negative number of buckets", { buckets: -256 }, /"buckets"/],
  ])("is refused with %s, even under a matching checksum", (_what, change, reason) =>
    expectRefused(resigned(change), reason),
  );

  it.each([undefined, null, 3, "{}", [], {}])("is refused when it is %j", (bad) => expectRefused(bad, /refused/));
});
