import type { StepDefinition } from "../../graph/definition.ts";
import { needValues, type Session } from "../session.ts";
import { AgentProgram } from "./agent-program.ts";
import { CascadeProgram } from "./cascade-program.ts";
import { CodeProgram } from "./code-program.ts";
import { FirstOfProgram } from "./first-of-program.ts";
import type { StepProgram } from "./program.ts";

/** The program of a step, by its kind: the one registration that a new kind needs here. */
export function programFor(session: Session, step: StepDefinition): StepProgram {
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
  }
}
