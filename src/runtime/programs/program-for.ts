import type { StepDefinition } from "../../graph/definition.ts";
import { needValues, type Session } from "../session.ts";
import { AgentProgram } from "./agent-program.ts";
import { ApproveProgram } from "./approve-program.ts";
import { CascadeProgram } from "./cascade-program.ts";
import { CodeProgram } from "./code-program.ts";
import { FirstOfProgram } from "./first-of-program.ts";
import { MemoProgram } from "./memo-program.ts";
import { LoopProgram, MapProgram, SubgraphProgram } from "./nesting-programs.ts";
import type { StepProgram } from "./program.ts";

/** The program of a step. */
export function programFor(session: Session, step: StepDefinition): StepProgram {
  const program = programOf(session, step);
  return "memo" in step && step.memo !== undefined ? new MemoProgram(step.name, program) : program;
}

/** By its kind: the one registration that a new kind needs here. */
function programOf(session: Session, step: StepDefinition): StepProgram {
  switch (step.kind) {
    case "code":
    case "redact":
      return new CodeProgram(step);
    case "model":
    case "classify":
      return new CascadeProgram(step, needValues(session, step), session.graph.flows[step.name]!.input);
    case "agent":
      return new AgentProgram(step, needValues(session, step), session.graph.flows[step.name]!.input);
    case "firstOf":
      return new FirstOfProgram(step, needValues(session, step));
    case "subgraph":
      return new SubgraphProgram(step, needValues(session, step));
    case "map":
      return new MapProgram(step, needValues(session, step));
    case "loop":
      return new LoopProgram(step, needValues(session, step));
    case "approve":
      return new ApproveProgram(step, needValues(session, step), session.graph.flows[step.name]!.input);
  }
}
