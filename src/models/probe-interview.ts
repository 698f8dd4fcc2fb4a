import type { Endpoint } from "../catalog/endpoint.ts";
import { checkUsage } from "../catalog/usage.ts";
import { openScope, untilAborted } from "../common/abort.ts";
import type { Clock } from "../common/clock.ts";
import { ProviderError } from "../errors.ts";
import { buildClient } from "./chat-client.ts";
import { chatBytes, sendChat } from "./chat-request.ts";
import type { ChatRequest, ModelReply } from "./port.ts";
import { plainRequest, probeQuestions, type ProbeName, type ProbeQuestion, type Reading } from "./probe-questions.ts";

export type Readings = Readonly<Record<ProbeName, Reading>>;

export interface InterviewOptions {
  readonly signal: AbortSignal;
  /** Of each request. */
  readonly timeoutMs: number;
  readonly clock: Clock;
}

/** Puts the questions to one endpoint, one after the other, and keeps count of what that took. */
export class ProbeInterview {
  requests = 0;
  readonly usage = { inputTokens: 0, outputTokens: 0, complete: true };
  readonly #endpoint: Endpoint;
  readonly #options: InterviewOptions;
  /** For messages. */
  #asking = "";

  constructor(endpoint: Endpoint, options: InterviewOptions) {
    this.#endpoint = endpoint;
    this.#options = options;
  }

  /** @throws {ProviderError} when the endpoint is down, or refuses even a plain request */
  async hold(): Promise<Readings> {
    const readings = new Map<string, Reading>();
    for (const [name, question] of Object.entries(probeQuestions)) {
      const missing = question.after.find((needed) => readings.get(needed)?.supported !== true);
      this.#asking = name;
      const reading = missing === undefined ? await this.#ask(question) : notAsked(missing);
      readings.set(name, reading);
    }
    return Object.fromEntries(readings) as Readings;
  }

  async #ask({ request, logprobs, read, refused }: ProbeQuestion): Promise<Reading> {
    const first = this.requests === 0;
    const answer = await this.#send(request, logprobs);
    if (!(answer instanceof ProviderError)) return read(answer);
    // Refused from the start: is it the option, or everything, as with a wrong name of the model?
    const plain = first ? await this.#send(plainRequest, false) : undefined;
    if (plain instanceof ProviderError) throw this.#failed(plain);
    return refused(`HTTP ${answer.status}`);
  }

  /** The reply, or the error with which the endpoint refused it; throws what is no answer to the question. */
  async #send(request: ChatRequest, logprobs: boolean): Promise<ModelReply | ProviderError> {
    const { name, reasoningTokens } = this.#endpoint;
    const client = buildClient(this.#endpoint, { maxOutputTokens: request.maxOutputTokens, logprobs });
    const scope = openScope(this.#options.signal, this.#options.timeoutMs, this.#options.clock);
    try {
      scope.signal.throwIfAborted();
      this.requests += 1;
      const reply = await untilAborted(
        sendChat(client, request, { endpoint: name, signal: scope.signal, clock: this.#options.clock }),
        scope.signal,
      );
      const bound = { requestBytes: chatBytes(request), maxOutputTokens: request.maxOutputTokens + reasoningTokens };
      this.#count(checkUsage(reply.usage, bound));
      return reply;
    } catch (error) {
      if (scope.timedOut()) throw this.#timeout();
      if (!(error instanceof ProviderError)) throw error;
      if (isRefusal(error)) return error;
      throw this.#failed(error);
    } finally {
      scope.release();
    }
  }

  #count({ usage, source }: ReturnType<typeof checkUsage>): void {
    this.usage.inputTokens += usage.inputTokens;
    this.usage.outputTokens += usage.outputTokens;
    if (source !== "provider") this.usage.complete = false;
  }

  #failed({ message, retryable, errorType, status, retryAfterMs }: ProviderError): ProviderError {
    return new ProviderError(this.#nothingLearnt(message), { retryable, errorType, status, retryAfterMs });
  }

  #timeout(): ProviderError {
    const { name } = this.#endpoint;
    const message = this.#nothingLearnt(
      `endpoint "${name}": no answer within ${this.#options.timeoutMs} ms (timeoutMs)`,
    );
    return new ProviderError(message, { code: "ATTEMPT_TIMEOUT", retryable: true, errorType: "timeout" });
  }

  #nothingLearnt(message: string): string {
    return `${message}; asked by the probe for "${this.#asking}". Nothing was found out: keep what is declared, and probe again once it answers`;
  }
}

function notAsked(missing: ProbeName): Reading {
  return { supported: undefined, evidence: `not asked without ${missing}` };
}

/** What servers answer to an option that they do not take. Keys, limits and faults say nothing about abilities. */
function isRefusal({ status }: ProviderError): boolean {
  return status !== undefined && [400, 404, 422, 501].includes(status);
}
