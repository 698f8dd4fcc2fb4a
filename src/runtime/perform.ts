import { openScope, untilAborted, type Scope } from "../common/abort.ts";
import { StepFailedError, TierwiseError } from "../errors.ts";
import type { CodeStep, PlacedStep, RedactStep } from "../graph/definition.ts";
import type { StepContext } from "../graph/types/steps.ts";
import { decide } from "../policy/decide.ts";
import type { Decision } from "../policy/decision.ts";
import { assertFlow } from "./assert-flow.ts";
import { attemptModel } from "./model-call/attempts.ts";
import { tell } from "./durable/journal.ts";
import type { WorkRecord } from "./durable/work-record.ts";
import type { Work } from "./engine.ts";
import { staticName } from "./frame.ts";
import { dispatchTool } from "./tool-call/dispatch-tool.ts";
import { fulfil } from "./model-call/fulfil.ts";
import { idempotencyKey } from "./tool-call/idempotency-key.ts";
import { performMemo } from "./memo/perform-memo.ts";
import {
  currentCandidates,
  deadlineExceeded,
  needValues,
  remainingMs,
  sessionOf,
  stepOf,
  type Session,
} from "./session.ts";
import { stepFacts } from "./step-facts.ts";
import type { HumanWork, ModelResult, ModelWork, StepWork } from "./step-work.ts";

/**
 * Does one work: the only code of the runtime that waits for the outside.
 * @param record where what it does is noted, on an engine that outlives the process
 */
export async function perform(run: Session, work: Work, record?: WorkRecord): Promise<unknown> {
  const own = work as StepWork;
  const held = sessionOf(run, own.input.step);
  const session = record === undefined ? held : { ...held, work: record };
  const step = stepOf(session, own.input.step);
  session.abort.signal.throwIfAborted();
  if (remainingMs(session) <= 0) throw deadlineExceeded(session, [step.name]);
  switch (own.kind) {
    case "code":
      return runCode(session, step as CodeStep | RedactStep, own.key);
    case "model":
      return callModel(session, step as PlacedStep, own.input);
    case "tool":
      if (step.kind !== "agent") throw new TierwiseError("INTERNAL", `step "${step.name}" has no tools`);
      return dispatchTool({ session, step, work: own });
    case "human":
      return askHuman(session, own);
    case "memo":
      return performMemo(session, step, own.input);
  }
}

function runCode(session: Session, step: CodeStep | RedactStep, key: string): unknown {
  const values = needValues(session, step);
  if (step.kind === "redact") return redact(session, step, values["from"]);
  if (step.accepts !== undefined) {
    const label = session.graph.flows[step.name]!.input;
    assertFlow({ step: step.name, label, sink: "its code (accepts)", clearance: step.accepts });
  }
  const call = new CodeCall(session, step, key);
  const span = session.runningSteps.get(step.name)?.trace.span;
  const start = (): unknown => step.run(values, call);
  return call.finish(() => (span === undefined ? start() : span.run(start)));
}

/** What the author's code gets. Signal and key are made when they are asked for: most steps ask for neither. */
class CodeCall implements StepContext {
  readonly runId: string;
  readonly #session: Session;
  readonly #step: CodeStep;
  readonly #key: string;
  #opened: Scope | undefined;

  constructor(session: Session, step: CodeStep, key: string) {
    this.runId = session.runId;
    this.#session = session;
    this.#step = step;
    this.#key = key;
  }

  get signal(): AbortSignal {
    return this.#scope().signal;
  }

  get idempotencyKey(): string {
    const { macKey } = this.#session.services;
    return idempotencyKey(macKey, { runId: this.runId, workKey: this.#key, tool: "" });
  }

  /** Waits for a promise no longer than the step's timeout and the run allow; a plain value is there already. */
  finish(start: () => unknown): unknown {
    let pending: PromiseLike<unknown> | undefined;
    try {
      const result = start();
      if (!isPromise(result)) return result;
      pending = result;
    } finally {
      if (pending === undefined) this.#opened?.release();
    }
    return this.#wait(pending);
  }

  async #wait(pending: PromiseLike<unknown>): Promise<unknown> {
    try {
      return await this.#scope().until(pending);
    } catch (error) {
      if (this.#opened?.timedOut() !== true) throw error;
      const message = `step "${this.#step.name}": its code took longer than ${this.#step.timeoutMs} ms (timeoutMs)`;
      throw new StepFailedError("STEP_FAILED", message, { details: { step: this.#step.name } });
    } finally {
      this.#opened?.release();
    }
  }

  #scope(): Scope {
    this.#opened ??= openScope(this.#session.abort.signal, this.#step.timeoutMs, this.#session.services.clock);
    return this.#opened;
  }
}

function isPromise(value: unknown): value is PromiseLike<unknown> {
  return typeof value === "object" && value !== null && "then" in value && typeof value.then === "function";
}

/** Only what the output schema declares gets out; a skipped source stays `undefined`. */
function redact(session: Session, step: RedactStep, from: unknown): unknown {
  if (from === undefined) return undefined;
  const parsed = step.output.parse(step.map(from));
  if (!parsed.ok) {
    throw new StepFailedError(
      "OUTPUT_INVALID",
      `step "${step.name}": map returned something else than its output schema: ${parsed.problems.join("; ")}`,
    );
  }
  const flow = session.graph.flows[step.name]!;
  tell(session, {
    type: "declassified",
    step: step.name,
    from: flow.input,
    to: flow.output,
    reason: step.declassification.reason,
  });
  return parsed.value;
}

async function callModel(session: Session, step: PlacedStep, work: ModelWork["input"]): Promise<ModelResult> {
  const { policy, services } = session;
  const decision = decide(policy, currentCandidates(services), stepFacts(session, step, work));
  if (isNews(work, session.runningSteps.get(step.name)?.announced, decision)) announce(session, step.name, decision);
  const result = await ask(session, { step, work, decision });
  fulfil(session, { step: step.name, decision, excluded: work.excluded, result });
  return result;
}

async function ask(
  session: Session,
  { step, work, decision }: { step: PlacedStep; work: ModelWork["input"]; decision: Decision },
): Promise<ModelResult> {
  const { candidates, ports, gates } = session.services;
  const [rung] = decision.ladder;
  if (rung === undefined) return { type: "exhausted", decision, requests: 0 };
  const endpointOf = (name: string) => candidates.find(({ endpoint }) => endpoint.name === name)!.endpoint;
  const eligible = [...decision.ladder, ...decision.refused.filter(({ rule }) => rule === "excluded")].map(
    ({ endpoint }) => endpointOf(endpoint),
  );
  const endpoint = endpointOf(rung.endpoint);
  return attemptModel({
    session,
    step,
    work,
    endpoint,
    port: ports.get(rung.endpoint)!,
    gate: gates.get(rung.endpoint),
    acceptAt: decision.acceptAt,
    eligible,
  });
}

/**
 * The next rung of an announced ladder is no new decision. A first look is one, one with less money, one after an endpoint
 * that took no request (it leaves no attempt behind), and every attempt that goes elsewhere than the ladder said: past the
 * small models after a weak answer, out of an experiment, by what was measured.
 */
function isNews(
  { excluded }: ModelWork["input"],
  announced: Decision | undefined,
  { ladder: [head] }: Decision,
): boolean {
  const last = excluded.at(-1);
  if (announced === undefined || last === undefined) return true;
  if (last.rule === "budget" || last.rule === "unavailable") return true;
  const asked = new Set(excluded.map(({ endpoint }) => endpoint));
  const next = announced.ladder.find(({ endpoint }) => !asked.has(endpoint));
  return head !== undefined && head.endpoint !== next?.endpoint;
}

/** By the path of the step, which a decision does not know: it is the same for every item of a list. */
function announce(session: Session, step: string, decision: Decision): void {
  const running = session.runningSteps.get(step);
  if (running !== undefined) running.announced = decision;
  running?.trace.decided(decision);
  session.metrics.decided(() => staticName(step), decision.class);
  tell(session, { type: "policy-decision", step, decision });
}

async function askHuman(session: Session, { key, input }: HumanWork): Promise<unknown> {
  const { step, ask: kind, prompt, label } = input;
  const { human } = session.services;
  if (human === undefined)
    throw new TierwiseError("INTERNAL", `step "${step}" was sent to a person, and none is wired`);
  assertFlow({ step, label, sink: "a person (onHuman)", clearance: human.clearance });
  tell(session, { type: "human-asked", step, label });
  session.runTrace.interrupted({ step, kind });
  const { signal } = session.abort;
  signal.throwIfAborted();
  const ask = async (): Promise<unknown> => human.ask({ runId: session.runId, key, kind, step, label, prompt, signal });
  const span = session.runningSteps.get(step)?.trace.span;
  return untilAborted(span === undefined ? ask() : span.run(ask), signal);
}
