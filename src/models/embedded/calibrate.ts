import { fitSoftmax, scoreRow, type FitSettings, type Row } from "./fit.ts";
import { seededRandom, shuffled } from "./random.ts";
import { logProbability, type Logits } from "./softmax.ts";

/** What the model said of a row that it was not trained on. */
export interface HeldOut {
  readonly logits: Logits;
  readonly target: number;
}

/** Beyond these a temperature says that the rows are too few, not how sure the model may be. */
const lowestTemperature = 0.05;
const highestTemperature = 20;
/**
 * The logarithm of the temperature is held near 0 as by a normal prior of this width: twenty rows, all of them right,
 * would otherwise prove endless certainty. A few hundred rows outweigh it.
 */
const priorWidth = 0.5;
/** Narrows ln T from 6 to 0.0001. */
const searchSteps = 23;
/** One parameter needs no more: further folds, each a whole training, did not lower the calibration error of small sets. */
const enoughRows = 200;

/**
 * The temperature that makes probabilities honest (temperature scaling, Guo et al. 2017): the one that minimises the
 * log loss on held-out rows plus (ln T)^2 / (2 * 0.5^2). Golden-section search over ln T; between 0.05 and 20. Without
 * rows it is 1, which changes nothing.
 */
export function fitTemperature(rows: readonly HeldOut[]): number {
  if (rows.length === 0) return 1;
  const shrink = (Math.sqrt(5) - 1) / 2;
  let low = Math.log(lowestTemperature);
  let high = Math.log(highestTemperature);
  for (let i = 0; i < searchSteps; i++) {
    const left = high - shrink * (high - low);
    const right = low + shrink * (high - low);
    if (penalisedLoss(rows, left) < penalisedLoss(rows, right)) high = right;
    else low = left;
  }
  return Math.exp((low + high) / 2);
}

function penalisedLoss(rows: readonly HeldOut[], logTemperature: number): number {
  const temperature = Math.exp(logTemperature);
  let loss = (logTemperature / priorWidth) ** 2 / 2;
  for (const { logits, target } of rows) loss -= logProbability(logits, temperature, target);
  return loss;
}

/**
 * Scores of rows by models that did not see them: k-fold cross-validation, stopped once 200 rows are scored. A model
 * is far surer of the rows it learned from, so its own training scores would calibrate nothing.
 */
export function crossValidate(rows: readonly Row[], settings: FitSettings, foldCount: number): readonly HeldOut[] {
  const foldOf = assignFolds(rows, settings.seed, foldCount);
  const heldOut: HeldOut[] = [];
  for (let fold = 0; fold < foldCount && heldOut.length < enoughRows; fold++) {
    const seen = rows.filter((_row, i) => foldOf[i] !== fold);
    const unseen = rows.filter((_row, i) => foldOf[i] === fold);
    if (seen.length === 0 || unseen.length === 0) continue;
    const model = fitSoftmax(seen, settings);
    for (const { features, target } of unseen) {
      heldOut.push({ logits: scoreRow(model, features, new Float64Array(settings.classCount)), target });
    }
  }
  return heldOut;
}

/** A fold for every row, dealt out class by class: otherwise small classes go missing from a fold by chance. */
function assignFolds(rows: readonly Row[], seed: number, foldCount: number): Int32Array {
  const order = shuffled([...rows.keys()], seededRandom(seed));
  order.sort((a, b) => rows[a]!.target - rows[b]!.target);
  const foldOf = new Int32Array(rows.length);
  order.forEach((row, position) => (foldOf[row] = position % foldCount));
  return foldOf;
}
