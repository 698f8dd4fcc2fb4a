import type { ProviderError } from "../errors.ts";
import type { AttemptKind, RejectReason, ToolRefusalReason } from "../events/event.ts";
import type { ModelRequest, ToolCall } from "../models/port.ts";
import type { Decision } from "../policy/decision.ts";
import type { Conversation, Exclusion, TurnRole } from "../policy/facts.ts";
import type { Label } from "../tiers/label.ts";
import type { BudgetBound } from "./budget/amounts.ts";
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
    /** Of its first request: from 1, over the whole step. */
    readonly number: number;
    readonly kind: AttemptKind;
    readonly request: ModelRequest;
    /** Of what the request holds. */
    readonly label: Label;
    readonly role: TurnRole | undefined;
    readonly excluded: readonly Exclusion[];
    /** Whose prompt cache holds what was said so far. */
    readonly conversation?: Conversation;
    /** The endpoint whose last turn is to be put right. */
    readonly corrects?: string;
  };
}

export interface ToolWork extends Work {
  readonly kind: "tool";
  readonly input: {
    readonly step: string;
    readonly call: ToolCall;
    /** Of the turn that wrote the arguments. */
    readonly label: Label;
    /** The loop itself refuses the call: it is recorded, and nothing runs. */
    readonly refuse?: ToolRefusal;
  };
}

/** Why a call was refused, and how many calls it stands for. */
export interface ToolRefusal {
  readonly reason: ToolRefusalReason;
  readonly calls: number;
}

export interface HumanWork extends Work {
  readonly kind: "human";
  readonly input: {
    readonly step: string;
    /** An answer in a model's place, or a decision of an `approve` step. */
    readonly ask: "answer" | "approval";
    readonly prompt: string;
    readonly label: Label;
  };
}

/** Look a step's result up by what it reads, or keep it. */
export interface MemoWork extends Work {
  readonly kind: "memo";
  readonly input: { readonly step: string; readonly operation: "get" | "put"; readonly value: unknown };
}

export type StepWork = MemoWork | CodeWork | ModelWork | ToolWork | HumanWork;

/** What a model call came to, and how many requests were made for it: each has its own number. */
export type ModelResult = { readonly requests: number } & (
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
  /** Without a request: the endpoint takes none now. */
  | { readonly type: "failed"; readonly endpoint: string; readonly error: ProviderError }
  | { readonly type: "unaffordable"; readonly endpoint: string; readonly bound: BudgetBound }
  /** No endpoint is left; the decision says why. */
  | { readonly type: "exhausted"; readonly decision: Decision }
);

/** What a tool call came to; `content` is what the model reads. */
export interface ToolResult {
  readonly outcome: "completed" | "failed" | "refused";
  /** Of a refused call. */
  readonly reason?: ToolRefusalReason;
  /** Where the reason is the budget. */
  readonly bound?: BudgetBound;
  readonly content: string;
  readonly label: Label;
}
