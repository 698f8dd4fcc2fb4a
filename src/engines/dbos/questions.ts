import { show } from "../../common/names.ts";
import { TierwiseError } from "../../errors.ts";
import type { HumanRequest } from "../../runtime/session.ts";
import { flowsTo, formatClearance, makeClearance, type ClearanceSpec } from "../../tiers/clearance.ts";
import { decode, encode } from "../codec.ts";
import type { Seal } from "../seal.ts";
import type { Signals } from "./signals.ts";
import type { QuestionRow, Tables } from "./tables.ts";

/** A question that waits for a person, as it is shown to one who may see it. */
export interface PendingQuestion {
  readonly runId: string;
  readonly key: string;
  readonly step: string;
  readonly kind: HumanRequest["kind"];
  readonly prompt: string;
  readonly label: HumanRequest["label"];
  readonly tool?: string;
  /** As the tool will get them. */
  readonly arguments?: unknown;
  readonly reason?: string | undefined;
  /** Milliseconds since the Unix epoch. */
  readonly askedAtMs: number;
  readonly expiresAtMs: number | undefined;
}

/** Who answers, and what. */
export interface GivenAnswer {
  /** What `onHuman` would have returned for the question's kind. */
  readonly answer: unknown;
  /** Recorded with it, for example a user id. */
  readonly by: string;
  /** What this person may see: a question above it cannot be answered by them. */
  readonly clearance: ClearanceSpec;
}

interface Around {
  readonly tables: Tables;
  readonly signals: Signals;
  readonly seal: (runId: string) => Seal;
  readonly maxBytes: number;
  readonly expiresMs: number | undefined;
}

type Settle = (value: unknown) => void;

/** Questions to people that outlive the process: asked once, listed, and answered once, from any process. */
export class Questions {
  readonly #around: Around;
  /** Steps of this process that wait, by run and key. */
  readonly #waiting = new Map<string, Settle>();

  constructor(around: Around) {
    this.#around = around;
  }

  /** @throws {TierwiseError} `QUESTION_EXPIRED` */
  async ask({ signal, ...request }: HumanRequest): Promise<unknown> {
    const { tables, seal, maxBytes, expiresMs } = this.#around;
    const { runId, key } = request;
    const value = seal(runId).close(questionPlace(key), encode(request, { maxBytes }));
    const { expiresAtMs } = await tables.ask({ runId, key, value }, expiresMs);
    const known = (await tables.signals([runId])).find((row) => row.key === answerKey(key));
    if (known !== undefined) return this.#read(runId, key, known.value);
    return this.#wait(runId, key, { signal, expiresAtMs });
  }

  /** A signal of a run: is it an answer? @throws {TierwiseError} `CHECKPOINT_INVALID` */
  hear(runId: string, signalKey: string, value: string): boolean {
    if (!signalKey.startsWith(answerPrefix)) return false;
    const key = signalKey.slice(answerPrefix.length);
    const settle = this.#waiting.get(`${runId}\n${key}`);
    settle?.(this.#read(runId, key, value));
    return true;
  }

  /** Oldest first; those whose label this person may see. One that was altered is left out; `answer` says so. */
  async pending(spec: ClearanceSpec, limit: number): Promise<readonly PendingQuestion[]> {
    const clearance = makeClearance(spec);
    const found: PendingQuestion[] = [];
    for (let offset = 0; found.length < limit; offset += page) {
      const rows = await this.#around.tables.openQuestions(page, offset);
      found.push(...rows.flatMap((row) => this.#legible(row)).filter(({ label }) => flowsTo(label, clearance)));
      if (rows.length < page) break;
    }
    return found.slice(0, limit);
  }

  /** @throws {TierwiseError} when there is no such question, it has expired, or the person may not see it */
  async answer(runId: string, key: string, given: GivenAnswer): Promise<"accepted" | "already"> {
    const { tables, signals, seal, maxBytes } = this.#around;
    const row = await tables.question(runId, key);
    if (row === undefined) throw invalid(`run ${runId} has no question "${key}"; list them with questions()`);
    const { kind, label, step, expiresAtMs } = this.#shown(row);
    const clearance = makeClearance(given.clearance);
    if (!flowsTo(label, clearance)) {
      const message = `run ${runId}, step "${step}": the question is above ${formatClearance(clearance)}, which "${given.by}" is cleared for`;
      throw new TierwiseError("PRIVACY_FLOW_DENIED", message, { details: { runId, step } });
    }
    if (!fits(kind, given.answer)) throw invalid(`run ${runId}, step "${step}": expected ${expected[kind]}`);
    if (expiresAtMs !== undefined && expiresAtMs <= Date.now()) throw expired(runId, step);
    const text = encode({ answer: withName(kind, given), by: given.by, atMs: Date.now() }, { maxBytes });
    const value = seal(runId).close(answerPlace(key), text);
    return (await signals.send({ runId, key: answerKey(key), value })) ? "accepted" : "already";
  }

  #legible(row: QuestionRow): readonly PendingQuestion[] {
    try {
      return [this.#shown(row)];
    } catch {
      return [];
    }
  }

  #shown({ runId, key, value, askedAtMs, expiresAtMs }: QuestionRow): PendingQuestion {
    const request = decode(this.#around.seal(runId).open(questionPlace(key), value)) as Omit<HumanRequest, "signal">;
    return { ...request, askedAtMs, expiresAtMs };
  }

  #read(runId: string, key: string, value: string): unknown {
    return (decode(this.#around.seal(runId).open(answerPlace(key), value)) as { answer: unknown }).answer;
  }

  async #wait(
    runId: string,
    key: string,
    { signal, expiresAtMs }: { signal: AbortSignal; expiresAtMs: number | undefined },
  ): Promise<unknown> {
    const id = `${runId}\n${key}`;
    const leftMs = expiresAtMs === undefined ? Infinity : Math.max(0, expiresAtMs - Date.now());
    const late = leftMs > longestWaitMs ? undefined : AbortSignal.timeout(Math.ceil(leftMs));
    try {
      return await new Promise<unknown>((resolve, reject) => {
        this.#waiting.set(id, resolve);
        late?.addEventListener("abort", () => reject(expired(runId, key)), { once: true });
        if (signal.aborted) reject(signal.reason as Error);
        signal.addEventListener("abort", () => reject(signal.reason as Error), { once: true });
      });
    } finally {
      this.#waiting.delete(id);
    }
  }
}

/** Rows that are read at once. */
const page = 200;
/** What a timer of Node can wait; no run lives longer. */
const longestWaitMs = 2 ** 31 - 1;

const answerPrefix = "answer ";
const answerKey = (key: string): string => `${answerPrefix}${key}`;
const answerPlace = (key: string): string => `answer to ${key}`;
const questionPlace = (key: string): string => `question ${key}`;

const expected = {
  approval: "true, false or { approved, reason }",
  "approve-tool": "true, false or { approved, reason }",
  "resolve-tool": '{ outcome: "done", result } or { outcome: "not-done" }',
  answer: "an answer",
} as const;

function fits(kind: HumanRequest["kind"], answer: unknown): boolean {
  const members = (typeof answer === "object" ? answer : undefined) as Record<string, unknown> | null | undefined;
  if (kind === "answer") return answer !== undefined;
  if (kind === "resolve-tool") return members?.["outcome"] === "done" || members?.["outcome"] === "not-done";
  return typeof answer === "boolean" || typeof members?.["approved"] === "boolean";
}

/** An approval says whose it is. */
function withName(kind: HumanRequest["kind"], { answer, by }: GivenAnswer): unknown {
  if (kind !== "approval" && kind !== "approve-tool") return answer;
  return typeof answer === "boolean" ? { approved: answer, by } : { ...(answer as object), by };
}

function invalid(message: string): TierwiseError {
  return new TierwiseError("RUNTIME_INVALID", message);
}

function expired(runId: string, what: string): TierwiseError {
  return new TierwiseError("QUESTION_EXPIRED", `run ${runId}: nobody answered ${show(what)} before it expired`);
}
