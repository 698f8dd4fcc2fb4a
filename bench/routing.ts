import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import {
  averageGapRecovered,
  callPerformanceThreshold,
  oracleRouted,
  randomlyRouted,
  relativeCostAtQuality,
  routingCurve,
  type CallCosts,
  type RoutedAnswer,
} from "../src/evaluation/routing.ts";
import { percentile } from "../src/evaluation/selective.ts";
import { seededRandom, shuffled } from "../src/models/embedded/random.ts";

const dataFolder = process.env["TIERWISE_DATA"] ?? join(import.meta.dirname, "../../shared/data");
const file = join(dataFolder, "routellm/mmlu.csv");
const splits = 200;
const wantedApgr = 0.67;
const wantedQuality = 0.95;
const declaredTier = "declared tier (subject's gain)";

/**
 * The strong model is right on 3 % of these 270 questions, the weak one on 32 %: more likely answers that were not read
 * than a model that cannot do them. The bar is on all rows, as are the figures it comes from; a router that learns to
 * avoid this one subject gains by it, so the figure without it is shown as well.
 */
const oddSubject = "high_school_mathematics";

/**
 * USD per million tokens as the authors of the data estimate them for GPT-4 and Mixtral-8x7B (Ong et al. 2024, RouteLLM,
 * cost analysis): a ratio of 103. Only the ratio counts, and not much: at 20 the costs below would be 0.01 to 0.04 higher.
 */
const prices: CallCosts = { kind: "router", weakCostUsd: 0.24, strongCostUsd: 24.7 };

/** What is known of a question before a model is asked. */
interface Prompt {
  readonly subject: string;
  readonly promptChars: number;
}

/** A question of MMLU, answered by both models. */
interface Question extends Prompt {
  readonly weakRight: boolean;
  readonly strongRight: boolean;
}

/** The higher, the sooner a question goes to the strong model. Its type keeps the answers to the question out of it. */
type Score = (prompt: Prompt) => number;

/** How much a question of the training half needed the strong model. */
type Need = (question: Question) => number;

/** Figures of one split; ratios, 0 to 1, but for an APGR, which may lie outside. */
interface Measured {
  readonly apgr: number;
  readonly cpt50: number;
  readonly cpt80: number;
  readonly cost: number;
}

/** A way to put the questions of the test half in order, given the training half. */
type Router = (train: readonly Question[], test: readonly Question[]) => readonly RoutedAnswer[];

const gain: Need = (question) => Number(question.strongRight) - Number(question.weakRight);
const weakError: Need = (question) => Number(!question.weakRight);

/**
 * The declared tier is the subject, known before any model is asked. A tier is worth as much as the strong model gains
 * on it, P(strong right) - P(weak right): sending the largest gain first is what raises a(f) fastest. How often the weak
 * model errs, the other candidate, is shown for comparison: where the weak one errs most, the strong one often does too.
 */
const routers = {
  [declaredTier]: (train, test) => scored(test, bySubject(train, gain)),
  "subject's weak error only": (train, test) => scored(test, bySubject(train, weakError)),
  "longest prompt first": (_train, test) => scored(test, (question) => question.promptChars),
  random: (_train, test) => randomlyRouted(scored(test, () => 0)),
  oracle: (_train, test) => oracleRouted(scored(test, () => 0)),
} as const satisfies Readonly<Record<string, Router>>;

/** Measures routing by declared tier against its bar. Gives false when it is missed. */
export function run(): boolean {
  if (!existsSync(file)) {
    console.log(`Skipped: no ${file}. Set TIERWISE_DATA to the folder that has routellm/mmlu.csv.`);
    return true;
  }
  const questions = readQuestions();
  const perRouter = measureAll(questions);
  console.log(
    `RouteLLM MMLU: ${questions.length} questions in ${splits} random halves, one to learn the tiers and one to test. ` +
      "Mean (5 to 95 % of the splits).",
  );
  console.table(Object.fromEntries([...perRouter].map(([name, rows]) => [name, show(rows)])));
  const apgr = declaredTierApgr(perRouter);
  const sound = declaredTierApgr(measureAll(questions.filter(({ subject }) => subject !== oddSubject)));
  const met = apgr >= wantedApgr;
  const name = "APGR of the declared tier";
  console.table([
    { bar: name, wanted: `>= ${wantedApgr}`, measured: apgr.toFixed(3), met: met ? "yes" : "no" },
    { bar: `${name}, without ${oddSubject}`, wanted: "shown only", measured: sound.toFixed(3), met: "" },
  ]);
  return met;
}

function declaredTierApgr(perRouter: ReadonlyMap<string, readonly Measured[]>): number {
  return mean(perRouter.get(declaredTier)!.map((row) => row.apgr));
}

/** Every router on the same splits, so that they differ by the router alone. */
function measureAll(questions: readonly Question[]): ReadonlyMap<string, readonly Measured[]> {
  const halves = Array.from({ length: splits }, (_split, seed) => {
    const mixed = shuffled(questions, seededRandom(seed));
    const cut = Math.floor(mixed.length / 2);
    return { train: mixed.slice(0, cut), test: mixed.slice(cut) };
  });
  const measured = Object.entries(routers).map(
    ([name, route]) => [name, halves.map(({ train, test }) => measure(route(train, test)))] as const,
  );
  return new Map(measured);
}

/** Costs and thresholds are read off the test half in hindsight, for every router alike: what its ranking allows. */
function measure(rows: readonly RoutedAnswer[]): Measured {
  const curve = routingCurve(rows);
  const ifStronger = (value: number | undefined): number => {
    if (value === undefined) throw new Error("The strong model is not stronger on this half of the questions.");
    return value;
  };
  return {
    apgr: ifStronger(averageGapRecovered(curve)),
    cpt50: ifStronger(callPerformanceThreshold(curve, 0.5)),
    cpt80: ifStronger(callPerformanceThreshold(curve, 0.8)),
    cost: relativeCostAtQuality(curve, wantedQuality, prices),
  };
}

function scored(questions: readonly Question[], score: Score): readonly RoutedAnswer[] {
  return questions.map((question) => ({
    score: score(question),
    weakRight: question.weakRight,
    strongRight: question.strongRight,
  }));
}

/**
 * The mean need of a subject, drawn towards the mean of all as far as its few questions deserve (empirical Bayes):
 * (sum + k * overall mean) / (n + k), k = variance within subjects / variance between them. A subject that the training
 * half lacks gets the overall mean. Sees the training half alone, `k` included.
 */
function bySubject(train: readonly Question[], need: Need): Score {
  const groups = Map.groupBy(train, (question) => question.subject);
  const needs = [...groups].map(([subject, group]) => [subject, group.map(need)] as const);
  const overall = mean(train.map(need));
  const k = shrinkage(
    [...groups.values()].map((group) => group.map(need)),
    overall,
  );
  const shrunk = new Map(
    needs.map(([subject, values]) => [subject, overall + pull(values.length, k) * (mean(values) - overall)]),
  );
  return (question) => shrunk.get(question.subject) ?? overall;
}

/** n / (n + k): how much of its own mean a group keeps. Nothing where groups do not differ (k infinite). */
function pull(size: number, k: number): number {
  return k === Infinity ? 0 : size / (size + k);
}

/** Variance within over variance between, by one-way analysis of variance with random effects and unequal groups. */
function shrinkage(groups: readonly (readonly number[])[], overall: number): number {
  const sizes = groups.map((values) => values.length);
  const n = sum(sizes);
  const within = sum(groups.map((values) => squaredSpread(values)));
  const between = sum(groups.map((values) => values.length * (mean(values) - overall) ** 2));
  const meanWithin = within / (n - groups.length);
  const meanBetween = between / (groups.length - 1);
  const typicalSize = (n - sum(sizes.map((size) => size ** 2)) / n) / (groups.length - 1);
  const variance = (meanBetween - meanWithin) / typicalSize;
  return variance > 0 ? meanWithin / variance : Infinity;
}

function squaredSpread(values: readonly number[]): number {
  const centre = mean(values);
  return sum(values.map((value) => (value - centre) ** 2));
}

function show(rows: readonly Measured[]): Readonly<Record<string, string>> {
  const range = (pick: (row: Measured) => number): string => {
    const values = rows.map(pick);
    const [low, high] = [percentile(values, 0.05), percentile(values, 0.95)];
    return `${mean(values).toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`;
  };
  return {
    APGR: range((row) => row.apgr),
    "CPT 50 %": range((row) => row.cpt50),
    "CPT 80 %": range((row) => row.cpt80),
    "cost at 95 % quality": range((row) => row.cost),
  };
}

/** The file has no quoted fields. Rows are found by their heading, so that a new column does no harm. */
function readQuestions(): readonly Question[] {
  const [heading = "", ...lines] = readFileSync(file, "utf8").trimEnd().split(/\r?\n/);
  const names = heading.split(",");
  return lines.map((line, i) => {
    const cells = line.split(",");
    const cell = (name: string): string => {
      const value = cells[names.indexOf(name)];
      if (value === undefined) throw new Error(`${file}: row ${i + 1} has no ${name}`);
      return value;
    };
    return {
      subject: cell("subject"),
      promptChars: Number(cell("prompt_chars")),
      weakRight: cell("weak_correct") === "1",
      strongRight: cell("strong_correct") === "1",
    };
  });
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}
