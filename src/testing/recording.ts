import { mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { stableHash, stableJson } from "../common/stable-hash.ts";
import { TierwiseError } from "../errors.ts";

/** What a client showed of itself while it was recorded; a replay shows the same, so that policies decide the same. */
export interface RecordedClient {
  readonly type: string | undefined;
  readonly model: string | undefined;
  readonly tools: boolean;
  readonly logprobs: boolean;
}

/** A request as it reached the client, as plain JSON. */
export interface RecordedRequest {
  readonly maxOutputTokens: number;
  readonly logprobs: boolean;
  readonly messages: readonly Readonly<Record<string, unknown>>[];
  readonly tools: readonly unknown[];
  readonly options: Readonly<Record<string, unknown>>;
}

/** What the adapter reads of a client's message. */
export type RecordedReply = Readonly<Record<string, unknown>>;

/** What the adapter reads of a client's failure; not its text, which may quote the prompt or the key. */
export interface RecordedError {
  readonly name?: string;
  readonly status?: number;
  readonly code?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Exchange {
  /** Of the request; what a replay goes by. The request beside it is for readers. */
  readonly hash: string;
  readonly request: RecordedRequest;
  readonly reply?: RecordedReply;
  readonly error?: RecordedError;
}

export interface Recording {
  readonly client: RecordedClient;
  /** Whether a `redact` hook was at work: a replay needs the same one. */
  readonly redacted: boolean;
  readonly exchanges: readonly Exchange[];
}

type Found = Partial<Record<keyof Recording | "format" | "version", unknown>>;

const format = "tierwise-recording";
const version = 1;

export function hashOf(request: RecordedRequest): string {
  return stableHash(request, 32);
}

/** The same recording gives the same bytes: keys are sorted, and it holds no time. */
export function writeRecording(file: string, recording: Recording): void {
  const sorted: unknown = JSON.parse(stableJson({ format, version, ...recording }));
  const draft = `${file}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(file), { recursive: true });
    // For its owner only, for it holds prompts; and renamed into place, so that no reader sees half of it.
    writeFileSync(draft, `${JSON.stringify(sorted, undefined, 2)}\n`, { mode: 0o600 });
    renameSync(draft, file);
  } catch (error) {
    throw recordingError(file, `cannot be written (${codeOf(error)})`);
  }
}

export function readRecording(file: string): Recording {
  const found = parse(file);
  if (found.format !== format) throw recordingError(file, `is no recording: its "format" is not "${format}"`);
  if (found.version !== version)
    throw recordingError(file, `is of version ${String(found.version)}, expected ${version}; record it again`);
  const { exchanges, client } = found;
  const isWhole =
    typeof client === "object" && client !== null && Array.isArray(exchanges) && exchanges.every(isExchange);
  if (!isWhole) throw recordingError(file, "is damaged: a client or an exchange is not complete; record it again");
  return found as Recording;
}

export function recordingError(file: string, what: string, cause?: unknown): TierwiseError {
  return new TierwiseError("RECORDING_INVALID", `recording "${file}" ${what}`, { cause });
}

function isExchange(item: unknown): item is Exchange {
  const { hash, request, reply, error } = Object(item) as Partial<Exchange>;
  return typeof hash === "string" && Array.isArray(request?.messages) && typeof (reply ?? error) === "object";
}

function parse(file: string): Found {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw recordingError(file, `cannot be read (${codeOf(error)}); make it with recordModel`);
  }
  try {
    return Object(JSON.parse(text)) as Found;
  } catch {
    throw recordingError(file, "is no JSON; record it again");
  }
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException).code ?? "unknown";
}
