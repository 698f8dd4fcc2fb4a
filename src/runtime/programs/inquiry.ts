import { StepFailedError, TierwiseError } from "../../errors.ts";
import type { AttemptKind } from "../../events/event.ts";
import type { PlacedStep } from "../../graph/definition.ts";
import type { ModelRequest } from "../../models/port.ts";
import type { Decision } from "../../policy/decision.ts";
import type { Conversation, Exclusion, TurnRole } from "../../policy/facts.ts";
import { noEligibleEndpoint } from "../../policy/no-eligible.ts";
import type { Label } from "../../tiers/label.ts";
import { budgetExceeded, noRoom } from "../budget/budget-exceeded.ts";
import type { HumanWork, ModelResult, ModelWork } from "../step-work.ts";
import { nobodyAsked } from "./nobody-asked.ts";

/** One question put to the endpoints of a ladder in turn. */
export interface Question {
  readonly request: ModelRequest;
  readonly label: Label;
  readonly role: TurnRole | undefined;
  /** Turn of a tool loop, from 1; 0 for other steps. */
  readonly turn: number;
  /** Whose prompt cache holds what was said so far. */
  readonly conversation?: Conversation | undefined;
  /** The endpoint whose last turn is to be put right. */
  readonly corrects?: string | undefined;
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
  /** Requests that were made, so that each has its own number over the whole step. */
  #requests = 0;
  #excluded: readonly Exclusion[] = [];
  #question: Question | undefined;
  #kind: AttemptKind = "initial";
  /** Why the endpoints that were turned to did not answer; what the step fails with when none is left. */
  #results: readonly Exclude<Unanswered, { type: "exhausted" }>[] = [];

  constructor(step: PlacedStep) {
    this.#step = step;
  }

  ask(question: Question, kind: AttemptKind): ModelWork {
    this.#question = question;
    this.#excluded = [];
    this.#results = [];
    this.#kind = kind;
    return this.#work();
  }

  /** The next endpoint after one that gave no acceptable answer. */
  next(result: Exclude<Unanswered, { type: "exhausted" }>): ModelWork {
    this.count(result);
    this.#results = [...this.#results, result];
    this.#excluded = [...this.#excluded, exclusionOf(result)];
    if (result.type === "rejected") this.#kind = "escalation";
    else if (result.type === "failed" || result.requests > 0) this.#kind = "fallback";
    return this.#work();
  }

  /** What a result cost in requests, where it is not followed by `next`. */
  count({ requests }: ModelResult): void {
    this.#requests += requests;
  }

  /** A person instead, where the policy found one. */
  human(prompt: string): HumanWork {
    const { label } = this.#current();
    return {
      key: `${this.#step.name}#0/${this.#current().turn}/human`,
      kind: "human",
      input: { step: this.#step.name, ask: "answer", prompt, label },
    };
  }

  /** Why the question stays without an answer. */
  error(decision: Decision): TierwiseError {
    const { name } = this.#step;
    const last = this.#results.at(-1);
    switch (last?.type) {
      case "failed":
        return nobodyAsked(name, this.#results) ?? last.error;
      case "unaffordable":
        return budgetExceeded(name, last.bound);
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
    const { request, label, role, turn, conversation, corrects } = this.#current();
    this.#asked += 1;
    const input = {
      step: this.#step.name,
      number: this.#requests + 1,
      kind: this.#kind,
      request,
      label,
      role,
      excluded: this.#excluded,
      ...(conversation && { conversation }),
      ...(corrects !== undefined && { corrects }),
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
    return { endpoint: result.endpoint, rule: "budget", reason: noRoom(result.bound) };
  const { endpoint } = result;
  if (result.type === "rejected")
    return { endpoint, rule: "rejected", reason: `its answer was refused (${result.reason})` };
  const { code } = result.error;
  return result.requests === 0
    ? { endpoint, rule: "unavailable", reason: `it takes no request now (${code})` }
    : { endpoint, rule: "failed", reason: `failed (${code})` };
}
