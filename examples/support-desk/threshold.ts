import { chooseThreshold, type ScoredAnswer } from "tierwise";
import { trainClassifier, type TrainingExample } from "tierwise/embedded";

const folds = 5;

/**
 * The confidence from which at least `1 - maxErrorRate` of the accepted answers were right, measured by cross-validation
 * on the training tickets alone: the held-out ones play no part in it. Nothing is accepted when no threshold is that good.
 */
export function thresholdFor(
  examples: readonly TrainingExample[],
  { maxErrorRate, seed }: { maxErrorRate: number; seed: number },
): number {
  const foldOf = stratifiedFolds(examples);
  const answers = Array.from({ length: folds }, (_, fold) => {
    const classifier = trainClassifier(
      examples.filter((_row, index) => foldOf[index] !== fold),
      { seed },
    );
    const held = examples.filter((_row, index) => foldOf[index] === fold);
    return held.map(({ text, label }): ScoredAnswer => {
      const { label: answered, probability } = classifier.classify(text);
      return { confidence: probability, correct: answered === label };
    });
  });
  return Math.min(1, chooseThreshold(answers.flat(), { maxErrorRate }));
}

/** The k-th example of a label goes to fold k modulo `folds`, so that every fold has every label. */
function stratifiedFolds(examples: readonly TrainingExample[]): number[] {
  const seen = new Map<string, number>();
  return examples.map(({ label }) => {
    const count = seen.get(label) ?? 0;
    seen.set(label, count + 1);
    return count % folds;
  });
}
