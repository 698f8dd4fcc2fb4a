import { OptionReader } from "../../common/option-reader.ts";
import { TierwiseError } from "../../errors.ts";
import { crossValidate, fitTemperature } from "./calibrate.ts";
import { createClassifier, type Classifier } from "./classifier.ts";
import { createExtractor } from "./features.ts";
import { fitSoftmax, type FitSettings, type Row } from "./fit.ts";
import { quantise } from "./quantise.ts";

/** A text and the label a person gave it. */
export interface TrainingExample {
  readonly text: string;
  /** Not empty; compared exactly, so "Billing" and "billing" are two labels. */
  readonly label: string;
}

export interface TrainingOptions {
  /**
   * Decides the order of the rows and the folds: the same rows and options give the same classifier. 0 to 2^32 - 1.
   * @default 1
   */
  readonly seed?: number;
  /**
   * Passes over the rows, 1 to 1,000.
   * @default 8
   */
  readonly epochs?: number;
  /**
   * Columns that n-grams are hashed into, 16 to 1,048,576. The size in memory is about this many bytes per label.
   * @default 4096
   */
  readonly buckets?: number;
  /**
   * Parts for the cross-validation of the temperature, 2 to 20. All of them are trained for small sets; from 200
   * held-out rows on no further one is.
   * @default 5
   */
  readonly folds?: number;
}

interface Settings {
  readonly seed: number;
  readonly epochs: number;
  readonly bucketCount: number;
  readonly foldCount: number;
}

/**
 * Trains a classifier on labelled texts: softmax regression on hashed n-grams, 8-bit weights, and a temperature that is
 * cross-validated on rows each model did not see.
 *
 * Synchronous: ten labels with forty examples each take around a tenth of a second, ten thousand rows over 77 labels
 * several seconds of a blocked thread; train those ahead of time and save with `toJSON()`. Ten or more examples a label
 * are a fair start. Deterministic for one JavaScript engine.
 *
 * @throws {TierwiseError} `MODEL_DATA_INVALID` for no rows, fewer than two labels, an empty label, a text that is not a
 * string, or an option out of range. The message gives the number of the row and never its text.
 * @example
 * const classifier = trainClassifier([
 *   { text: "I was charged twice", label: "billing" },
 *   { text: "the app does not start", label: "technical" },
 * ]);
 * classifier.classify("charged two times").label; // "billing"
 */
export function trainClassifier(examples: readonly TrainingExample[], options: TrainingOptions = {}): Classifier {
  const { seed, epochs, bucketCount, foldCount } = readOptions(options);
  checkExamples(examples);
  const labels = [...new Set(examples.map((example) => example.label))].sort();
  if (labels.length < 2) throw refuse("expected examples of at least two labels, found one label");
  const settings: FitSettings = { classCount: labels.length, bucketCount, epochs, seed };
  const rows = toRows(examples, labels, bucketCount);
  const temperature = fitTemperature(crossValidate(rows, settings, foldCount));
  return createClassifier({ ...quantise(fitSoftmax(rows, settings)), labels, bucketCount, temperature });
}

function toRows(examples: readonly TrainingExample[], labels: readonly string[], bucketCount: number): readonly Row[] {
  const extract = createExtractor(bucketCount);
  const places = new Map(labels.map((label, place) => [label, place]));
  return examples.map(({ text, label }) => ({ features: extract(text), target: places.get(label)! }));
}

function readOptions(options: TrainingOptions): Settings {
  const mistakes: string[] = [];
  const reader = new OptionReader(options, "options", (path, message) => mistakes.push(`${path}: ${message}`));
  reader.only(["seed", "epochs", "buckets", "folds"]);
  const settings = {
    seed: reader.integer("seed", { fallback: 1, min: 0, max: 2 ** 32 - 1 }),
    epochs: reader.integer("epochs", { fallback: 8, min: 1, max: 1_000 }),
    bucketCount: reader.integer("buckets", { fallback: 4_096, min: 16, max: 2 ** 20 }),
    foldCount: reader.integer("folds", { fallback: 5, min: 2, max: 20 }),
  };
  if (mistakes.length > 0) throw refuse(mistakes.join("; "));
  return settings;
}

/** The types are proved again: rows often come from a file through a cast. */
function checkExamples(examples: unknown): void {
  if (!Array.isArray(examples) || examples.length === 0) throw refuse("expected a list with at least one example");
  // Not forEach, which passes over gaps.
  for (const [i, example] of (examples as readonly unknown[]).entries()) {
    if (typeof example !== "object" || example === null) throw refuse(`example ${i} is not an object`);
    const { text, label } = example as Readonly<Record<string, unknown>>;
    if (typeof text !== "string") throw refuse(`the text of example ${i} is of type ${typeof text}, not a string`);
    if (typeof label !== "string") throw refuse(`the label of example ${i} is of type ${typeof label}, not a string`);
    if (label.trim() === "") throw refuse(`the label of example ${i} is empty`);
  }
}

function refuse(reason: string): TierwiseError {
  return new TierwiseError("MODEL_DATA_INVALID", `A classifier cannot be trained: ${reason}.`);
}
