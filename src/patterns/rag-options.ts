import { show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import type { Ref } from "../graph/types/values.ts";
import {
  excess,
  flowsTo,
  formatClearance,
  makeClearance,
  type Clearance,
  type ClearanceSpec,
} from "../tiers/clearance.ts";
import {
  formatLabel,
  join,
  joinAll,
  labelMistake,
  levelOf,
  makeLabel,
  type Label,
  type LabelSpec,
  type Privacy,
} from "../tiers/label.ts";
import type { RetrieverLike } from "./retrieve.ts";

/** A retriever with what it may be asked and what it returns. */
export interface RetrieverBinding {
  readonly retriever: RetrieverLike;
  /** Clearance for the questions it is asked, as for a tool's arguments. @default "public" */
  readonly accepts?: ClearanceSpec;
  /** Label of its documents, joined to the question's; integrity is `untrusted` unless stated. There is no default: what a store holds is not to be guessed. */
  readonly returns: Privacy | LabelSpec;
}

export interface RagSpec {
  readonly question: Ref<string>;
  /** Label of the question: what `graph()` was given, unless the question was redacted on the way. @default "public" */
  readonly label?: Privacy | LabelSpec;
  /** One, or several for hybrid retrieval: each is asked every question. */
  readonly retrievers: readonly RetrieverBinding[];
  /** Questions that one decomposition may add to the original, 1 to 10. @default 3 */
  readonly maxQuestions?: number;
  /** Passages that the answer is made from, 1 to 50. How long one is, is up to whoever split the documents. @default 6 */
  readonly maxPassages?: number;
  /** `2`: where the first passages do not suffice, further questions are asked once. @default 1 */
  readonly hops?: 1 | 2;
  /** Added to the instructions of the answer step, for example its tone or its language. */
  readonly instructions?: string;
  /** Put before the names of the steps, for example `contracts-answer`. @default nothing: a graph has one of these */
  readonly name?: string;
}

/** The options of a RAG template, checked, with what follows from its labels. */
export interface RagOptions {
  readonly retrievers: readonly RetrieverLike[];
  readonly questionLevel: Privacy;
  /** The highest data that every retriever may be asked with. */
  readonly accepted: Clearance;
  /** Label of what is retrieved, without the question's. */
  readonly returned: Label;
  /** Level of everything after the retrieval. */
  readonly answerLevel: Privacy;
  readonly maxQuestions: number;
  readonly maxPassages: number;
  readonly hops: 1 | 2;
  readonly instructions: string | undefined;
  readonly named: (step: string) => string;
}

const known = ["question", "label", "retrievers", "maxQuestions", "maxPassages", "hops", "instructions", "name"];

/** @throws {DefinitionError} with every mistake at once */
export function readRag(spec: RagSpec): RagOptions {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "GRAPH_INVALID", path, message });
  const reader = new OptionReader(spec, "rag", report);
  reader.only(known);
  const label = labelFrom(reader, "label", "public");
  const bindings = bindingsOf(reader, report);
  const returned = joinAll(bindings.map(({ returns }) => returns));
  const answer = join(label, returned);
  const hops = hopsOf(reader);
  // The questions of a second hop are made from what the first one found.
  const asked = hops === 2 ? answer : label;
  for (const { path, accepts } of bindings) {
    if (flowsTo(asked, accepts)) continue;
    const message =
      `the questions are ${formatLabel(asked)}${hops === 2 ? " (those of the second hop are made from passages)" : ""}; ` +
      `the retriever is cleared for ${formatClearance(accepts)}: ${excess(asked, accepts)}\n` +
      `Fix: raise accepts if the retriever may see them, or g.redact the question before.`;
    problems.push({ code: "PRIVACY_FLOW_DENIED", path: `${path}.accepts`, message });
  }
  const name = reader.optionalText("name");
  const options = {
    retrievers: bindings.map(({ retriever }) => retriever),
    questionLevel: label.level,
    accepted: meet(bindings.map(({ accepts }) => accepts)),
    returned,
    answerLevel: answer.level,
    maxQuestions: reader.integer("maxQuestions", { fallback: 3, min: 1, max: 10 }),
    maxPassages: reader.integer("maxPassages", { fallback: 6, min: 1, max: 50 }),
    hops,
    instructions: reader.optionalText("instructions"),
    named: (step: string) => (name === undefined ? step : `${name}-${step}`),
  };
  if (problems.length > 0) throw new DefinitionError("rag", problems);
  return options;
}

function bindingsOf(reader: OptionReader, report: Report) {
  const listed = reader.get("retrievers");
  if (!Array.isArray(listed) || listed.length === 0) {
    reader.mistake(
      "retrievers",
      `expected an array of at least one { retriever, accepts, returns }, found ${show(listed)}`,
    );
    return [];
  }
  return listed.map((item: unknown, index) => {
    const binding = new OptionReader(item, `rag.retrievers[${index}]`, report);
    binding.only(["retriever", "accepts", "returns"]);
    const retriever = binding.get("retriever") as Partial<RetrieverLike> | null | undefined;
    if (typeof retriever?.invoke !== "function")
      binding.mistake(
        "retriever",
        `expected a retriever with invoke (any of LangChain's has it), found ${show(retriever)}`,
      );
    const accepts = labelFrom(binding, "accepts", "public");
    const returns = labelFrom(binding, "returns");
    return { path: binding.path, retriever: retriever as RetrieverLike, accepts: makeClearance(accepts), returns };
  });
}

function labelFrom(reader: OptionReader, key: string, fallback?: Privacy): Label {
  const spec = (reader.get(key) ?? fallback) as Privacy | LabelSpec;
  const mistake = labelMistake(spec);
  if (mistake === undefined) return makeLabel(spec);
  reader.mistake(key, mistake);
  return makeLabel("public");
}

function hopsOf(reader: OptionReader): 1 | 2 {
  return reader.integer("hops", { fallback: 1, min: 1, max: 2 }) === 2 ? 2 : 1;
}

/** What all of them may see: each is asked every question. */
function meet([first, ...others]: readonly Clearance[]): Clearance {
  if (first === undefined) return makeClearance("public");
  const { level, compartments } = others.reduce(
    (common, { level: own, compartments: also }) => ({
      level: levelOf(own) < levelOf(common.level) ? own : common.level,
      compartments: common.compartments.filter((compartment) => also.includes(compartment)),
    }),
    first,
  );
  return makeClearance({ level, compartments });
}
