/** Scores of the classes for one text, before they are made into probabilities. */
export type Logits = Float64Array;

/**
 * Probabilities of the classes at a temperature: p(k) = exp(z(k)/T) / sum over j of exp(z(j)/T). Above 1 the
 * temperature makes the model humbler, below 1 surer; the order of the classes stays.
 */
export function softmax(logits: Logits, temperature = 1): Float64Array {
  const top = maximum(logits);
  const probabilities = new Float64Array(logits.length);
  let sum = 0;
  for (let k = 0; k < logits.length; k++) {
    const share = Math.exp((logits[k]! - top) / temperature);
    probabilities[k] = share;
    sum += share;
  }
  for (let k = 0; k < probabilities.length; k++) probabilities[k]! /= sum;
  return probabilities;
}

/** Natural logarithm of the probability of one class at a temperature. Finite even where `softmax` gives 0. */
export function logProbability(logits: Logits, temperature: number, index: number): number {
  const top = maximum(logits);
  let sum = 0;
  for (const logit of logits) sum += Math.exp((logit - top) / temperature);
  return (logits[index]! - top) / temperature - Math.log(sum);
}

function maximum(logits: Logits): number {
  let top = -Infinity;
  for (const logit of logits) if (logit > top) top = logit;
  return top;
}

/** Places of the largest value and of the next one; ties go to the lower place. Needs at least two values. */
export function topTwo(values: Float64Array): { readonly best: number; readonly second: number } {
  let best = 0;
  let second = -1;
  for (let k = 1; k < values.length; k++) {
    if (values[k]! > values[best]!) {
      second = best;
      best = k;
    } else if (second < 0 || values[k]! > values[second]!) second = k;
  }
  return { best, second };
}
