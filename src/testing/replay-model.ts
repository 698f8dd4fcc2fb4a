import type { ChatModelFactory } from "../catalog/model-like.ts";
import { stableJson } from "../common/stable-hash.ts";
import { TierwiseError } from "../errors.ts";
import { clientStandIn, type ClientCall } from "./client-stand-in.ts";
import type { RecordingOptions } from "./record-model.ts";
import { hashOf, readRecording, recordingError, type Exchange, type RecordedRequest } from "./recording.ts";
import { checkedRedactor, redactRequest } from "./redact-recording.ts";

/** For `endpoint({ model })`. */
export interface ReplayedModel extends ChatModelFactory {
  /** @throws {TierwiseError} when exchanges of the recording were not asked for */
  assertDone(): void;
}

/**
 * Answers from a file of `recordModel`: every request as it was answered then, with tool calls, usage, finish reason and
 * log-probabilities, and with errors where there were errors. Requests are compared by hash: messages, tools, schema, output
 * limit. Each exchange is used once; equal ones in the order in which they were recorded.
 *
 * A request that is not recorded fails the run, naming the nearest exchange of the file by its position.
 * @throws {TierwiseError} when the file is missing, damaged, of another version, or was recorded with a `redact` hook that is
 * not given here
 */
export function replayModel({ file, redact }: RecordingOptions): ReplayedModel {
  const { client, redacted, exchanges } = readRecording(file);
  if (redacted !== (redact !== undefined)) {
    const [was, is] = redacted ? ["with a", "without one; give it the same"] : ["without a", "with one; leave it out"];
    throw recordingError(file, `was made ${was} redact hook and is replayed ${is}`);
  }
  const reel = new Reel(file, exchanges);
  const clean = checkedRedactor(file, redact);
  const factory: ChatModelFactory = (needs) => {
    const answer = async ({ request, options }: ClientCall): Promise<unknown> => {
      options?.signal?.throwIfAborted();
      return reel.answer(redactRequest(request, clean));
    };
    // In one piece: how it was cut then is not recorded.
    const stream = async function* (call: ClientCall): AsyncGenerator {
      yield await answer(call);
    };
    const standIn = clientStandIn(client, needs, { answer, stream });
    // No server is asked, so spans shall name none.
    return Object.assign(standIn, { clientConfig: { baseURL: "" } });
  };
  return Object.assign(factory, { assertDone: () => reel.assertDone() });
}

class Reel {
  readonly #file: string;
  readonly #exchanges: readonly Exchange[];
  readonly #used = new Set<Exchange>();
  #requests = 0;

  constructor(file: string, exchanges: readonly Exchange[]) {
    this.#file = file;
    this.#exchanges = exchanges;
  }

  answer(request: RecordedRequest): Promise<unknown> {
    this.#requests += 1;
    const hash = hashOf(request);
    const equal = this.#exchanges.filter((exchange) => exchange.hash === hash);
    const next = equal.find((exchange) => !this.#used.has(exchange));
    if (next === undefined) throw this.#unexpected(equal.length > 0 ? this.#usedUp(equal) : this.#notRecorded(request));
    this.#used.add(next);
    if (next.error === undefined) return Promise.resolve(next.reply);
    return Promise.reject(Object.assign(new Error("a failure that was recorded"), next.error));
  }

  assertDone(): void {
    const left = this.#exchanges.flatMap((exchange, index) => (this.#used.has(exchange) ? [] : [index + 1]));
    if (left.length === 0) return;
    throw new TierwiseError(
      "UNEXPECTED_CALL",
      `replay of "${this.#file}": of ${this.#exchanges.length} exchanges these were not asked for: ${left.join(", ")}`,
    );
  }

  #unexpected(why: string): TierwiseError {
    return new TierwiseError(
      "UNEXPECTED_CALL",
      `replay of "${this.#file}": request ${this.#requests} ${why}; if the graph has changed, record it again`,
    );
  }

  #usedUp(equal: readonly Exchange[]): string {
    const places = equal.map((exchange) => this.#exchanges.indexOf(exchange) + 1).join(", ");
    return `is that of exchange ${places}, which was replayed before: it was recorded ${equal.length === 1 ? "once" : `${equal.length} times`}`;
  }

  #notRecorded(request: RecordedRequest): string {
    const compared = this.#exchanges.map((exchange) => differences(request, exchange.request));
    const fewest = Math.min(...compared.map(({ length }) => length));
    const near = compared.findIndex(({ length }) => length === fewest);
    if (near === -1) return "is not recorded: the file has no exchanges";
    return `is not recorded; the nearest of ${compared.length} exchanges is number ${near + 1}, which differs in ${compared[near]!.join(", ")}`;
  }
}

/** Where two requests differ, by position and without content. */
function differences(asked: RecordedRequest, recorded: RecordedRequest): string[] {
  const length = Math.max(asked.messages.length, recorded.messages.length);
  const messages = Array.from({ length }, (_, index) => {
    const [own, other] = [asked.messages[index], recorded.messages[index]];
    const only = own === undefined ? ", missing" : other === undefined ? ", not recorded" : "";
    return isSame(own, other) ? [] : [`message ${index + 1} (${roleOf(own ?? other)}${only})`];
  });
  const members = ["tools", "options", "maxOutputTokens", "logprobs"] as const;
  return [...messages.flat(), ...members.filter((member) => !isSame(asked[member], recorded[member]))];
}

function roleOf(message: Readonly<Record<string, unknown>> | undefined): string {
  const role = message?.["role"];
  return role === "system" || role === "user" || role === "assistant" || role === "tool" ? role : "message";
}

function isSame(a: unknown, b: unknown): boolean {
  return stableJson([a]) === stableJson([b]);
}
