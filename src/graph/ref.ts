import type { Ref } from "./types/values.ts";

/** Where a reference points, inside one graph. */
export type RefSource =
  | { readonly kind: "input" }
  | { readonly kind: "field"; readonly field: string }
  | { readonly kind: "step"; readonly step: string };

/** What a reader does when the referenced step was skipped: see `undefined`, be skipped too, or see another value. */
export type WhenSkipped =
  { readonly kind: "undefined" } | { readonly kind: "skip" } | { readonly kind: "value"; readonly value: unknown };

/** The data behind a `Ref`. */
export interface RefNode {
  readonly source: RefSource;
  readonly whenSkipped: WhenSkipped;
}

const refNode = Symbol("tierwise.ref");
/** Which builder made the reference: refs of one graph mean nothing in another. */
const refOwner = Symbol("tierwise.ref-owner");

interface RefObject {
  readonly id: string;
  readonly [refNode]: RefNode;
  readonly [refOwner]: symbol;
}

export function makeRef<T>(source: RefSource, owner: symbol, whenSkipped: WhenSkipped = { kind: "undefined" }): Ref<T> {
  const id = source.kind === "input" ? "input" : source.kind === "field" ? `input.${source.field}` : source.step;
  const ref: RefObject = { id, [refNode]: Object.freeze({ source, whenSkipped }), [refOwner]: owner };
  return Object.freeze(ref) as unknown as Ref<T>;
}

export function ownerOf(value: unknown): symbol | undefined {
  return isRefObject(value) ? value[refOwner] : undefined;
}

/** @returns the data behind a reference, or `undefined` when the value is no reference. */
export function nodeOf(value: unknown): RefNode | undefined {
  return isRefObject(value) ? value[refNode] : undefined;
}

function isRefObject(value: unknown): value is RefObject {
  return typeof value === "object" && value !== null && refNode in value;
}
