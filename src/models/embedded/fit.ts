import type { FeatureVector } from "./features.ts";
import { seededRandom, shuffled } from "./random.ts";
import { type Logits } from "./softmax.ts";

/** One training row: its features and the place of its label. */
export interface Row {
  readonly features: FeatureVector;
  readonly target: number;
}

/** A softmax regression. The weight of class k for bucket b is `weights[b * classCount + k]`. */
export interface LinearModel {
  readonly classCount: number;
  readonly weights: Float32Array;
  readonly biases: Float32Array;
}

export interface FitSettings {
  readonly classCount: number;
  readonly bucketCount: number;
  readonly epochs: number;
  readonly seed: number;
}

/** Falls to 0 in a straight line over the training. */
const learningRate = 1.5;
const biasLearningRate = 0.1;
/** Adagrad's sums start here: from 0 the first rows take steps as large as the learning rate, which hurts small sets. */
const initialSquares = 0.05;
/**
 * Classes with a smaller error than this are not updated: after the first epochs most are small, and training takes
 * little more than half the time.
 */
const negligibleError = 0.003;

/**
 * Softmax regression by stochastic gradient descent, one row at a time, in an order that depends on the seed alone.
 * Adagrad (Duchi et al. 2011) with one sum of squares per bucket rather than per weight: a root per feature and not per
 * feature and class, and no less accurate.
 */
export function fitSoftmax(rows: readonly Row[], settings: FitSettings): LinearModel {
  const { classCount, bucketCount, epochs, seed } = settings;
  const trainer = new Trainer(classCount, bucketCount);
  const random = seededRandom(seed);
  const stepCount = epochs * rows.length;
  let order: readonly Row[] = rows;
  let step = 0;
  for (let epoch = 0; epoch < epochs; epoch++) {
    order = shuffled(order, random);
    for (const row of order) trainer.learn(row, 1 - step++ / stepCount);
  }
  return trainer.model;
}

/** Scores of one text under the model. `into` is overwritten and returned, so that a training step allocates nothing. */
export function scoreRow(model: LinearModel, features: FeatureVector, into: Logits): Logits {
  into.set(model.biases);
  sumRows(model.weights, features, into);
  return into;
}

/** Four rows of weights at a time, as the prediction does it: nearly twice as fast as one. */
function sumRows(weights: Float32Array, features: FeatureVector, sums: Float64Array): void {
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

class Trainer {
  readonly model: LinearModel;
  readonly #squares: Float32Array;
  readonly #errors: Float64Array;
  /** Places of the classes whose error is not negligible in this step. */
  readonly #active: Int32Array;

  constructor(classCount: number, bucketCount: number) {
    const weights = new Float32Array(bucketCount * classCount);
    this.model = { classCount, weights, biases: new Float32Array(classCount) };
    this.#squares = new Float32Array(bucketCount).fill(initialSquares);
    this.#errors = new Float64Array(classCount);
    this.#active = new Int32Array(classCount);
  }

  /** One step of descent. `decay` is the share of the learning rate that is left, 1 to 0. */
  learn(row: Row, decay: number): void {
    const errors = scoreRow(this.model, row.features, this.#errors);
    const squaredError = toErrors(errors, row.target);
    const activeCount = this.#updateBiases(decay * biasLearningRate);
    if (activeCount > 0) this.#updateWeights(row.features, { activeCount, squaredError, rate: decay * learningRate });
  }

  #updateBiases(rate: number): number {
    let activeCount = 0;
    for (let k = 0; k < this.#errors.length; k++) {
      const error = this.#errors[k]!;
      this.model.biases[k]! -= rate * error;
      if (Math.abs(error) > negligibleError) this.#active[activeCount++] = k;
    }
    return activeCount;
  }

  #updateWeights(features: FeatureVector, step: { activeCount: number; squaredError: number; rate: number }): void {
    const { activeCount, squaredError, rate } = step;
    const { classCount, weights } = this.model;
    const squares = this.#squares;
    const errors = this.#errors;
    const active = this.#active;
    for (let i = 0; i < features.buckets.length; i++) {
      const bucket = features.buckets[i]!;
      const value = features.values[i]!;
      const sum = squares[bucket]! + value * value * squaredError;
      squares[bucket] = sum;
      const pace = (rate * value) / Math.sqrt(sum);
      const offset = bucket * classCount;
      for (let a = 0; a < activeCount; a++) weights[offset + active[a]!]! -= pace * errors[active[a]!]!;
    }
  }
}

/** Turns scores into the gradient of the log loss, p(k) - [k is the target], in place; gives its squared length. */
function toErrors(scores: Float64Array, target: number): number {
  let top = -Infinity;
  for (const score of scores) if (score > top) top = score;
  let sum = 0;
  for (let k = 0; k < scores.length; k++) sum += scores[k] = Math.exp(scores[k]! - top);
  let squares = 0;
  for (let k = 0; k < scores.length; k++) {
    const error = scores[k]! / sum - (k === target ? 1 : 0);
    scores[k] = error;
    squares += error * error;
  }
  return squares;
}
