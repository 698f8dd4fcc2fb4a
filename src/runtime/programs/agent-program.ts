import { stableHash } from "../../common/stable-hash.ts";
import { StepFailedError } from "../../errors.ts";
import type { AttemptKind } from "../../events/event.ts";
import type { AgentStep, NeedValues } from "../../graph/definition.ts";
import type { Message, ModelRequest, ToolCall, ToolSpec } from "../../models/port.ts";
import type { Conversation, TurnRole } from "../../policy/facts.ts";
import { join, type Label } from "../../tiers/label.ts";
import { answerSchema } from "../answer-schema.ts";
import type { EngineEvent } from "../engine.ts";
import type { ModelResult, ToolResult, ToolWork } from "../step-work.ts";
import { humanAnswer } from "./human-answer.ts";
import { Inquiry } from "./inquiry.ts";
import { failed, value, type Progress, type StepProgram } from "./program.ts";
import { stepError } from "./step-error.ts";

/** The same call with the same result this often is a loop, not progress. */
const maxRepeats = 3;
/** Calls of one turn beyond this are refused: no useful turn has them. */
const maxCallsPerTurn = 16;

/**
 * `agent`: a tool loop in which every turn is decided on its own. The label of a turn is what its messages really contain
 * (R3): a tool's result raises it, it never falls, and the next turn goes to an endpoint that is cleared for it.
 */
export class AgentProgram implements StepProgram {
  readonly #step: AgentStep;
  readonly #values: NeedValues;
  readonly #inquiry: Inquiry;
  readonly #messages: Message[] = [];
  readonly #repeats = new Map<string, number>();
  #label: Label;
  #role: TurnRole = "plan";
  #turn = 0;
  #conversation: Conversation | undefined;
  /** Calls that the current turn waits for, none while the model is asked; and their results as they come in. */
  #calls: readonly ToolCall[] = [];
  #results = new Map<string, ToolResult>();

  constructor(step: AgentStep, values: NeedValues, label: Label) {
    this.#step = step;
    this.#values = values;
    this.#label = label;
    this.#inquiry = new Inquiry(step);
  }

  begin(): Progress {
    try {
      this.#messages.push({ role: "system", content: instructions(this.#step) });
      this.#messages.push({ role: "user", content: this.#step.prompt(this.#values) });
    } catch (error) {
      return failed(stepError(this.#step.name, error, "prompt"));
    }
    return this.#nextTurn("initial");
  }

  next(event: EngineEvent): Progress {
    if (event.type === "failed") return failed(stepError(this.#step.name, event.value, "a turn"));
    if (event.key.endsWith("/human")) return humanAnswer(this.#step, event.value);
    if (this.#calls.length > 0) return this.#onTool(event.key, event.value as ToolResult);
    return this.#onTurn(event.value as ModelResult);
  }

  #onTurn(result: ModelResult): Progress {
    switch (result.type) {
      case "accepted":
        this.#conversation = result.conversation;
        return result.toolCalls.length === 0 ? value(result.value) : this.#callTools(result.text, result.toolCalls);
      case "rejected":
        return this.#repair(result);
      case "failed":
      case "unaffordable":
        return [this.#inquiry.next(result)];
      case "exhausted":
        return result.decision.class === "human"
          ? [this.#inquiry.human(this.#prompt())]
          : failed(this.#inquiry.error(result.decision));
    }
  }

  /**
   * A bad final answer stays in the conversation, with what it should have been; the stronger model takes over, or whom the
   * step's escalation names.
   */
  #repair(result: Extract<ModelResult, { type: "rejected" }>): Progress {
    const { escalation } = this.#step.demands;
    if (escalation === "human") return [this.#inquiry.next(result)];
    const { text, reason, problems } = result;
    this.#messages.push({ role: "assistant", content: text, toolCalls: [] });
    const why = problems.length === 0 ? reason : problems.join("; ");
    this.#messages.push({ role: "user", content: `That answer cannot be used: ${why}. Answer again.` });
    if (escalation === "never") return this.#nextTurn("turn");
    this.#role = "plan";
    return this.#nextTurn("escalation");
  }

  #callTools(text: string, calls: readonly ToolCall[]): Progress {
    this.#calls = calls.slice(0, maxCallsPerTurn);
    this.#results = new Map();
    this.#messages.push({ role: "assistant", content: text, toolCalls: this.#calls });
    return this.#calls.map((call, index): ToolWork => {
      const input = { step: this.#step.name, call, label: this.#label };
      return { key: `${this.#step.name}#0/${this.#turn}/tool${index}`, kind: "tool", input };
    });
  }

  #onTool(key: string, result: ToolResult): Progress {
    this.#results.set(key, result);
    if (this.#results.size < this.#calls.length) return [];
    // Results enter the conversation in the order of the calls, whatever order they came in.
    let smooth = true;
    for (const [index, call] of this.#calls.entries()) {
      const { content, label, outcome } = this.#results.get(`${this.#step.name}#0/${this.#turn}/tool${index}`)!;
      this.#messages.push({ role: "tool", content, toolCallId: call.id });
      this.#label = join(this.#label, label);
      const repeats = this.#countRepeat(call, content);
      if (repeats >= maxRepeats) return failed(this.#loop(call));
      if (outcome !== "completed" || repeats > 1) smooth = false;
    }
    this.#calls = [];
    this.#role = smooth ? "act" : "plan";
    return this.#nextTurn("turn");
  }

  #prompt(): string {
    return this.#messages.find((message) => message.role === "user")?.content ?? "";
  }

  #countRepeat({ name, args }: ToolCall, content: string): number {
    const key = stableHash([name, args, content]);
    const count = (this.#repeats.get(key) ?? 0) + 1;
    this.#repeats.set(key, count);
    return count;
  }

  #loop({ name }: ToolCall): StepFailedError {
    const message = `step "${this.#step.name}": tool "${name}" was called ${maxRepeats} times with the same arguments and the same result; the loop was ended`;
    return new StepFailedError("TOOL_LOOP_LIMIT", message, { details: { step: this.#step.name, tool: name } });
  }

  #nextTurn(kind: AttemptKind): Progress {
    this.#turn += 1;
    if (this.#turn > this.#step.maxTurns) {
      const message = `step "${this.#step.name}": no answer after ${this.#step.maxTurns} turns (maxTurns)`;
      return failed(new StepFailedError("TOOL_LOOP_LIMIT", message, { details: { step: this.#step.name } }));
    }
    return [
      this.#inquiry.ask(
        {
          ...{ request: this.#request(), label: this.#label, role: this.#role, turn: this.#turn },
          conversation: this.#conversation,
        },
        kind,
      ),
    ];
  }

  #request(): ModelRequest {
    const tools = this.#step.tools.map(({ name, description, shownParameters }): ToolSpec => ({
      name,
      description,
      parameters: shownParameters,
    }));
    // The answer's schema stands in the instructions: servers that force a grammar cannot call tools at the same time.
    return {
      kind: "chat",
      messages: [...this.#messages],
      tools,
      schema: undefined,
      maxOutputTokens: this.#step.maxOutputTokens,
    };
  }
}

function instructions({ system, output }: AgentStep): string {
  const finish = output.isText
    ? "Use the tools as needed. When you are done, answer in plain text."
    : `Use the tools as needed. When you are done, answer with one JSON value of this JSON Schema and nothing else:\n${JSON.stringify(answerSchema(output))}`;
  return system === undefined ? finish : `${system}\n\n${finish}`;
}
