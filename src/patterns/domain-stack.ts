import { isName, nameRule, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import type { GraphBuilder } from "../graph/types/graph.ts";
import type { Ref, SchemaOf } from "../graph/types/values.ts";
import type { Complexity } from "../tiers/complexity.ts";
import type { Privacy } from "../tiers/label.ts";
import { membersOf, objectJson, plainSchema } from "./plain-schema.ts";

/** What the detectors said, in the order in which the domains were given. */
export interface DetectedDomains<D extends string> {
  readonly certain: readonly D[];
  /** Neither surely in the domain nor surely out of it. */
  readonly uncertain: readonly D[];
}

export interface DomainStackSpec<D extends string, O> {
  /** The request: what the detectors judge and `prompt` reads. */
  readonly text: Ref<string>;
  /** Names, each as in the `domains` of the endpoints trained for it; "general" is taken. At least one. */
  readonly domains: readonly D[];
  /** Schema of the answer, the same for all domains. */
  readonly output: SchemaOf<O>;
  /** Its `domain` is `undefined` for the general answer. */
  readonly prompt: (request: { readonly text: string; readonly domain: D | undefined }) => string;
  /** How hard answering is. @default "generation" */
  readonly complexity?: Complexity;
  /**
   * Confidence from which a detector is believed, 0 to 1; equality believes. A setting of its own.
   * @default 0.80 (decision-framework.md 4.1, "domain-stack fallback")
   */
  readonly detectAt?: number;
  /** Upper bound on the level of what every model step sees. @default the graph's */
  readonly privacy?: Privacy;
  /** Put before the names of the steps. @default nothing: a graph has one of these */
  readonly name?: string;
}

/** The values of a domain stack. */
export interface DomainStackRefs<D extends string, O> {
  readonly detected: Ref<DetectedDomains<D>>;
  /** The domain whose answer was asked for. */
  readonly domain: Ref<D | "general">;
  readonly answer: Ref<Exclude<O, undefined>>;
}

/**
 * P5: one small specialised model a domain, and a large one where it is not clear which of them is meant.
 *
 * - `is-<domain>` (classify, one a domain, so a request may belong to several) has the labels `<domain>` and
 *   `not <domain>`: `trainClassifier` on rows with these two serves it. Below `detectAt` it is uncertain; it does not escalate by
 *   itself, since one question to the large model settles all domains at once. An endpoint without any confidence (a chat model
 *   without log-probabilities) is always believed.
 * - `detected` (code) collects them; `disambiguate` runs unless exactly one is certain and none uncertain. It is a model step
 *   of complexity `reasoning` with a closed set of answers, all domains and "general": a classify step would be placed on a small
 *   model first. Where no large model may see the data, a person is asked, or the plan says `HUMAN_REQUIRED`.
 * - `answer-<domain>` (model) declares its domain as `high`, so that endpoints trained for it come first, or alone where the
 *   data is sensitive; `answer-general` declares none (keep `domain` out of the graph's `defaults`), so that they are out. One
 *   of them runs; `answer` is its value.
 *
 * For audits use `run.on("*")`; for human review a policy with `reviewRatio`. Source: decision-framework.md 4.3, P5.
 *
 * @example
 * ```ts
 * const { answer } = domainStack(g, {
 *   text: g.input.field("request"), domains: ["legal", "medical"], output: z.string(),
 *   prompt: ({ text, domain }) => `Answer as a ${domain ?? "general"} expert: ${text}`,
 * });
 * ```
 * @throws {DefinitionError} with every mistake at once; mistakes of single steps are thrown by `g.output()`
 */
export function domainStack<I, V, const D extends string, O>(
  g: GraphBuilder<I, V>,
  spec: DomainStackSpec<D, O>,
): DomainStackRefs<D, O> {
  const { domains, detectAt, prefix } = readStack(spec);
  const { text, output, complexity = "generation" } = spec;
  const bound = spec.privacy === undefined ? {} : { privacy: spec.privacy };
  const detected = detection(g, spec, { domains, detectAt, prefix });
  const choices = [...domains, "general" as const];
  const settled = g.model(`${prefix}disambiguate`, {
    ...bound,
    needs: { text, detected },
    when: (values) => isUnclear(values.detected),
    complexity: "reasoning",
    output: choiceSchema(choices),
    system: `Choose the one domain that the request belongs to; "general" if none of the others does.`,
    prompt: (values) => values.text,
  });
  const domain = g.code(`${prefix}domain`, {
    needs: { detected, settled },
    run: (values): D | "general" => values.settled?.domain ?? values.detected.certain[0] ?? "general",
  });
  const answers = domains.map((own) =>
    g.model(`${prefix}answer-${own}`, {
      ...bound,
      needs: { text, domain },
      when: (values) => values.domain === own,
      complexity,
      domain: { name: own, specificity: "high" },
      output,
      prompt: (values) => spec.prompt({ text: values.text, domain: own }),
    }),
  );
  const general = g.model(`${prefix}answer-general`, {
    ...bound,
    needs: { text, domain },
    when: (values) => values.domain === "general",
    complexity,
    output,
    prompt: (values) => spec.prompt({ text: values.text, domain: undefined }),
  });
  return Object.freeze({ detected, domain, answer: g.firstOf(`${prefix}answer`, [general, ...answers]) });
}

interface StackOptions<D extends string> {
  readonly domains: readonly D[];
  readonly detectAt: number;
  readonly prefix: string;
}

function detection<I, V, D extends string, O>(
  g: GraphBuilder<I, V>,
  { text, privacy }: DomainStackSpec<D, O>,
  { domains, detectAt, prefix }: StackOptions<D>,
): Ref<DetectedDomains<D>> {
  const verdicts = domains.map(
    (domain) =>
      [
        domain,
        g.classify(`${prefix}is-${domain}`, {
          ...(privacy === undefined ? {} : { privacy }),
          needs: { text },
          labels: [domain, `not ${domain}`],
          acceptAt: detectAt,
          escalation: "never",
          text: (values) => values.text,
        }),
      ] as const,
  );
  return g.code(`${prefix}detected`, {
    needs: Object.fromEntries(verdicts),
    run: (values) => ({
      certain: domains.filter((domain) => values[domain]?.label === domain),
      uncertain: domains.filter((domain) => values[domain]?.uncertain === true),
    }),
  });
}

function isUnclear({ certain, uncertain }: DetectedDomains<string>): boolean {
  return certain.length !== 1 || uncertain.length > 0;
}

function choiceSchema<T extends string>(choices: readonly T[]): SchemaOf<{ readonly domain: T }> {
  return plainSchema(objectJson({ domain: { type: "string", enum: choices } }), (value) => {
    const domain = choices.find((choice) => choice === membersOf(value)["domain"]);
    return domain === undefined ? undefined : { domain };
  });
}

const known = ["text", "domains", "output", "prompt", "complexity", "detectAt", "privacy", "name"];

function readStack<D extends string, O>(spec: DomainStackSpec<D, O>): StackOptions<D> {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "GRAPH_INVALID", path, message });
  const reader = new OptionReader(spec, "domainStack", report);
  reader.only(known);
  const domains = reader.optionalTexts("domains") ?? [];
  if (domains.length === 0)
    reader.mistake("domains", `expected at least one domain, found ${show(reader.get("domains"))}`);
  for (const domain of domains)
    if (!isName(domain) || domain === "general" || domain === "uncertain")
      reader.mistake("domains", `expected ${nameRule}, and neither "general" nor "uncertain", found ${show(domain)}`);
  if (new Set(domains).size < domains.length) reader.mistake("domains", "the same domain stands here twice");
  reader.fn("prompt");
  const detectAt = reader.ratio("detectAt") ?? 0.8;
  const name = reader.optionalText("name");
  if (problems.length > 0) throw new DefinitionError("domainStack", problems);
  return { domains: domains as readonly D[], detectAt, prefix: name === undefined ? "" : `${name}-` };
}
