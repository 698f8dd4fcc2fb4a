import type { FeatureVector } from "./features.ts";
import type { LinearModel } from "./fit.ts";
import type { Logits } from "./softmax.ts";

/** A linear model in 8 bits a weight: the weight of class k for bucket b is `weights[b * classes + k] * scales[k]`. */
export interface QuantisedModel {
  readonly weights: Int8Array;
  /** One a class, positive. */
  readonly scales: Float32Array;
  readonly biases: Float32Array;
}

const largestStep = 127;

/** Rounds every weight to one of 255 steps between plus and minus the largest of its class. */
export function quantise(model: LinearModel): QuantisedModel {
  const { classCount } = model;
  const scales = new Float32Array(classCount);
  model.weights.forEach((weight, i) => {
    scales[i % classCount] = Math.max(scales[i % classCount]!, Math.abs(weight));
  });
  // A class without any weight has only zeros to scale: any positive number keeps the format simple.
  for (let k = 0; k < classCount; k++) scales[k] = scales[k]! > 0 ? scales[k]! / largestStep : 1;
  const weights = new Int8Array(model.weights.length);
  for (let i = 0; i < weights.length; i++) weights[i] = Math.round(model.weights[i]! / scales[i % classCount]!);
  return { weights, scales, biases: model.biases };
}

/** Scores of one text. Sums in steps and scales once a class at the end. */
export function scoreQuantised(model: QuantisedModel, features: FeatureVector): Logits {
  const { scales, biases } = model;
  const logits = new Float64Array(scales.length);
  sumRows(model.weights, features, logits);
  for (let k = 0; k < logits.length; k++) logits[k] = logits[k]! * scales[k]! + biases[k]!;
  return logits;
}

/**
 * Four rows of weights at a time: loading and storing every sum once a row took a third of a prediction. Not shared with
 * the training: code that meets both 8-bit and 32-bit weights is compiled for neither.
 */
function sumRows(weights: Int8Array, features: FeatureVector, sums: Float64Array): void {
  const { buckets, values } = features;
  const width = sums.length;
  const inFours = buckets.length - (buckets.length % 4);
  for (let i = 0; i < inFours; i += 4) {
    const a = buckets[i]! * width;
    const b = buckets[i + 1]! * width;
    const c = buckets[i + 2]! * width;
    const d = buckets[i + 3]! * width;
    const va = values[i]!;
    const vb = values[i + 1]!;
    const vc = values[i + 2]!;
    const vd = values[i + 3]!;
    for (let k = 0; k < width; k++) {
      sums[k]! += va * weights[a + k]! + vb * weights[b + k]! + vc * weights[c + k]! + vd * weights[d + k]!;
    }
  }
  for (let i = inFours; i < buckets.length; i++) {
    const row = buckets[i]! * width;
    const value = values[i]!;
    for (let k = 0; k < width; k++) sums[k]! += value * weights[row + k]!;
  }
}
