/**
 * The embedded classifier, `tierwise/embedded`: a small specialised model that runs in the process, without a key, a GPU
 * or a network. It answers with one label of the closed set it was trained on, a probability that is calibrated, and
 * nothing else: it cannot write text. Start at `trainClassifier`; keep the result with `toJSON()` and `loadClassifier`.
 *
 * Imports only `common` and `errors`, and Node's `crypto` through them.
 * @module
 */
import { createClassifier, type Classifier } from "./classifier.ts";
import { decodeModel } from "./serialise.ts";

export { trainClassifier, type TrainingExample, type TrainingOptions } from "./train.ts";
export type { Classification, Classifier } from "./classifier.ts";
export type { ClassifierData } from "./serialise.ts";

/**
 * Restores a classifier from what `toJSON()` gave (a `ClassifierData`), or from its JSON once parsed; the answers are
 * identical to those of the saved one. Runs no code from the data and refuses what is not exactly as it was saved.
 *
 * @throws {TierwiseError} `MODEL_DATA_INVALID` for another format or version, altered bytes, a wrong shape or a number
 * that is not finite
 */
export function loadClassifier(data: unknown): Classifier {
  return createClassifier(decodeModel(data));
}
