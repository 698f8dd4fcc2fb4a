/**
 * Agent graphs as frozen data. `graph()` opens a builder whose methods return references; `output` checks everything
 * that needs no catalog and freezes. Start reading here, then `definition.ts` (what comes out) and `check/` (what must
 * hold). May import `tiers` and `common`.
 * @module
 */
import { show } from "../common/names.ts";
import { GraphDraft } from "./graph-draft.ts";
import { describeApprove, describeLoop, describeMap, describeSubgraph } from "./describe-nesting.ts";
import { describeAgent, describeClassify, describeCode, describeModel, describeRedact } from "./describe-steps.ts";
import type { FirstOfStep } from "./definition.ts";
import { makeRef, nodeOf } from "./ref.ts";
import type { GraphBuilder, GraphOptions } from "./types/graph.ts";

/**
 * Opens a graph. Steps are added with the methods of the builder; `output` finishes it.
 *
 * @example
 * ```ts
 * const g = graph("summarise", { input: z.object({ text: z.string() }) });
 * const summary = g.model("summary", {
 *   needs: { input: g.input }, complexity: "generation", output: z.string(),
 *   prompt: ({ input }) => `Summarise in one sentence: ${input.text}`,
 * });
 * export const summarise = g.output({ summary });
 * ```
 */
export function graph<O, I>(name: string, options: GraphOptions<O, I>): GraphBuilder<I, O> {
  const draft = new GraphDraft(name, options);
  const input = { ...makeRef(draft.inputSource, draft.owner), field: (field: string) => draft.fieldRef(field) };
  const builder = {
    input: Object.freeze(input),
    model: (step: string, spec: unknown) => draft.add(step, spec, describeModel),
    classify: (step: string, spec: unknown) => draft.add(step, spec, describeClassify),
    code: (step: string, spec: unknown) => draft.add(step, spec, describeCode),
    agent: (step: string, spec: unknown) => draft.add(step, spec, describeAgent),
    redact: (step: string, spec: { from?: unknown } | undefined) =>
      draft.add(step, { ...spec, needs: { from: spec?.from } }, (_spec, setting) => describeRedact(spec, setting)),
    firstOf(step: string, refs: readonly unknown[]) {
      const listed = Array.isArray(refs) ? refs : [];
      const needs = Object.fromEntries(listed.map((ref, index) => [String(index), ref]));
      return draft.add(step, { needs }, (_spec, { name: own, index, needs: nodes, report }): FirstOfStep => {
        if (listed.length === 0) report(`steps.${own}`, `expected a list of references, found ${show(refs)}`);
        return { kind: "firstOf", name: own, index, needs: nodes, timeoutMs: 1 };
      });
    },
    subgraph: (step: string, spec: { input?: unknown } | undefined) =>
      draft.add(step, { ...spec, needs: needsOfInput(spec?.input) }, (_spec, setting) =>
        describeSubgraph(spec, setting),
      ),
    map: (step: string, spec: { over?: unknown } | undefined) =>
      draft.add(step, { ...spec, needs: { input: spec?.over } }, (_spec, setting) => describeMap(spec, setting)),
    loop: (step: string, spec: { start?: unknown } | undefined) =>
      draft.add(step, { ...spec, needs: { input: spec?.start } }, (_spec, setting) => describeLoop(spec, setting)),
    approve: (step: string, spec: unknown) => draft.add(step, spec, describeApprove),
    required: (ref: unknown) => draft.modifiedRef(ref, { kind: "skip" }),
    orElse: (ref: unknown, value: unknown) => draft.modifiedRef(ref, { kind: "value", value }),
    output: (refs: unknown, outputOptions: unknown) => draft.finish(refs, outputOptions, nodeOf(refs)),
  };
  // The builder holds steps of any type; what its callers see is the typed interface.
  return Object.freeze(builder) as unknown as GraphBuilder<I, O>;
}

/** The whole input as one reference, or one reference a field. */
function needsOfInput(input: unknown): object {
  const isByField = typeof input === "object" && input !== null && nodeOf(input) === undefined;
  return isByField ? input : { input };
}
