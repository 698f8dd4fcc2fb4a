import type { Candidate } from "../../catalog/candidate.ts";
import { show } from "../../common/names.ts";
import { OptionReader, type Report } from "../../common/option-reader.ts";
import { DefinitionError, type Problem } from "../../errors.ts";
import { isComplex, isSensitive, type StepFacts } from "../facts.ts";
import type { Rule, RuleOutcome } from "../rule.ts";
import { preferWithinClass, removeWhere } from "./removal.ts";

/** Tokens a month at which the cheapest plan changes. */
export interface VolumeBands {
  /** Below it, complex steps go to the large model alone. @default 5,000,000 */
  readonly hybridFrom: number;
  /** From it on, small models on own hardware come before hosted ones. @default 30,000,000 */
  readonly ownSlmFrom: number;
  /** From it on, large models on own hardware come before hosted ones. @default 100,000,000 */
  readonly ownLlmFrom: number;
}

/** Source: decision-framework.md 4.6, "Break-even volume": soft bands that hold against a frontier API only. */
export const defaultVolumeBands: VolumeBands = Object.freeze({
  hybridFrom: 5_000_000,
  ownSlmFrom: 30_000_000,
  ownLlmFrom: 100_000_000,
});

/**
 * Prefers by volume, where one is declared and the data is not sensitive. Soft: it never removes the last endpoint of a
 * step. Compute your own bands with `breakEvenVolume`. Source: decision-framework.md 4.2, rule 5.
 * @throws {DefinitionError} `RUNTIME_INVALID`, with every mistake at once, for bands that are missing or no volumes
 */
export function volumeRule(bands: VolumeBands = defaultVolumeBands): Rule {
  checkBands(bands);
  return {
    name: "volume",
    version: "1",
    apply(candidates, facts): RuleOutcome {
      if (facts.volume === undefined || isSensitive(facts)) return {};
      const { tokensPerMonth } = facts.volume;
      const order = preferWithinClass(candidates, (candidate) => isPreferred(candidate, tokensPerMonth, bands));
      return { order, removed: tokensPerMonth < bands.hybridFrom ? smallOnes(candidates, facts, bands) : [] };
    },
  };
}

function checkBands(bands: unknown): void {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "RUNTIME_INVALID", path, message });
  const reader = new OptionReader(bands, "bands", report);
  const names = Object.keys(defaultVolumeBands);
  reader.only(names);
  for (const name of names) {
    const found = reader.get(name);
    if (typeof found === "number" && found >= 0) continue;
    reader.mistake(name, `expected tokens a month, 0 or more, found ${show(found)}`);
  }
  if (problems.length > 0) throw new DefinitionError("volumeRule", problems, "RUNTIME_INVALID");
}

/** Hosted below the band of its class, own hardware from it on. What runs in the host's process costs nothing anywhere. */
function isPreferred({ endpoint }: Candidate, tokensPerMonth: number, bands: VolumeBands): boolean {
  if (endpoint.location === "in-process") return true;
  const ownFrom = endpoint.class === "slm" ? bands.ownSlmFrom : bands.ownLlmFrom;
  return (endpoint.location === "cloud") === tokensPerMonth < ownFrom;
}

function smallOnes(candidates: readonly Candidate[], facts: StepFacts, bands: VolumeBands) {
  if (!isComplex(facts) || !candidates.some(({ endpoint }) => endpoint.class === "llm")) return [];
  const reason = `${facts.complexity} below ${bands.hybridFrom} tokens a month goes to a large model alone`;
  return removeWhere(candidates, (candidate) =>
    candidate.endpoint.class === "slm" && !isForField(candidate, facts) ? reason : undefined,
  );
}

/** Trained for a highly specific field, which comes before the bands: decision-framework.md 4.1, "Precedence (S4 list)". */
function isForField({ endpoint }: Candidate, { domain }: StepFacts): boolean {
  return domain?.specificity === "high" && endpoint.domains.includes(domain.name);
}
