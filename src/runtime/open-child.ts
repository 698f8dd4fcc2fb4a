import { StepFailedError } from "../errors.ts";
import type { StepDefinition } from "../graph/definition.ts";
import { budgetOf } from "./budget/reserve-call.ts";
import { nestedSession } from "./frame.ts";
import { failed, type Child, type Settlement } from "./programs/program.ts";
import { frameOver, type Frame, type Running } from "./running.ts";

/** Opens a graph inside a step. An input that does not fit fails the child before anything of it starts. */
export function openChild(running: Running, { index, graph, input }: Child): Frame | Settlement {
  const { step, trace } = running;
  const position = index === undefined ? "" : `[${index}]`;
  const path = `${step.name}${position}/`;
  const parsed = graph.input.parse(input);
  if (!parsed.ok) return failed(misfit(step, position, parsed.problems));
  const outer = running.frame.session;
  const around = { trace, budget: budgetOf(outer, step.name) };
  const { session, release } = nestedSession(outer, { path, graph, input: parsed.value, ...around });
  session.frames.set(path, session);
  const frame = frameOver(session, { running, index: index ?? 0 }, () => {
    session.frames.delete(path);
    release();
  });
  running.children ??= new Set();
  running.children.add(frame);
  return frame;
}

function misfit(step: StepDefinition, position: string, problems: readonly string[]): StepFailedError {
  const message = `step "${step.name}": what graph ${position === "" ? "" : `number ${position} `}is handed does not fit its input: ${problems.join("; ")}`;
  return new StepFailedError("INPUT_INVALID", message, { details: { step: step.name } });
}
