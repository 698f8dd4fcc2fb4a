import { stableHash } from "../common/stable-hash.ts";
import { experiment, withExperiments } from "../policy/experiment.ts";
import { withIdentity, type Policy } from "../policy/policy.ts";
import type { Rule } from "../policy/rule.ts";
import { refOf, versionIn, type Canary, type Standing, type VersionRef } from "./registry-history.ts";

/** A registered version of a model, and the endpoint that serves it. */
export interface Served {
  readonly name: string;
  readonly version: string;
  readonly endpoint: string;
}

const activeModels = "active-models";
const canaryPrefix = "canary.";

/** Longest name of a model, so that its canary has a name too. */
export const longestModelName = 64 - canaryPrefix.length;

/** Names that a registry gives to its own rules. */
export function isRegistryRule(name: string): boolean {
  return name === activeModels || name.startsWith(canaryPrefix);
}

/**
 * A registered policy as runs get it: before its rules, one that removes the endpoints of versions that are not active; among
 * them, one experiment for each model with a canary. Both only remove and order, so a registry opens nothing.
 */
export function servedPolicy(
  policy: Policy,
  models: readonly Served[],
  standingOf: (model: string) => Standing,
): Policy {
  const canaries = [...new Set(models.map(({ name }) => name))].flatMap((model) => {
    const { trail, canary } = standingOf(model);
    const active = trail.at(-1);
    return active === undefined || canary === undefined ? [] : [canaryRule(model, models, { active, canary })];
  });
  const rules = withExperiments([activeModelsRule(models, standingOf), ...policy.rules], ...canaries);
  return withIdentity({ ...policy, rules });
}

/** Its version stands for what is active, so decisions under different activations differ. */
function activeModelsRule(models: readonly Served[], standingOf: (model: string) => Standing): Rule {
  const reasons = new Map<string, string>();
  for (const { name, version, endpoint } of models) {
    const { trail, canary } = standingOf(name);
    const [ref, active] = [refOf(name, version), trail.at(-1)];
    if (ref === active || ref === canary?.ref) continue;
    const instead = active === undefined ? "no version of it is" : `${active} is`;
    reasons.set(endpoint, `serves ${ref}, which is not active; ${instead}`);
  }
  return Object.freeze<Rule>({
    name: activeModels,
    version: stableHash([...reasons], 8),
    apply: (shown) => ({
      removed: shown.flatMap(({ endpoint: { name } }) => {
        const reason = reasons.get(name);
        return reason === undefined ? [] : [{ endpoint: name, reason }];
      }),
    }),
  });
}

interface Split {
  readonly active: VersionRef;
  readonly canary: Canary;
}

function canaryRule(model: string, models: readonly Served[], { active, canary }: Split): Rule {
  const endpointOf = (ref: VersionRef): string => models.find((one) => refOf(one.name, one.version) === ref)!.endpoint;
  return experiment({
    name: `${canaryPrefix}${model}`,
    version: versionIn(canary.ref),
    key: canary.key,
    salt: canary.ref,
    arms: {
      canary: { weight: canary.weight, endpoints: [endpointOf(canary.ref)] },
      active: { weight: 1 - canary.weight, endpoints: [endpointOf(active)] },
    },
  });
}
