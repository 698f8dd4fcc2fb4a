import type { ClassifyStep, ModelStep, NeedValues } from "../../graph/definition.ts";
import type { Message, ModelRequest } from "../../models/port.ts";
import type { Decision } from "../../policy/decision.ts";
import type { Label } from "../../tiers/label.ts";
import { answerSchema } from "../model-call/answer-schema.ts";
import type { EngineEvent } from "../engine.ts";
import type { ModelResult } from "../step-work.ts";
import { humanAnswer } from "./human-answer.ts";
import { Inquiry } from "./inquiry.ts";
import { failed, value, type Progress, type StepProgram } from "./program.ts";
import { stepError } from "./step-error.ts";

/** `model` and `classify`: one answer, from the first endpoint of the ladder that is sure enough. */
export class CascadeProgram implements StepProgram {
  readonly #step: ModelStep | ClassifyStep;
  readonly #values: NeedValues;
  readonly #label: Label;
  readonly #inquiry: Inquiry;
  #prompt = "";
  /** An endpoint answered, but none surely: for a closed set that is an answer of its own. */
  #sawWeakAnswer = false;

  constructor(step: ModelStep | ClassifyStep, values: NeedValues, label: Label) {
    this.#step = step;
    this.#values = values;
    this.#label = label;
    this.#inquiry = new Inquiry(step);
  }

  begin(): Progress {
    try {
      this.#prompt = this.#step.kind === "classify" ? this.#step.text(this.#values) : this.#step.prompt(this.#values);
    } catch (error) {
      return failed(stepError(this.#step.name, error, this.#step.kind === "classify" ? "text" : "prompt"));
    }
    return [this.#inquiry.ask({ request: this.#request(), label: this.#label, role: undefined, turn: 0 }, "initial")];
  }

  next(event: EngineEvent): Progress {
    if (event.type === "failed") return failed(stepError(this.#step.name, event.value, "an attempt"));
    if (event.key.endsWith("/human")) return humanAnswer(this.#step, event.value);
    const result = event.value as ModelResult;
    switch (result.type) {
      case "accepted":
        return value(result.value);
      case "exhausted":
        return this.#exhausted(result.decision);
      case "rejected":
        this.#sawWeakAnswer = true;
        return [this.#inquiry.next(result)];
      case "failed":
      case "unaffordable":
        return [this.#inquiry.next(result)];
    }
  }

  #exhausted(decision: Decision): Progress {
    const wantsPerson = decision.escalation === "human";
    if (this.#step.kind === "classify" && this.#sawWeakAnswer && !wantsPerson) return value({ uncertain: true });
    if (decision.class === "human") return [this.#inquiry.human(this.#prompt)];
    return failed(this.#inquiry.error(decision));
  }

  #request(): ModelRequest {
    const step = this.#step;
    const { maxOutputTokens, system } = step;
    if (step.kind === "classify")
      return { kind: "classify", text: this.#prompt, labels: step.labels, system, maxOutputTokens };
    const messages: Message[] = [{ role: "user", content: this.#prompt }];
    if (system !== undefined) messages.unshift({ role: "system", content: system });
    const schema = step.output.isText ? undefined : answerSchema(step.output);
    return { kind: "chat", messages, tools: [], schema, maxOutputTokens };
  }
}
