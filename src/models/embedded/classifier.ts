import { TierwiseError } from "../../errors.ts";
import { createExtractor, type FeatureExtractor } from "./features.ts";
import { scoreQuantised } from "./quantise.ts";
import { encodeModel, type ClassifierData, type TrainedModel } from "./serialise.ts";
import { softmax, topTwo } from "./softmax.ts";

/** Answer of a classifier for one text. Every number is a ratio, 0 to 1. */
export interface Classification {
  /** Always one of the classifier's labels, for any text. */
  readonly label: string;
  /** Probability of the label as the model computes it: often too sure or not sure enough. */
  readonly rawProbability: number;
  /**
   * Calibrated probability that the label is right: of many answers at 0.9, nine in ten are. It holds for texts like
   * those of the training; for a text of another kind a low value is the only way to say "none of these".
   */
  readonly probability: number;
  /** `probability` minus the calibrated probability of the second-best label. */
  readonly margin: number;
}

/**
 * A small trained model over a closed set of labels. Immutable; its answers depend on the text alone, so one instance
 * can serve any number of runs.
 */
export interface Classifier {
  readonly kind: "classifier";
  /** Short id of the model family. */
  readonly name: string;
  /** First 12 hexadecimal digits of the checksum over everything the answers depend on. */
  readonly version: string;
  /** Sorted by code unit, at least two. */
  readonly labels: readonly string[];
  /**
   * The most likely label, by hashed words and characters. Tens of microseconds for a sentence, and linear in the
   * length of the text. Synchronous; nothing leaves the process.
   * @throws {TierwiseError} `INPUT_INVALID` when `text` is not a string
   */
  classify(text: string): Classification;
  /** Plain data for `loadClassifier`; `JSON.stringify(classifier)` uses it. Holds the labels, but no training text. */
  toJSON(): ClassifierData;
}

/** Wraps a model whose numbers are already known to be sound. */
export function createClassifier(model: TrainedModel): Classifier {
  return new EmbeddedClassifier(model);
}

class EmbeddedClassifier implements Classifier {
  readonly kind = "classifier";
  readonly name = "embedded-softmax";
  readonly version: string;
  readonly labels: readonly string[];
  readonly #model: TrainedModel;
  readonly #data: ClassifierData;
  readonly #extract: FeatureExtractor;

  constructor(model: TrainedModel) {
    this.#model = model;
    this.#data = encodeModel(model);
    this.#extract = createExtractor(model.bucketCount);
    this.version = this.#data.checksum.slice(0, 12);
    this.labels = this.#data.labels;
    Object.freeze(this);
  }

  classify(text: string): Classification {
    if (typeof text !== "string") {
      throw new TierwiseError("INPUT_INVALID", `classify() expects a text, found a value of type ${typeof text}.`);
    }
    const logits = scoreQuantised(this.#model, this.#extract(text));
    const raw = softmax(logits);
    const calibrated = softmax(logits, this.#model.temperature);
    const { best, second } = topTwo(logits);
    return {
      label: this.labels[best]!,
      rawProbability: raw[best]!,
      probability: calibrated[best]!,
      margin: calibrated[best]! - calibrated[second]!,
    };
  }

  toJSON(): ClassifierData {
    return this.#data;
  }
}
