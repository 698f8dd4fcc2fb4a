/** What is under way in a run: graphs, the steps that run in them, and the graphs inside those. */
import type { TierwiseError } from "../errors.ts";
import type { StepDefinition } from "../graph/definition.ts";
import type { StepTrace } from "../telemetry/step-trace.ts";
import type { Ending } from "./conclusion.ts";
import type { StepProgram } from "./programs/program.ts";
import { Scheduler } from "./scheduler.ts";
import { sourceValue, type Session } from "./session.ts";

/** A graph under way: the run's own, or one inside a step. */
export interface Frame {
  readonly session: Session;
  readonly scheduler: Scheduler;
  readonly running: Map<string, Running>;
  /** The step that runs this graph, and which of its children it is. */
  readonly parent: { readonly running: Running; readonly index: number } | undefined;
  readonly release: () => void;
  failure: TierwiseError | undefined;
  isOver: boolean;
}

export interface Running {
  readonly frame: Frame;
  readonly step: StepDefinition;
  readonly program: StepProgram;
  readonly trace: StepTrace;
  readonly startedMs: number;
  /** Works and graphs inside that were started and have not come back. */
  outstanding: number;
  children: Set<Frame> | undefined;
  ending: Ending | undefined;
}

export function frameOver(session: Session, parent: Frame["parent"], release: () => void): Frame {
  const scheduler = new Scheduler(session.graph.steps, (source) => sourceValue(session, source) !== undefined);
  return { session, scheduler, running: new Map(), parent, release, failure: undefined, isOver: false };
}

/** Names of the innermost steps that run. */
export function underWay(frame: Frame): readonly string[] {
  return [...frame.running.values()].flatMap(({ step, children }) =>
    children === undefined || children.size === 0 ? [step.name] : [...children].flatMap((child) => underWay(child)),
  );
}
