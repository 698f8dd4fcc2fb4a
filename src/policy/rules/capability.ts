import type { Candidate } from "../../catalog/candidate.ts";
import type { Requirements } from "../../tiers/demands.ts";
import { canClassify, type StepFacts } from "../facts.ts";
import type { Rule } from "../rule.ts";
import { removeWhere } from "./removal.ts";

/** Removes what cannot do the work at all, and what is not known to do what the author requires. */
export const capabilityRule: Rule = {
  name: "capability",
  version: "2",
  apply: (candidates, facts) => ({ removed: removeWhere(candidates, (candidate) => inability(candidate, facts)) }),
};

function inability({ capabilities }: Candidate, facts: StepFacts): string | undefined {
  if (capabilities.onlyLabels !== undefined) {
    if (facts.needs.labels === undefined) return "only classifies; the step writes";
    if (!canClassify(capabilities, facts)) return "was trained on other labels than the step's";
    // The rest is about chat models: a classifier answers its labels, with a probability.
    return facts.requires && unspoken(capabilities, facts.requires);
  }
  if (facts.needs.tools && !capabilities.tools) return "does not call tools";
  const { contextTokens } = capabilities;
  if (contextTokens !== undefined && contextTokens <= facts.needs.maxOutputTokens)
    return `holds ${contextTokens} tokens, less than the output limit`;
  return facts.requires === undefined ? undefined : unmet(capabilities, facts.requires);
}

/** A requirement is met by what is known: a promise cannot rest on a guess. */
function unmet(
  { tools, jsonSchema, logprobs, toolsWithLogprobs, contextTokens, languages }: Candidate["capabilities"],
  requires: Requirements,
): string | undefined {
  if (requires.tools === true && !tools) return "does not call tools, which the step requires";
  if (requires.jsonSchema === true && !jsonSchema) return "takes no JSON Schema natively, which the step requires";
  if (requires.logprobs === true && !logprobs) return "returns no log-probabilities, which the step requires";
  if (requires.logprobs === true && requires.tools === true && toolsWithLogprobs !== true)
    return "is not known to return log-probabilities together with tools, which the step requires";
  if (requires.contextTokens !== undefined && !(contextTokens !== undefined && contextTokens >= requires.contextTokens))
    return `holds ${contextTokens ?? "an unknown number of"} tokens; the step requires ${requires.contextTokens}`;
  return unspoken({ languages }, requires);
}

function unspoken({ languages }: Pick<Candidate["capabilities"], "languages">, requires: Requirements) {
  const missing = requires.languages?.find((language) => !speaks(languages, language));
  return missing === undefined ? undefined : `is not known to be good at "${missing}", which the step requires`;
}

/** `de` covers `de-AT`, not the other way round. */
function speaks(languages: readonly string[] | undefined, wanted: string): boolean {
  if (languages === undefined || languages.includes(wanted)) return languages !== undefined;
  const tag = wanted.toLowerCase();
  return languages.some((own) => tag === own.toLowerCase() || tag.startsWith(`${own.toLowerCase()}-`));
}
