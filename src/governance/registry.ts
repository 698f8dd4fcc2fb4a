import type { RunKeys } from "../common/bucket.ts";
import { systemClock, type Clock } from "../common/clock.ts";
import { show } from "../common/names.ts";
import type { Rung } from "../policy/decision.ts";
import type { Policy } from "../policy/policy.ts";
import type { PolicySource } from "../policy/policy-source.ts";
import { MemoryRegistry } from "./memory-registry.ts";
import { readOptions } from "./read-change.ts";
import type { RegistryState } from "./read-state.ts";
import type { RegistryEntry } from "./registry-history.ts";

/** One version of a model: each has an endpoint of its own in the catalog. */
export interface ModelVersion {
  readonly model: string;
  readonly version: string;
  /** Name of the endpoint that serves this version, and no other. */
  readonly endpoint: string;
  readonly class: Rung["class"];
  /** Free, for people and reports, for example `{ trainedOn: "2026-10" }`. @default none */
  readonly tags?: Readonly<Record<string, string>>;
}

/** A policy or a model, by its name. */
export type Subject =
  { readonly policy: string; readonly model?: undefined } | { readonly model: string; readonly policy?: undefined };

/** Who changed what is active, and why. */
export interface Signed {
  readonly by: string;
  readonly reason: string;
}

export type Activation = Subject &
  Signed & {
    readonly version: string;
    /** Only this share of the keys, above 0 and below 1; the rest keeps what is active. @default everybody */
    readonly weight?: number;
    /** Name of a tag of the run, or `"runId"`. Runs without it keep what is active. @default "runId" */
    readonly key?: string;
  };

export type Rollback = Subject &
  Signed & {
    /** A version that was active before. @default the one before this; of a canary, what serves the rest */
    readonly to?: string;
  };

/** What serves now. */
export interface ActiveVersion {
  readonly name: string;
  readonly version: string;
  readonly canary?: { readonly name: string; readonly version: string; readonly weight: number; readonly key: string };
}

export type VersionStatus = "active" | "canary" | "inactive";

export type RegisteredVersion =
  | { readonly what: "policy"; readonly name: string; readonly version: string; readonly status: VersionStatus }
  | {
      readonly what: "model";
      readonly name: string;
      readonly version: string;
      readonly status: VersionStatus;
      readonly endpoint: string;
      readonly class: Rung["class"];
      readonly tags: Readonly<Record<string, string>>;
    };

/**
 * The versions of policies and models, which of them are active, and who changed that. Give it to `createRuntime` as
 * `policy`: a run gets what is active when it starts and keeps it. It selects among policies and removes endpoints, so it can
 * widen nothing. Every mistake in an argument is a {DefinitionError} with all of them at once, and changes nothing.
 */
export interface Registry extends PolicySource {
  addPolicy(policy: Policy): void;
  /** From then on the endpoint is only asked while this version is active; endpoints that no version names are left alone. */
  addModel(version: ModelVersion): void;
  /** Takes effect for runs that start later. A canary that is under way for the same thing ends. */
  activate(activation: Activation): void;
  /** Ends a canary, or goes back to what was active before; once more goes back further. */
  rollback(rollback: Rollback): void;
  active(): { readonly policy: ActiveVersion | undefined; readonly models: readonly ActiveVersion[] };
  /** In the order in which they were added, policies first. @param filter one class of models only */
  list(filter?: { readonly class?: Rung["class"] }): readonly RegisteredVersion[];
  /** Oldest first, also what was restored. */
  history(): readonly RegistryEntry[];
  /** What `restore` takes: plain JSON, which grows by one entry a change. */
  state(): RegistryState;
  /** Add every version first. Only for a registry in which nothing was activated yet. */
  restore(state: RegistryState): void;
  /** @throws {TierwiseError} `RUNTIME_INVALID` when no policy is active */
  policyFor(run: RunKeys): Policy;
}

/**
 * @example
 * ```ts
 * const registry = createRegistry();
 * registry.addPolicy(policyV1);
 * registry.addPolicy(policyV2);
 * registry.activate({ policy: "acme", version: "1", by: "ana", reason: "first release" });
 * const runtime = createRuntime({ catalog, policy: registry });
 * registry.activate({ policy: "acme", version: "2", weight: 0.1, key: "tenant", by: "ana", reason: "canary" });
 * registry.rollback({ policy: "acme", by: "ben", reason: "more escalations than before" });
 * ```
 * @param options its clock dates the history @default the machine's
 */
export function createRegistry(options: { readonly clock?: Clock } = {}): Registry {
  return readOptions(options, "createRegistry", (reader) => {
    reader.only(["clock"]);
    const clock = (reader.get("clock") ?? systemClock) as Clock;
    if (typeof (clock as Partial<Clock>).epochMs !== "function")
      reader.mistake("clock", `expected a clock with epochMs, found ${show(clock)}`);
    return new MemoryRegistry(clock);
  });
}
