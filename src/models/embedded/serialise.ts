import { deepFreeze } from "../../common/freeze.ts";
import { stableHash } from "../../common/stable-hash.ts";
import { TierwiseError } from "../../errors.ts";
import type { QuantisedModel } from "./quantise.ts";

/** Everything the answers of a classifier depend on. */
export interface TrainedModel extends QuantisedModel {
  readonly labels: readonly string[];
  readonly bucketCount: number;
  readonly temperature: number;
}

/** A saved classifier: plain JSON data without training text. About 1.4 bytes a weight (8 bits in base64). */
export interface ClassifierData {
  readonly format: "tierwise-classifier";
  /** Of the format and of the features that the weights belong to. */
  readonly version: 1;
  readonly labels: readonly string[];
  readonly buckets: number;
  readonly temperature: number;
  readonly scales: readonly number[];
  readonly biases: readonly number[];
  /** Base64 of one signed byte a weight, the classes of a bucket side by side. */
  readonly weights: string;
  /** SHA-256, hexadecimal, over the other members. It finds damage; it does not prove who wrote the data. */
  readonly checksum: string;
}

const format = "tierwise-classifier";
const version = 1;

export function encodeModel(model: TrainedModel): ClassifierData {
  const { weights } = model;
  const content = {
    format,
    version,
    labels: [...model.labels],
    buckets: model.bucketCount,
    temperature: model.temperature,
    scales: [...model.scales],
    biases: [...model.biases],
    weights: Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength).toString("base64"),
  } as const;
  return deepFreeze({ ...content, checksum: stableHash(content, 64) });
}

/**
 * Reads saved data back after checking all of it. Only numbers and texts are read: nothing in the data is run.
 * @throws {TierwiseError} `MODEL_DATA_INVALID` for another format or version, a wrong checksum, shape or number
 */
export function decodeModel(data: unknown): TrainedModel {
  const saved = readMembers(data);
  const { checksum, ...content } = saved;
  if (stableHash(content, 64) !== checksum) {
    throw refuse("the checksum does not match, so the data was altered or cut. Load an intact copy or train again");
  }
  const classCount = saved.labels.length;
  if (classCount < 2 || !isSortedAndUnique(saved.labels)) {
    throw refuse("expected at least two labels, sorted, each of them once and not empty");
  }
  const bytes = Buffer.from(saved.weights, "base64");
  if (bytes.length !== saved.buckets * classCount) {
    throw refuse(`expected ${saved.buckets} x ${classCount} weights, found ${bytes.length}`);
  }
  if (saved.scales.length !== classCount || saved.biases.length !== classCount) {
    throw refuse(`expected ${classCount} scales and biases, found ${saved.scales.length} and ${saved.biases.length}`);
  }
  if (!saved.scales.every((scale) => scale > 0)) throw refuse("expected every scale to be positive");
  return {
    labels: [...saved.labels],
    bucketCount: saved.buckets,
    temperature: saved.temperature,
    scales: Float32Array.from(saved.scales),
    biases: Float32Array.from(saved.biases),
    weights: new Int8Array(bytes),
  };
}

/** The members with their types proved; unknown members are dropped. */
function readMembers(data: unknown): ClassifierData {
  if (typeof data !== "object" || data === null) throw refuse("expected the object that toJSON() gave");
  const bag = data as Readonly<Record<string, unknown>>;
  if (bag["format"] !== format) throw refuse(`expected the format "${format}"`);
  if (bag["version"] !== version) {
    throw refuse(`this release reads version ${version} only. Train again, or use the release that saved it`);
  }
  return {
    format,
    version,
    labels: listOf(bag, "labels", isFilledText),
    buckets: member(bag, "buckets", isCount),
    temperature: member(bag, "temperature", isPositive),
    scales: listOf(bag, "scales", isFinite32),
    biases: listOf(bag, "biases", isFinite32),
    weights: member(bag, "weights", isText),
    checksum: member(bag, "checksum", isText),
  };
}

type Check<T> = (value: unknown) => value is T;

function member<T>(bag: Readonly<Record<string, unknown>>, key: string, check: Check<T>): T {
  const value = bag[key];
  if (check(value)) return value;
  throw refuse(`the member "${key}" is missing or of the wrong kind`);
}

function listOf<T>(bag: Readonly<Record<string, unknown>>, key: string, check: Check<T>): readonly T[] {
  return member(bag, key, (value): value is T[] => Array.isArray(value) && Array.from(value).every(check));
}

const isText: Check<string> = (value) => typeof value === "string";
const isFilledText: Check<string> = (value): value is string => isText(value) && value !== "";
const isCount: Check<number> = (value): value is number => Number.isSafeInteger(value) && (value as number) > 0;
const isPositive: Check<number> = (value): value is number => Number.isFinite(value) && (value as number) > 0;
/** Larger numbers would become Infinity in the 32 bits that the model computes with. */
const isFinite32: Check<number> = (value): value is number =>
  typeof value === "number" && Number.isFinite(Math.fround(value));

function isSortedAndUnique(labels: readonly string[]): boolean {
  return labels.every((label, i) => i === 0 || labels[i - 1]! < label);
}

function refuse(reason: string): TierwiseError {
  return new TierwiseError("MODEL_DATA_INVALID", `Classifier data refused: ${reason}.`);
}
