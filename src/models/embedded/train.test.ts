import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { TierwiseError } from "../../errors.ts";
import { expectedCalibrationError, type ScoredAnswer } from "../../evaluation/selective.ts";
import { trainClassifier, type Classifier, type TrainingExample, type TrainingOptions } from "./index.ts";
import { seededRandom, type Random } from "./random.ts";

const labels = ["access", "billing", "bug", "cancel", "delivery", "invoice", "other", "praise", "refund", "sales"];

/** Made-up texts: of `length` words, the share `signal` comes from the label's own words and the rest from all labels'. */
function sentences(count: number, signal: number, random: Random): readonly TrainingExample[] {
  const pick = (size: number): number => Math.floor(random() * size);
  return Array.from({ length: count }, (_item, i) => {
    const label = labels[i % labels.length]!;
    const words = Array.from({ length: 8 }, () => {
      const owner = random() < signal ? label : labels[pick(labels.length)]!;
      return `${owner.slice(0, 3)}${pick(30).toString(36)}q`;
    });
    return { text: words.join(" "), label };
  });
}

function answers(classifier: Classifier, rows: readonly TrainingExample[]) {
  const results = rows.map((row) => ({ ...classifier.classify(row.text), wanted: row.label }));
  const scored = (pick: (result: (typeof results)[number]) => number): readonly ScoredAnswer[] =>
    results.map((result) => ({ confidence: pick(result), correct: result.label === result.wanted }));
  return { raw: scored((result) => result.rawProbability), calibrated: scored((result) => result.probability) };
}

describe("trainClassifier", () => {
  const tickets = sentences(200, 0.6, seededRandom(7));
  let classifier: Classifier;
  beforeAll(() => {
    classifier = trainClassifier(tickets);
  });

  it("learns ten labels from twenty examples each", () => {
    const { calibrated } = answers(classifier, sentences(500, 0.6, seededRandom(8)));
    const right = calibrated.filter((answer) => answer.correct).length;
    expect(right / 500).toBeGreaterThan(0.9);
  });

  it("says what it is", () => {
    expect(classifier.kind).toBe("classifier");
    expect(classifier.name).toBe("embedded-softmax");
    expect(classifier.version).toMatch(/^[0-9a-f]{12}$/);
    expect(classifier.labels).toEqual(labels);
    expect(Object.isFrozen(classifier) && Object.isFrozen(classifier.labels)).toBe(true);
  });

  it("gives the same classifier for the same rows and seed, and another for another seed", () => {
    expect(trainClassifier(tickets, { seed: 1 }).toJSON()).toEqual(classifier.toJSON());
    expect(trainClassifier(tickets, { seed: 2 }).version).not.toBe(classifier.version);
  });

  it("sorts the labels, so the order of the rows does not show in them", () => {
    const two = trainClassifier([
      { text: "zebra", label: "z" },
      { text: "ant", label: "a" },
    ]);
    expect(two.labels).toEqual(["a", "z"]);
  });

  it("tells texts apart by words, by their neighbours and by their parts", () => {
    const pets = trainClassifier([
      { text: "dog bites man", label: "dog first" },
      { text: "man bites dog", label: "man first" },
      { text: "unbelievable", label: "belief" },
      { text: "transportation", label: "travel" },
    ]);
    expect(pets.classify("dog bites man").label).toBe("dog first");
    expect(pets.classify("man bites dog").label).toBe("man first");
    expect(pets.classify("believably").label).toBe("belief");
  });

  it("reads letter case and compatibility forms as one spelling", () => {
    expect(classifier.classify("ＢＩＬ1Q BIL2Q")).toEqual(classifier.classify("bil1q, bil2q!"));
  });

  it("is less sure of a text unlike any example than of an example", () => {
    const known = classifier.classify(tickets[0]!.text);
    const unknown = classifier.classify("quantum chromodynamics lecture");
    expect(unknown.probability).toBeLessThan(known.probability / 2);
    expect(labels).toContain(unknown.label);
  });

  it("never claims certainty after a handful of rows that happen to be right", () => {
    const few = trainClassifier(sentences(20, 1, seededRandom(3)));
    expect(few.toJSON().temperature).toBeGreaterThan(0.1);
    expect(few.toJSON().temperature).toBeLessThan(10);
  });

  it.each([0.25, 0.4, 0.6])("has probabilities at least as honest after calibration (signal %d)", (signal) => {
    const noisy = trainClassifier(sentences(600, signal, seededRandom(11)));
    const { raw, calibrated } = answers(noisy, sentences(2_000, signal, seededRandom(12)));
    expect(expectedCalibrationError(calibrated)).toBeLessThanOrEqual(expectedCalibrationError(raw));
    expect(expectedCalibrationError(calibrated)).toBeLessThan(0.06);
  });

  it("answers any text with one of its labels and ratios between 0 and 1", () => {
    const text = fc.oneof(
      fc.string({ unit: "binary", maxLength: 200 }),
      fc.string({ unit: "grapheme", maxLength: 50 }),
    );
    fc.assert(
      fc.property(text, (anyText) => expectSound(classifier, anyText)),
      { seed: 1, numRuns: 100 },
    );
  });

  it.each([
    ["nothing", ""],
    ["white space", " \n\t "],
    ["emoji", "👍🏽👩‍👩‍👧‍👦"],
    ["lone surrogates", "\ud800 \udfff\ud83d"],
    ["one million words", "ab ".repeat(333_333)],
    ["one word of a million letters", "x".repeat(1_000_000)],
  ])("answers for %s", (_what, text) => expectSound(classifier, text));

  it("refuses to classify what is not a text, without repeating it", () => {
    expect(() => classifier.classify(4242 as unknown as string)).toThrow(
      expect.objectContaining({ code: "INPUT_INVALID", message: expect.not.stringContaining("4242") as string }),
    );
  });
});

function expectSound(classifier: Classifier, text: string): void {
  const { label, rawProbability, probability, margin } = classifier.classify(text);
  expect(classifier.labels).toContain(label);
  for (const ratio of [rawProbability, probability, margin]) {
    expect(ratio).toBeGreaterThanOrEqual(0);
    expect(ratio).toBeLessThanOrEqual(1);
  }
  expect(probability).toBeGreaterThanOrEqual(1 / classifier.labels.length - 1e-9);
  expect(margin).toBeLessThanOrEqual(probability);
}

describe("trainClassifier refuses", () => {
  const secret = "my card is 4111";
  const good = [
    { text: secret, label: "a" },
    { text: `${secret} too`, label: "b" },
  ];
  const rows = (bad: unknown): readonly TrainingExample[] => [...good, bad as TrainingExample];

  it.each<[string, unknown, RegExp]>([
    ["no rows", [], /at least one example/],
    ["what is not a list", { text: secret, label: "a" }, /list/],
    ["a single label", [good[0]!, good[0]!], /at least two labels/],
    ["an empty label", rows({ text: secret, label: " " }), /label of example 2 is empty/],
    ["a label that is not a string", rows({ text: secret, label: 3 }), /label of example 2 is of type number/],
    ["a text that is not a string", rows({ text: [secret], label: "a" }), /text of example 2 is of type object/],
    ["a row that is not an object", rows(secret), /example 2 is not an object/],
    ["a gap", Object.assign([good[0]!], { 2: good[1]! }), /example 1 is not an object/],
    ["a missing row", rows(null), /example 2 is not an object/],
  ])("%s", (_what, examples, reason) => {
    const error = refusal(() => trainClassifier(examples as readonly TrainingExample[]));
    expect(error.message).toMatch(reason);
    expect(error.message).not.toContain("4111");
  });

  it.each<[string, unknown]>([
    ["epochs of 0", { epochs: 0 }],
    ["negative buckets", { buckets: -4096 }],
    ["a fraction of a bucket", { buckets: 99.5 }],
    ["a single fold", { folds: 1 }],
    ["a seed that is not a number", { seed: Number.NaN }],
    ["a misspelt option", { epoch: 3 }],
    ["options that are not an object", 3],
  ])("%s", (_what, options) => {
    expect(refusal(() => trainClassifier(good, options as TrainingOptions)).message).toContain("options");
  });

  it("several wrong options in one error", () => {
    const { message } = refusal(() => trainClassifier(good, { epochs: 0, buckets: 0 }));
    expect(message).toContain("options.epochs");
    expect(message).toContain("options.buckets");
  });
});

function refusal(action: () => unknown): TierwiseError {
  try {
    action();
  } catch (error) {
    if (TierwiseError.isInstance(error)) {
      expect(error.code).toBe("MODEL_DATA_INVALID");
      return error;
    }
    throw error;
  }
  throw new Error("expected a refusal");
}
