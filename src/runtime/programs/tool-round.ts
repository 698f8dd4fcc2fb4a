import type { AgentStep } from "../../graph/definition.ts";
import type { ToolCall } from "../../models/port.ts";
import type { Label } from "../../tiers/label.ts";
import type { ToolRefusal, ToolResult, ToolWork } from "../step-work.ts";

/** Calls of one turn beyond this are refused: no useful turn has them. */
export const maxCallsPerTurn = 16;

export interface CalledTool {
  readonly call: ToolCall;
  readonly result: ToolResult;
}

/**
 * The calls of one turn: which may run now, and what came of them, in the order of the calls whatever order they ended in.
 *
 * Tools without effect run side by side, up to the step's `toolConcurrency`. Tools with one run one after the other in the
 * order of the calls, beside the others: the model wrote them as a sequence, and what an effect does may depend on what is
 * there before it (create, then charge). For the same reason the sequence ends at the first that did not succeed.
 */
export class ToolRound {
  readonly #step: AgentStep;
  readonly #turn: number;
  readonly #label: Label;
  /** The last stands for all that are too many. */
  readonly #calls: readonly ToolCall[];
  readonly #tooMany: number;
  readonly #started = new Set<number>();
  readonly #results: (ToolResult | undefined)[];

  /** @param label of the turn that wrote the calls */
  constructor(step: AgentStep, { turn, calls, label }: { turn: number; calls: readonly ToolCall[]; label: Label }) {
    this.#step = step;
    this.#turn = turn;
    this.#label = label;
    this.#calls = calls.slice(0, maxCallsPerTurn + 1);
    this.#tooMany = Math.max(0, calls.length - maxCallsPerTurn);
    this.#results = this.#calls.map(() => undefined);
  }

  get isOver(): boolean {
    return this.#results.every((result) => result !== undefined);
  }

  /** Once it is over. */
  get called(): readonly CalledTool[] {
    return this.#calls.map((call, index) => ({ call, result: this.#results[index]! }));
  }

  /** Works that are due now; each is given once. */
  due(): readonly ToolWork[] {
    const due: ToolWork[] = [];
    for (const index of this.#calls.keys()) {
      const isUnderWay = this.#started.size - this.#results.filter((result) => result !== undefined).length;
      if (isUnderWay >= this.#step.toolConcurrency) break;
      if (this.#started.has(index) || !this.#mayStart(index)) continue;
      this.#started.add(index);
      due.push(this.#work(index));
    }
    return due;
  }

  settle(key: string, result: ToolResult): void {
    const index = this.#calls.findIndex((_call, position) => this.#key(position) === key);
    if (index >= 0) this.#results[index] = result;
  }

  #mayStart(index: number): boolean {
    return !this.#hasEffect(index) || this.#effectsBefore(index).every((result) => result !== undefined);
  }

  #hasEffect(index: number): boolean {
    const tool = this.#step.tools.find(({ name }) => name === this.#calls[index]?.name);
    return index < maxCallsPerTurn && tool !== undefined && tool.effect !== "read";
  }

  #effectsBefore(index: number): readonly (ToolResult | undefined)[] {
    return this.#results.slice(0, index).filter((_result, position) => this.#hasEffect(position));
  }

  #work(index: number): ToolWork {
    const refuse = this.#refusal(index);
    const input = { step: this.#step.name, call: this.#calls[index]!, label: this.#label, ...(refuse && { refuse }) };
    return { key: this.#key(index), kind: "tool", input };
  }

  #refusal(index: number): ToolRefusal | undefined {
    if (index >= maxCallsPerTurn) return { reason: "too-many-calls", calls: this.#tooMany };
    const isBroken = this.#effectsBefore(index).some((result) => result?.outcome !== "completed");
    return this.#hasEffect(index) && isBroken ? { reason: "earlier-effect", calls: 1 } : undefined;
  }

  #key(index: number): string {
    return `${this.#step.name}#0/${this.#turn}/tool${index}`;
  }
}
