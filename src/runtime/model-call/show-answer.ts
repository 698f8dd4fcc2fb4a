/** What the run's caller sees of an answer while it is written. The only place that puts content into an event. */
import type { Scope } from "../../common/abort.ts";
import type { AgentStep, ModelStep, PlacedStep } from "../../graph/definition.ts";
import type { ModelReply, Streaming } from "../../models/port.ts";
import { levelOf, type Label } from "../../tiers/label.ts";
import { assertFlow } from "../assert-flow.ts";
import type { Evaluation } from "./evaluate-reply.ts";
import { loadPartialJson, PartialReader } from "./partial-reader.ts";
import type { Session } from "../session.ts";
import type { ModelWork } from "../step-work.ts";

interface Asked {
  readonly session: Session;
  readonly step: PlacedStep;
  readonly work: ModelWork["input"];
}

type ShowingStep = (ModelStep | AgentStep) & { readonly stream: NonNullable<ModelStep["stream"]> };

interface Shown extends Asked {
  readonly step: ShowingStep;
}

/**
 * How the answer to one request is shown; `undefined` where its step shows none. Opened before the request is paid for.
 * @throws {FlowViolationError} when the caller is not cleared for it, which the graph's own check has ruled out
 */
export function openShow({ session, step, work }: Asked): Promise<AnswerShow> | undefined {
  if (!isShowing(step)) return undefined;
  const { label } = work;
  assertFlow({ step: step.name, label, sink: "the run's caller (stream)", clearance: session.callerClearance });
  return AnswerShow.open({ session, step, work });
}

function isShowing(step: PlacedStep): step is ShowingStep {
  return step.kind !== "classify" && step.stream !== undefined;
}

export class AnswerShow {
  readonly #session: Session;
  readonly #step: ShowingStep;
  readonly #attempt: number;
  readonly #isHeld: boolean;
  /** Of an answer with a schema. */
  readonly #reader: PartialReader | undefined;
  #waitedMs = 0;

  private constructor({ session, step, work }: Shown, reader: PartialReader | undefined) {
    this.#session = session;
    this.#step = step;
    this.#attempt = work.number;
    this.#isHeld = step.stream.holdUntilChecked || (isChecked(step) && isDelicate(work.label));
    this.#reader = reader;
  }

  static async open(shown: Shown): Promise<AnswerShow> {
    const { output } = shown.step;
    const reader = output.isText ? undefined : new PartialReader(output, await loadPartialJson());
    return new AnswerShow(shown, reader);
  }

  /** How long the request waited for a reader of the run's events, in milliseconds: no fault of its endpoint. */
  get waitedMs(): number {
    return this.#waitedMs;
  }

  /** @param scope of the request; while it waits for a reader of the run's events, its time stands still */
  streaming(scope: Scope, onFirst: () => void): Streaming {
    const { idleTimeoutMs } = this.#step.stream;
    return { idleTimeoutMs, onFirst, onText: (piece) => this.#onText(piece, scope) };
  }

  async #onText(piece: string, scope: Scope): Promise<void> {
    // A client that goes on after its request was given up shows nothing any more.
    scope.signal.throwIfAborted();
    if (this.#isHeld) return;
    if (this.#reader === undefined) this.#showText(piece);
    else this.#showValue(this.#reader.add(piece));
    await this.#untilRead(scope);
  }

  /** An attached reader that lags behind slows the server down, not this process's memory. */
  async #untilRead(scope: Scope): Promise<void> {
    const { events, services } = this.#session;
    const drained = events.drained();
    if (drained === undefined) return;
    const sinceMs = services.clock.nowMs();
    try {
      await scope.excluding(drained);
    } finally {
      this.#waitedMs += services.clock.nowMs() - sinceMs;
    }
  }

  /** The rest of an accepted answer, or all of one that was held. A turn that calls tools is no answer. */
  accepted({ value }: Evaluation, { text }: ModelReply): void {
    if (value === undefined) return;
    if (this.#reader !== undefined) this.#showValue(this.#reader.ifNew(value));
    // What was checked, where the schema changes it on the way.
    else if (this.#isHeld) this.#showText(typeof value === "string" ? value : text);
  }

  #showText(text: string): void {
    this.#session.events.emit({ type: "token", step: this.#step.name, attempt: this.#attempt, text });
  }

  #showValue(value: unknown): void {
    if (value === undefined) return;
    this.#session.events.emit({ type: "partial", step: this.#step.name, attempt: this.#attempt, value });
  }
}

/** Whether something beside the model has a say in what is accepted. */
function isChecked(step: ShowingStep): boolean {
  return !step.output.isText || ("validate" in step && step.validate !== undefined);
}

function isDelicate({ level, compartments }: Label): boolean {
  return levelOf(level) > levelOf("internal") || compartments.length > 0;
}
