import { BudgetExceededError, StepFailedError, TierwiseError } from "../../errors.ts";
import type { AttemptKind } from "../../events/event.ts";
import type { PlacedStep } from "../../graph/definition.ts";
import type { ModelRequest } from "../../models/port.ts";
import type { Decision } from "../../policy/decision.ts";
import type { Conversation, Exclusion, TurnRole } from "../../policy/facts.ts";
import { noEligibleEndpoint } from "../../policy/no-eligible.ts";
import type { Label } from "../../tiers/label.ts";
import type { HumanWork, ModelResult, ModelWork } from "../step-work.ts";

/** One question put to the endpoints of a ladder in turn. */
export interface Question {
  readonly request: ModelRequest;
  readonly label: Label;
  readonly role: TurnRole | undefined;
  /** Turn of a tool loop, from 1; 0 for other steps. */
  readonly turn: number;
  /** Whose prompt cache holds what was said so far. */
  readonly conversation?: Conversation | undefined;
}

type Unanswered = Exclude<ModelResult, { type: "accepted" }>;

/**
 * Asks until somebody answers: the next endpoint after a failure is a fallback, after a weak answer an escalation, and an
 * endpoint that the budget cannot pay for is left out. Each attempt is decided afresh with the time and money then left;
 * exclusions only grow, so it ends.
 */
export class Inquiry {
  readonly #step: PlacedStep;
  #asked = 0;
  /** Requests that were made; a call that the budget cannot pay for is none. */
  #attempts = 0;
  #excluded: readonly Exclusion[] = [];
  #question: Question | undefined;
  #kind: AttemptKind = "initial";
  /** Why the last endpoint did not answer; what the step fails with when none is left. */
  #last: Unanswered | undefined;

  constructor(step: PlacedStep) {
    this.#step = step;
  }

  ask(question: Question, kind: AttemptKind): ModelWork {
    this.#question = question;
    this.#excluded = [];
    this.#last = undefined;
    this.#kind = kind;
    return this.#work();
  }

  /** The next attempt after one that gave no acceptable answer. */
  next(result: Exclude<Unanswered, { type: "exhausted" }>): ModelWork {
    this.#last = result;
    this.#excluded = [...this.#excluded, exclusionOf(result)];
    if (result.type === "unaffordable") this.#attempts -= 1;
    else this.#kind = result.type === "failed" ? "fallback" : "escalation";
    return this.#work();
  }

  /** A person instead, where the policy found one. */
  human(prompt: string): HumanWork {
    const { label } = this.#current();
    return {
      key: `${this.#step.name}#0/${this.#current().turn}/human`,
      kind: "human",
      input: { step: this.#step.name, prompt, label },
    };
  }

  /** Why the question stays without an answer. */
  error(decision: Decision): TierwiseError {
    const { name } = this.#step;
    const last = this.#last;
    switch (last?.type) {
      case "failed":
        return last.error;
      case "unaffordable":
        return new BudgetExceededError(
          "BUDGET_EXCEEDED",
          `step "${name}": the budget cannot pay for the worst case of the next call on any endpoint; raise costUsd or lower maxOutputTokens`,
          { details: { step: name } },
        );
      case "rejected": {
        if (decision.escalation === "human") return noEligibleEndpoint(decision);
        const why = last.problems.length === 0 ? last.reason : `${last.reason}: ${last.problems.join("; ")}`;
        return new StepFailedError(
          "OUTPUT_INVALID",
          `step "${name}": no endpoint of the ladder gave an acceptable answer; the last one (${last.endpoint}) was refused for ${why}`,
          { details: { step: name } },
        );
      }
      default:
        return noEligibleEndpoint(decision);
    }
  }

  #work(): ModelWork {
    const { request, label, role, turn, conversation } = this.#current();
    this.#asked += 1;
    this.#attempts += 1;
    const input = {
      step: this.#step.name,
      number: this.#attempts,
      kind: this.#kind,
      request,
      label,
      role,
      excluded: this.#excluded,
      ...(conversation && { conversation }),
    };
    return { key: `${this.#step.name}#0/${turn}/${this.#asked}`, kind: "model", input };
  }

  #current(): Question {
    if (this.#question === undefined)
      throw new TierwiseError("INTERNAL", `step "${this.#step.name}" was answered before it asked`);
    return this.#question;
  }
}

function exclusionOf(result: Exclude<Unanswered, { type: "exhausted" }>): Exclusion {
  if (result.type === "unaffordable")
    return { endpoint: result.endpoint, rule: "budget", reason: "its worst case does not fit the money left" };
  return result.type === "failed"
    ? { endpoint: result.endpoint, rule: "failed", reason: `failed (${result.error.code})` }
    : { endpoint: result.endpoint, rule: "rejected", reason: `its answer was refused (${result.reason})` };
}
