import { utf8Bytes } from "../common/utf8.ts";
import { textOf } from "./chat-reply.ts";

/** The members of a LangChain message chunk that we read; nothing about them is trusted, and every one may be missing. */
interface Chunk {
  readonly content?: unknown;
  readonly id?: unknown;
  readonly tool_call_chunks?: unknown;
  /** Whole calls: of a client that does not cut its answer into pieces. */
  readonly tool_calls?: unknown;
  readonly invalid_tool_calls?: unknown;
  readonly usage_metadata?: unknown;
  readonly response_metadata?: unknown;
  readonly additional_kwargs?: unknown;
}

type Bag = Readonly<Record<string, unknown>>;

/** A call whose arguments are still text. */
interface Pending {
  readonly index: unknown;
  id: string;
  name: string;
  readonly args: string[];
}

/**
 * The chunks of a streamed answer, put together. LangChain's own `concat` is not used: it parses all arguments again with
 * every chunk, and adds up token counts that servers repeat and finish reasons that they send twice.
 */
export class ChunkFold {
  readonly #texts: string[] = [];
  readonly #pending: Pending[] = [];
  readonly #whole: unknown[] = [];
  readonly #invalid: unknown[] = [];
  readonly #logprobs: unknown[] = [];
  #usage: Record<string, unknown> | undefined;
  #finishReason: string | undefined;
  #id: unknown;
  #model: unknown;
  #bytes = 0;

  /** Size of what was taken in, in UTF-8 bytes, an empty chunk counted as one; what the model thought included. */
  get bytes(): number {
    return this.#bytes;
  }

  /** `undefined` until a chunk says why the answer ends. */
  get finishReason(): string | undefined {
    return this.#finishReason;
  }

  /** @returns the piece of text that the chunk adds, often empty */
  add(found: unknown): string {
    const chunk = bagOf(found) as Chunk;
    const text = textOf(chunk.content);
    if (text !== "") this.#texts.push(text);
    const kwargs = bagOf(chunk.additional_kwargs);
    this.#bytes += 1 + utf8Bytes(text) + lengthOf(kwargs["reasoning_content"]);
    this.#addCalls(chunk);
    this.#addMetadata(bagOf(chunk.response_metadata), kwargs);
    this.#addUsage(chunk);
    this.#id ??= chunk.id;
    return text;
  }

  /** A message as `readReply` takes it. */
  message(): Readonly<Record<string, unknown>> {
    const calls = this.#pending.map(({ id, name, args }) => ({ id, name, args: parsed(args.join("")) }));
    const isValid = ({ args }: { readonly args: unknown }): boolean => args !== undefined;
    return {
      content: this.#texts.join(""),
      id: this.#id,
      tool_calls: [...this.#whole, ...calls.filter(isValid)],
      invalid_tool_calls: [...this.#invalid, ...calls.filter((call) => !isValid(call))],
      ...(this.#usage && { usage_metadata: this.#usage }),
      response_metadata: {
        finish_reason: this.#finishReason,
        model_name: this.#model,
        ...(this.#logprobs.length > 0 && { logprobs: { content: this.#logprobs } }),
      },
    };
  }

  #addCalls({ tool_call_chunks: pieces, tool_calls: whole, invalid_tool_calls: invalid }: Chunk): void {
    for (const piece of listOf(pieces)) this.#addPiece(bagOf(piece));
    // A chunk with pieces lists them here, too, as far as it can read them.
    if (listOf(pieces).length > 0) return;
    for (const call of listOf(whole)) this.#count(call, this.#whole);
    for (const call of listOf(invalid)) this.#count(call, this.#invalid);
  }

  #count(call: unknown, list: unknown[]): void {
    this.#bytes += utf8Bytes(JSON.stringify([call]));
    list.push(call);
  }

  #addPiece({ index, id, name, args }: Bag): void {
    const [ownId, ownName, ownArgs] = [id, name, args].map((part) => (typeof part === "string" ? part : ""));
    this.#bytes += lengthOf(id) + lengthOf(name) + lengthOf(args);
    const last = index === undefined ? this.#pending.at(-1) : this.#pending.findLast((call) => call.index === index);
    // Some servers give every call the index 0; the id tells them apart.
    const isNew = last === undefined || (ownId !== "" && last.id !== "" && ownId !== last.id);
    const call = isNew ? { index, id: "", name: "", args: [] } : last;
    if (isNew) this.#pending.push(call);
    call.id ||= ownId!;
    // Some servers repeat the name with every piece.
    if (ownName !== call.name) call.name += ownName!;
    if (ownArgs !== "") call.args.push(ownArgs!);
  }

  #addMetadata(metadata: Bag, kwargs: Bag): void {
    this.#finishReason = finishOf(metadata) ?? finishOf(kwargs) ?? this.#finishReason;
    this.#model = metadata["model_name"] ?? this.#model;
    const logprobs = bagOf(metadata["logprobs"])["content"];
    if (Array.isArray(logprobs)) for (const item of logprobs) this.#logprobs.push(item);
  }

  /** Servers that count with every event count from the start each time; so the most is the whole. */
  #addUsage({ usage_metadata: counted, response_metadata: metadata }: Chunk): void {
    const raw = bagOf(bagOf(metadata)["usage"]);
    for (const usage of [bagOf(counted), fromServer(raw)])
      if (Object.values(usage).some(isGiven)) this.#usage = mostOf(this.#usage ?? {}, usage) as Record<string, unknown>;
  }
}

/** A server's own counts, by the names that LangChain gives them. */
function fromServer(usage: Bag): Bag {
  const input = bagOf(usage["prompt_tokens_details"]);
  const output = bagOf(usage["completion_tokens_details"]);
  return {
    input_tokens: usage["prompt_tokens"],
    output_tokens: usage["completion_tokens"],
    total_tokens: usage["total_tokens"],
    ...(isGiven(input["cached_tokens"]) && { input_token_details: { cache_read: input["cached_tokens"] } }),
    ...(isGiven(output["reasoning_tokens"]) && { output_token_details: { reasoning: output["reasoning_tokens"] } }),
  };
}

/** Field by field. A count that is no number stays, so that the usage is not taken for sound. */
function mostOf(a: unknown, b: unknown): unknown {
  if (!isGiven(a)) return b;
  if (!isGiven(b)) return a;
  if (typeof a === "object" && typeof b === "object") {
    const keys = new Set([...Object.keys(a as Bag), ...Object.keys(b as Bag)]);
    return Object.fromEntries([...keys].map((key) => [key, mostOf((a as Bag)[key], (b as Bag)[key])]));
  }
  if (typeof a !== "number" || !(a >= 0)) return a;
  if (typeof b !== "number" || !(b >= 0)) return b;
  return Math.max(a, b);
}

const finishNames = ["finish_reason", "stop_reason", "done_reason", "finishReason"];

/** By the names of the adapters that are in use; the Responses API says `status` instead. */
function finishOf(bag: Bag): string | undefined {
  const found = finishNames.map((name) => bag[name]).find((value) => typeof value === "string" && value !== "");
  if (found !== undefined) return found as string;
  const { status } = bag;
  return status === "completed" ? "stop" : status === "incomplete" ? "length" : undefined;
}

/** @returns `undefined` for what is no JSON; a call without arguments has none to write */
function parsed(args: string): unknown {
  try {
    return JSON.parse(args.trim() === "" ? "{}" : args);
  } catch {
    return undefined;
  }
}

function bagOf(value: unknown): Bag {
  return typeof value === "object" && value !== null ? (value as Bag) : {};
}

function listOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null;
}

function lengthOf(value: unknown): number {
  return typeof value === "string" ? utf8Bytes(value) : 0;
}
