import { bucketOf, keyOf, type RunKeys } from "../common/bucket.ts";
import type { Clock } from "../common/clock.ts";
import { deepFreeze } from "../common/freeze.ts";
import { TierwiseError } from "../errors.ts";
import type { Policy } from "../policy/policy.ts";
import { readActivation, readOptions, readRollback, type Change, type Inventory } from "./read-change.ts";
import { readState, type RegistryState } from "./read-state.ts";
import { readModel, readPolicy, type RegisteredModel } from "./read-version.ts";
import type {
  Activation,
  ActiveVersion,
  ModelVersion,
  RegisteredVersion,
  Registry,
  Rollback,
  VersionStatus,
} from "./registry.ts";
import {
  after,
  nameIn,
  nothingActive,
  refOf,
  slotOf,
  versionIn,
  type Canary,
  type RegistryEntry,
  type Standing,
  type VersionRef,
} from "./registry-history.ts";
import { servedPolicy } from "./served-policy.ts";

/** A registry of this process. What is active follows from the history alone. */
export class MemoryRegistry implements Registry {
  readonly #clock: Clock;
  readonly #policies = new Map<VersionRef, Policy>();
  readonly #models = new Map<VersionRef, RegisteredModel>();
  readonly #history: RegistryEntry[] = [];
  readonly #standings = new Map<string, Standing>();
  /** The same object until something changes: runtimes remember what they planned for it. */
  readonly #served = new Map<VersionRef, Policy>();
  readonly #inventory: Inventory = {
    registered: (what) => [...(what === "policy" ? this.#policies : this.#models).keys()],
    standing: (slot) => this.#standing(slot),
  };

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  addPolicy(policy: Policy): void {
    const { name, version } = readPolicy(policy, this.#policies);
    this.#policies.set(refOf(name, version), policy);
  }

  addModel(version: ModelVersion): void {
    const model = readModel(version, this.#models);
    this.#models.set(refOf(model.name, model.version), model);
    this.#served.clear();
  }

  activate(activation: Activation): void {
    this.#commit(readActivation(activation, this.#inventory));
  }

  rollback(rollback: Rollback): void {
    this.#commit(readRollback(rollback, this.#inventory));
  }

  active(): ReturnType<Registry["active"]> {
    const models = [...new Set([...this.#models.values()].map(({ name }) => name))];
    return {
      policy: activeIn(this.#standing("policy")),
      models: models.flatMap((name) => activeIn(this.#standing(`model ${name}`)) ?? []),
    };
  }

  list({ class: wanted }: NonNullable<Parameters<Registry["list"]>[0]> = {}): readonly RegisteredVersion[] {
    const policies = [...this.#policies.values()].map(
      ({ name, version }) => ({ what: "policy", name, version }) as const,
    );
    const models = [...this.#models.values()];
    const listed = wanted === undefined ? [...policies, ...models] : models.filter((model) => model.class === wanted);
    return listed.map((one) => Object.freeze({ ...one, status: this.#status(one) }));
  }

  history(): readonly RegistryEntry[] {
    return Object.freeze([...this.#history]);
  }

  state(): RegistryState {
    return Object.freeze({ format: 1, history: this.history() });
  }

  restore(state: RegistryState): void {
    readOptions({}, "restore", (reader) => {
      const count = this.#history.length;
      if (count > 0)
        reader.mistake("state", `${count} changes were made here already; restore before the first activate`);
    });
    for (const entry of readState(state, this.#inventory.registered)) this.#append(entry);
  }

  policyFor(run: RunKeys): Policy {
    const { trail, canary } = this.#standing("policy");
    const active = trail.at(-1);
    if (active === undefined)
      throw new TierwiseError(
        "RUNTIME_INVALID",
        "registry: no policy is active; addPolicy(...) it and activate({ policy, version, by, reason })",
      );
    return this.#serve(canary !== undefined && isInCanary(canary, run) ? canary.ref : active);
  }

  #serve(ref: VersionRef): Policy {
    const remembered = this.#served.get(ref);
    if (remembered !== undefined) return remembered;
    const standingOf = (model: string): Standing => this.#standing(`model ${model}`);
    const served = servedPolicy(this.#policies.get(ref)!, [...this.#models.values()], standingOf);
    this.#served.set(ref, served);
    return served;
  }

  #standing(slot: string): Standing {
    return this.#standings.get(slot) ?? nothingActive;
  }

  #commit(change: Change): void {
    this.#append(Object.freeze({ atMs: this.#clock.epochMs(), ...change }));
  }

  #append(entry: RegistryEntry): void {
    const slot = slotOf(entry);
    this.#history.push(entry);
    this.#standings.set(slot, after(this.#standing(slot), entry));
    this.#served.clear();
  }

  #status({ what, name, version }: Pick<RegisteredVersion, "what" | "name" | "version">): VersionStatus {
    const ref = refOf(name, version);
    const { trail, canary } = this.#standing(slotOf({ what, to: ref }));
    if (trail.at(-1) === ref) return "active";
    return canary?.ref === ref ? "canary" : "inactive";
  }
}

/** The same hash as that of experiments: sticky, and growing a canary moves nobody out of it. */
function isInCanary({ ref, weight, key }: Canary, run: RunKeys): boolean {
  const value = keyOf(run, key);
  return value !== undefined && bucketOf({ name: "policy", salt: ref, key: value }) < weight;
}

function activeIn({ trail, canary }: Standing): ActiveVersion | undefined {
  const active = trail.at(-1);
  if (active === undefined) return undefined;
  const named = (ref: VersionRef) => ({ name: nameIn(ref), version: versionIn(ref) });
  const { ref, weight = 0, key = "" } = canary ?? {};
  return deepFreeze({ ...named(active), ...(ref !== undefined && { canary: { ...named(ref), weight, key } }) });
}
