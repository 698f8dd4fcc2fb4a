import type { TierwiseError } from "../errors.ts";
import type { AttemptKind, RejectReason } from "../events/event.ts";
import type { ModelRequest, ToolCall } from "../models/port.ts";
import type { Decision } from "../policy/decision.ts";
import type { Conversation, Exclusion, TurnRole } from "../policy/facts.ts";
import type { Label } from "../tiers/label.ts";
import type { Work } from "./engine.ts";

/** Run the author's code of a `code` or `redact` step. */
export interface CodeWork extends Work {
  readonly kind: "code";
  readonly input: { readonly step: string };
}

/** Decide where one model call goes and make it. */
export interface ModelWork extends Work {
  readonly kind: "model";
  readonly input: {
    readonly step: string;
    /** From 1, over the whole step. */
    readonly number: number;
    readonly kind: AttemptKind;
    readonly request: ModelRequest;
    /** Of what the request holds. */
    readonly label: Label;
    readonly role: TurnRole | undefined;
    readonly excluded: readonly Exclusion[];
    /** Whose prompt cache holds what was said so far. */
    readonly conversation?: Conversation;
  };
}

export interface ToolWork extends Work {
  readonly kind: "tool";
  readonly input: {
    readonly step: string;
    readonly call: ToolCall;
    /** Of the turn that wrote the arguments. */
    readonly label: Label;
  };
}

export interface HumanWork extends Work {
  readonly kind: "human";
  readonly input: { readonly step: string; readonly prompt: string; readonly label: Label };
}

export type StepWork = CodeWork | ModelWork | ToolWork | HumanWork;

/** What a model call came to. */
export type ModelResult =
  | {
      readonly type: "accepted";
      readonly value: unknown;
      readonly text: string;
      readonly toolCalls: readonly ToolCall[];
      /** Who answered, and the tokens that its prompt cache now holds. */
      readonly conversation: Conversation;
    }
  | {
      readonly type: "rejected";
      readonly endpoint: string;
      readonly reason: RejectReason;
      readonly text: string;
      /** What the answer should have been; names no values. */
      readonly problems: readonly string[];
    }
  | { readonly type: "failed"; readonly endpoint: string; readonly error: TierwiseError }
  | { readonly type: "unaffordable"; readonly endpoint: string }
  /** No endpoint is left; the decision says why. */
  | { readonly type: "exhausted"; readonly decision: Decision };

/** What a tool call came to; `content` is what the model reads. */
export interface ToolResult {
  readonly outcome: "completed" | "failed" | "refused";
  readonly content: string;
  readonly label: Label;
}
