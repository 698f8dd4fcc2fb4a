import { judge, failedCheck, unavailable, type Confidence, type Verdict } from "../../confidence/confidence.ts";
import { labelMargin } from "../../confidence/label-margin.ts";
import type { RejectReason } from "../../events/event.ts";
import type { AgentStep, ClassifyStep, ModelStep, NeedValues, PlacedStep } from "../../graph/definition.ts";
import type { Schema } from "../../graph/schema.ts";
import { uncertainAnswer } from "../../models/classify-prompt.ts";
import type { ModelReply } from "../../models/port.ts";
import { unwrap } from "./answer-schema.ts";

/** A reply, judged: what it is worth, and why it is refused if it is. */
export interface Evaluation {
  readonly accepted: boolean;
  readonly value: unknown;
  readonly confidence: Confidence;
  readonly basis: Verdict["basis"];
  readonly rejectReason: RejectReason | undefined;
  /** What the answer should have been; names no values. */
  readonly problems: readonly string[];
}

/** The accept gate: a hard check first, then confidence against the threshold. Pure but for the author's `validate`. */
export function evaluateReply(
  step: PlacedStep,
  reply: ModelReply,
  context: { values: NeedValues; acceptAt: number },
): Evaluation {
  if (reply.finishReason === "length") return rejected("length", ["it was cut at the output limit"]);
  if (reply.finishReason === "content_filter") return rejected("content_filter");
  switch (step.kind) {
    case "classify":
      return evaluateLabel(step, reply, context.acceptAt);
    case "model":
      return evaluateAnswer(step, reply, context.values);
    case "agent":
      return evaluateTurn(step, reply);
  }
}

function rejected(reason: RejectReason, problems: readonly string[] = []): Evaluation {
  return { accepted: false, value: undefined, confidence: failedCheck, basis: "check", rejectReason: reason, problems };
}

function accepted(value: unknown, basis: Verdict["basis"]): Evaluation {
  const confidence: Confidence = basis === "check" ? { kind: "validator", raw: 1 } : unavailable;
  return { accepted: true, value, confidence, basis, rejectReason: undefined, problems: [] };
}

function evaluateLabel(step: ClassifyStep, reply: ModelReply, acceptAt: number): Evaluation {
  const label = reply.text.trim();
  if (label === uncertainAnswer) return rejected("uncertain");
  if (!step.labels.includes(label)) return rejected("schema_invalid", ["it is not one of the labels"]);
  const confidence = labelConfidence(step, reply);
  const verdict = judge(confidence, acceptAt);
  const rejectReason = verdict.accepted ? undefined : "low_confidence";
  return { ...verdict, value: { label }, confidence, rejectReason, problems: [] };
}

function labelConfidence(step: ClassifyStep, { probability, logprobs }: ModelReply): Confidence {
  if (probability !== undefined) return { kind: "probability", ...probability };
  return logprobs.length === 0 ? unavailable : labelMargin(logprobs, [...step.labels, uncertainAnswer]);
}

function evaluateAnswer(step: ModelStep, reply: ModelReply, values: NeedValues): Evaluation {
  const parsed = parseAnswer(step.output, reply.text);
  if (!parsed.ok) return rejected("schema_invalid", parsed.problems);
  if (step.validate === undefined) return accepted(parsed.value, step.output.isText ? "ungated" : "check");
  return step.validate(parsed.value, values) ? accepted(parsed.value, "check") : rejected("validator");
}

/** A turn that calls tools is a valid turn; one that does not must be the answer. */
function evaluateTurn(step: AgentStep, reply: ModelReply): Evaluation {
  if (reply.toolCalls.length > 0) return accepted(undefined, "ungated");
  const parsed = parseAnswer(step.output, reply.text);
  return parsed.ok
    ? accepted(parsed.value, step.output.isText ? "ungated" : "check")
    : rejected("schema_invalid", parsed.problems);
}

function parseAnswer(schema: Schema, text: string): ReturnType<Schema["parse"]> {
  if (schema.isText) return text.trim() === "" ? { ok: false, problems: ["it is empty"] } : schema.parse(text);
  try {
    return schema.parse(unwrap(schema, JSON.parse(withoutFence(text))));
  } catch {
    return { ok: false, problems: ["it is not JSON"] };
  }
}

/** Small models like to wrap JSON in a Markdown fence. */
function withoutFence(text: string): string {
  return /^\s*```(?:json)?\s*([\s\S]*?)\s*```\s*$/.exec(text)?.[1] ?? text;
}
