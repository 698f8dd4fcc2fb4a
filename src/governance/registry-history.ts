import { assertNever } from "../common/assert-never.ts";

/** A policy or model of one version, as `name@version`. Names hold no "@". */
export type VersionRef = `${string}@${string}`;

/** One change of what is active: plain data, never changed once it is written. */
export interface RegistryEntry {
  /** Milliseconds since the Unix epoch. */
  readonly atMs: number;
  /** `canary` serves a share of the runs; `rollback` ends it, or goes back to what was active before. */
  readonly action: "activate" | "canary" | "rollback";
  readonly what: "policy" | "model";
  /** What served until then, as `name@version`; missing the first time. A canary leaves it the rest of the runs. */
  readonly from?: VersionRef;
  readonly to: VersionRef;
  /** Share of a canary, above 0 and below 1. */
  readonly weight?: number;
  /** What a canary splits by: the name of a tag, or `runId`. */
  readonly key?: string;
  readonly by: string;
  readonly reason: string;
}

/** A version that serves a share of the runs. */
export interface Canary {
  readonly ref: VersionRef;
  readonly weight: number;
  readonly key: string;
}

/** Where one thing stands: there is one policy, and one of every model. */
export interface Standing {
  /** What was activated for everybody, oldest first; the last one is active, those before it are what rollback goes back to. */
  readonly trail: readonly VersionRef[];
  readonly canary?: Canary;
}

export const nothingActive: Standing = Object.freeze({ trail: Object.freeze([]) });

/** Where things stand after one more change. */
export function after({ trail }: Standing, { action, to, weight = 0, key = "" }: RegistryEntry): Standing {
  switch (action) {
    case "activate":
      return { trail: trail.at(-1) === to ? trail : [...trail, to] };
    case "canary":
      return { trail, canary: { ref: to, weight, key } };
    case "rollback":
      return { trail: trail.slice(0, trail.lastIndexOf(to) + 1) };
    default:
      return assertNever(action, "action of a registry");
  }
}

export function refOf(name: string, version: string): VersionRef {
  return `${name}@${version}`;
}

export function nameIn(ref: VersionRef): string {
  return ref.slice(0, ref.indexOf("@"));
}

export function versionIn(ref: VersionRef): string {
  return ref.slice(ref.indexOf("@") + 1);
}

/** Under which name things stand: `policy`, or `model phi4`. */
export function slotOf({ what, to }: Pick<RegistryEntry, "what" | "to">): string {
  return what === "policy" ? "policy" : `model ${nameIn(to)}`;
}
