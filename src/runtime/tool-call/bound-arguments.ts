import { StepFailedError, TierwiseError } from "../../errors.ts";
import { labelOf } from "../../graph/check/flow.ts";
import type { AgentStep, BoundTool, GraphDefinition, NeedValues } from "../../graph/definition.ts";

/** Arguments of one tool that code decides, computed from trusted needs only. */
export interface BoundArguments {
  readonly pinned: Readonly<Record<string, unknown>>;
  readonly max: Readonly<Record<string, number>>;
}

/**
 * Evaluates a tool's pins and bounds. For a tool with an effect they may only read trusted needs (R6): a pin computed from
 * what an outsider wrote would be the outsider's choice, not code's. What a function reads is seen, not guessed.
 * @throws {TierwiseError} `PRIVACY_ACTION_UNTRUSTED`, before the tool runs
 */
export function boundArguments(
  graph: GraphDefinition,
  step: AgentStep,
  { tool, values }: { tool: BoundTool; values: NeedValues },
): BoundArguments {
  const readable = tool.effect === "read" ? values : trustedOnly(graph, step, { tool, values });
  return { pinned: evaluate(step, tool.pin, readable), max: evaluate(step, tool.max, readable) };
}

function evaluate<T>(
  step: AgentStep,
  functions: Readonly<Record<string, (values: NeedValues) => T>>,
  values: NeedValues,
): Record<string, T> {
  return Object.fromEntries(
    Object.entries(functions).map(([argument, compute]) => {
      try {
        return [argument, compute(values)];
      } catch (error) {
        if (TierwiseError.isInstance(error)) throw error;
        throw new StepFailedError(
          "STEP_FAILED",
          `step "${step.name}": the pin or bound of "${argument}" threw; see cause`,
          { cause: error },
        );
      }
    }),
  );
}

/** The same values, but reading an untrusted one throws. */
function trustedOnly(
  graph: GraphDefinition,
  step: AgentStep,
  { tool, values }: { tool: BoundTool; values: NeedValues },
): NeedValues {
  const guarded = {};
  for (const [key, ref] of Object.entries(step.needs)) {
    const { integrity } = labelOf(ref, graph, graph.flows);
    const get = (): unknown => {
      if (integrity === "trusted") return values[key];
      throw new TierwiseError(
        "PRIVACY_ACTION_UNTRUSTED",
        `step "${step.name}" -> tool "${tool.name}" (effect ${tool.effect}): a pin or bound reads "${key}", which is untrusted. Read trusted needs only, or declare the field trusted if your own code set it.`,
        { details: { step: step.name, tool: tool.name } },
      );
    };
    Object.defineProperty(guarded, key, { get, enumerable: true });
  }
  return guarded;
}
