import { isName } from "../../common/names.ts";
import { StepFailedError, type TierwiseError } from "../../errors.ts";
import type { AttemptKind } from "../../events/event.ts";
import type { AgentStep, NeedValues } from "../../graph/definition.ts";
import type { Message, ModelRequest, ToolCall, ToolSpec } from "../../models/port.ts";
import type { Conversation, TurnRole } from "../../policy/facts.ts";
import { join, type Label } from "../../tiers/label.ts";
import type { BudgetBound } from "../budget/amounts.ts";
import { answerSchema } from "../model-call/answer-schema.ts";
import { toolUnaffordable } from "../budget/budget-exceeded.ts";
import type { EngineEvent } from "../engine.ts";
import type { ModelResult, ToolResult } from "../step-work.ts";
import { humanAnswer } from "./human-answer.ts";
import { Inquiry } from "./inquiry.ts";
import { LoopDetector, type Loop, type ObservedCall } from "./loop-detector.ts";
import { failed, value, type Progress, type StepProgram } from "./program.ts";
import { stepError } from "./step-error.ts";
import { ToolRound, type CalledTool } from "./tool-round.ts";

/** Which limit ended the loop, for errors. */
type Rule = Loop["rule"] | "repairs" | "turns";

/**
 * `agent`: a tool loop in which every turn is decided on its own. The label of a turn is what its messages really contain
 * (R3): a tool's result raises it, it never falls, and the next turn goes to an endpoint that is cleared for it.
 */
export class AgentProgram implements StepProgram {
  readonly #step: AgentStep;
  readonly #values: NeedValues;
  readonly #inquiry: Inquiry;
  readonly #messages: Message[] = [];
  readonly #loops = new LoopDetector();
  #label: Label;
  #role: TurnRole = "plan";
  #turn = 0;
  /** Turns in a row whose calls could not be made. */
  #repairs = 0;
  /** The budget that could not pay for a call of the last turn. */
  #tooDear: BudgetBound | undefined;
  #conversation: Conversation | undefined;
  /** Who wrote the last turn. */
  #author: string | undefined;
  /** What the model said beside its calls, and the calls that are waited for; none while the model is asked. */
  #round: { readonly text: string; readonly calls: ToolRound } | undefined;

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
    if (this.#round !== undefined) return this.#onTool(event.key, event.value as ToolResult);
    return this.#onTurn(event.value as ModelResult);
  }

  #onTurn(result: ModelResult): Progress {
    switch (result.type) {
      case "accepted":
        this.#inquiry.count(result);
        this.#conversation = result.conversation;
        this.#author = result.conversation.endpoint;
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
    this.#inquiry.count(result);
    const { endpoint, text, reason, problems } = result;
    this.#author = endpoint;
    this.#messages.push({ role: "assistant", content: text, toolCalls: [] });
    const why = problems.length === 0 ? reason : problems.join("; ");
    this.#messages.push({ role: "user", content: `That answer cannot be used: ${why}. Answer again.` });
    return this.#escalate();
  }

  #callTools(text: string, calls: readonly ToolCall[]): Progress {
    this.#round = { text, calls: new ToolRound(this.#step, { turn: this.#turn, calls, label: this.#label }) };
    return this.#round.calls.due();
  }

  #onTool(key: string, result: ToolResult): Progress {
    const { text, calls } = this.#round!;
    calls.settle(key, result);
    if (!calls.isOver) return calls.due();
    this.#round = undefined;
    return this.#endRound(text, calls.called.map(sayable));
  }

  #endRound(text: string, called: readonly CalledTool[]): Progress {
    this.#messages.push({ role: "assistant", content: text, toolCalls: called.map(({ call }) => call) });
    for (const { call, result } of called) {
      this.#messages.push({ role: "tool", content: result.content, toolCallId: call.id });
      this.#label = join(this.#label, result.label);
    }
    this.#tooDear = called.find(({ result }) => result.bound !== undefined)?.result.bound;
    const broken = called.find(isBroken);
    const observed = this.#loops.observe(called.filter((one) => !isBroken(one)).map((one) => this.#observed(one)));
    if (observed.loop !== undefined) return failed(this.#loopError(observed.loop));
    if (broken !== undefined) return this.#repairCalls(broken);
    this.#repairs = 0;
    const isSmooth = !observed.isRepeat && called.every(({ result }) => result.outcome === "completed");
    this.#role = isSmooth ? "act" : "plan";
    return this.#nextTurn("turn");
  }

  /** What could not be called stays in the conversation with the reason; the stronger model puts it right. */
  #repairCalls({ call, result }: CalledTool): Progress {
    this.#repairs += 1;
    if (this.#repairs <= this.#step.maxRepairs) return this.#escalate();
    const { name, maxRepairs } = this.#step;
    const tool = result.reason === "unknown-tool" ? undefined : this.#toolNamed(call.name)?.name;
    const which = tool === undefined ? "a tool that it does not have" : `tool "${tool}" with arguments that do not fit`;
    const message = `step "${name}": the model called ${which}, still after ${maxRepairs} repairs (maxRepairs)`;
    return failed(this.#limit(message, "repairs", tool));
  }

  /** The next turn corrects the last one, in the role and by the model that the step's escalation allows. */
  #escalate(): Progress {
    const { escalation = "allowed" } = this.#step.demands;
    if (escalation !== "allowed") return this.#nextTurn("turn");
    this.#role = "plan";
    return this.#nextTurn("escalation", this.#author);
  }

  #observed({ call, result }: CalledTool): ObservedCall {
    const hasEffect = result.outcome === "completed" && this.#toolNamed(call.name)?.effect !== "read";
    return { tool: call.name, args: call.args, result: result.content, hasEffect };
  }

  #toolNamed(name: string) {
    return this.#step.tools.find((tool) => tool.name === name);
  }

  #loopError({ rule, call: { tool }, what }: Loop): TierwiseError {
    const { name } = this.#step;
    if (this.#tooDear !== undefined) return toolUnaffordable(name, this.#tooDear);
    return this.#limit(`step "${name}": tool "${tool}" ${what}; the loop was ended`, rule, tool);
  }

  #limit(message: string, rule: Rule, tool?: string): TierwiseError {
    const details = { step: this.#step.name, rule, ...(tool !== undefined && { tool }) };
    return new StepFailedError("TOOL_LOOP_LIMIT", message, { details });
  }

  #prompt(): string {
    return this.#messages.find((message) => message.role === "user")?.content ?? "";
  }

  #nextTurn(kind: AttemptKind, corrects?: string): Progress {
    this.#turn += 1;
    const { name, maxTurns } = this.#step;
    if (this.#turn > maxTurns) {
      if (this.#tooDear !== undefined) return failed(toolUnaffordable(name, this.#tooDear));
      return failed(this.#limit(`step "${name}": no answer after ${maxTurns} turns (maxTurns)`, "turns"));
    }
    return [
      this.#inquiry.ask(
        {
          ...{ request: this.#request(), label: this.#label, role: this.#role, turn: this.#turn },
          ...{ conversation: this.#conversation, corrects },
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

/** Nothing could be called; the model has to write it anew. */
function isBroken({ result: { reason } }: CalledTool): boolean {
  return reason === "invalid-arguments" || reason === "arguments-too-long" || reason === "unknown-tool";
}

/**
 * A call as every later request repeats it: without arguments that nobody measured or that are too long, and with a name
 * that a tool could have, because servers refuse the whole request for one that none could.
 */
function sayable({ call, result }: CalledTool): CalledTool {
  const isUnmeasured = result.reason === "arguments-too-long" || result.reason === "too-many-calls";
  const name = isName(call.name) ? call.name : "unknown";
  return { call: { id: call.id, name, args: isUnmeasured ? undefined : call.args }, result };
}

function instructions({ system, output }: AgentStep): string {
  const finish = output.isText
    ? "Use the tools as needed. When you are done, answer in plain text."
    : `Use the tools as needed. When you are done, answer with one JSON value of this JSON Schema and nothing else:\n${JSON.stringify(answerSchema(output))}`;
  return system === undefined ? finish : `${system}\n\n${finish}`;
}
