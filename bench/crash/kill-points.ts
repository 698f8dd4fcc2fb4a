/**
 * Where a worker of the crash matrix can die. Nothing in the product knows of it: statements are seen on their way to the
 * database, requests on their way to the model, tools and budgets around what the worker itself hands in.
 */
import pg from "pg";

export type Moment = "before" | "after";

/** A run's n-th passing of a place, counted from 1. */
export interface KillAt {
  readonly place: string;
  readonly moment: Moment;
  readonly nth: number;
}

type Passed = (place: string, moment: Moment) => void;

export class KillPoints {
  /** How often each place was passed, by `place moment`. */
  readonly passed = new Map<string, number>();
  readonly #runId: string | undefined;
  readonly #at: KillAt | undefined;

  /** @param runId whose passing counts; runs that this process takes over do not */
  constructor(runId: string | undefined, at: KillAt | undefined) {
    this.#runId = runId;
    this.#at = at;
  }

  /** Does not come back from where the worker is to die. */
  readonly pass = (runId: string, place: string, moment: Moment): void => {
    if (runId !== this.#runId) return;
    const name = `${place} ${moment}`;
    const count = (this.passed.get(name) ?? 0) + 1;
    this.passed.set(name, count);
    if (this.#at === undefined || name !== `${this.#at.place} ${this.#at.moment}` || count !== this.#at.nth) return;
    process.kill(process.pid, "SIGKILL");
  };

  async around<T>(runId: string, place: string, work: () => Promise<T>): Promise<T> {
    this.pass(runId, place, "before");
    const result = await work();
    this.pass(runId, place, "after");
    return result;
  }

  /** Statements of the engine and of DBOS, whatever pool they come from. */
  watchDatabase(): void {
    const prototype = pg.Client.prototype as unknown as { query: (...given: unknown[]) => unknown };
    const { query } = prototype;
    const watched = (given: readonly unknown[]): Passed | undefined => this.#watched(given);
    prototype.query = function (this: unknown, ...given: unknown[]): unknown {
      const passed = watched(given);
      if (passed === undefined) return query.apply(this, given);
      const place = placeOf(given)!;
      passed(place, "before");
      const callback = given.at(-1);
      if (typeof callback === "function") {
        const told = (...answer: unknown[]): void => {
          passed(place, "after");
          (callback as (...answer: unknown[]) => void)(...answer);
        };
        return query.apply(this, [...given.slice(0, -1), told]);
      }
      return (query.apply(this, given) as Promise<unknown>).then((answer) => {
        passed(place, "after");
        return answer;
      });
    };
  }

  /** Requests to models: headers and the whole body of the answer. */
  watchFetch(): void {
    const { fetch } = globalThis;
    globalThis.fetch = async (input, init) => {
      const runId = runOf(init?.body);
      if (runId === undefined) return fetch(input, init);
      this.pass(runId, "request", "before");
      const response = await fetch(input, init);
      this.pass(runId, "first byte", "after");
      const body = await response.arrayBuffer();
      this.pass(runId, "last byte", "after");
      return new Response(body, { status: response.status, headers: response.headers });
    };
  }

  #watched(given: readonly unknown[]): Passed | undefined {
    const place = placeOf(given);
    if (place === undefined || this.#runId === undefined) return undefined;
    // A lease is of the process, everything else of a run.
    const runId = this.#runId;
    const isOurs = place === "lease" || JSON.stringify(valuesOf(given)).includes(runId);
    return isOurs ? (name, moment) => this.pass(runId, name, moment) : undefined;
  }
}

const statements: readonly (readonly [RegExp, string])[] = [
  [/^\s*INSERT INTO tierwise\.worker/i, "lease"],
  [/^\s*INSERT INTO tierwise\.question/i, "question"],
  [/^\s*INSERT INTO tierwise\.signal/i, "answer"],
  [/^\s*DELETE FROM tierwise\.question/i, "clean up"],
  [/INSERT INTO\s+"?\w+"?\."?workflow_status/i, "admit"],
  [/INSERT INTO\s+"?\w+"?\."?operation_outputs/i, "commit"],
];

function placeOf(given: readonly unknown[]): string | undefined {
  const text = textOf(given);
  if (/^\s*INSERT INTO tierwise\.note/i.test(text)) return isTool(given) ? "tool launch" : "launch";
  if (/UPDATE\s+"?\w+"?\."?workflow_status/i.test(text))
    return valuesOf(given).includes("SUCCESS") ? "finish" : undefined;
  const found = statements.find(([pattern]) => pattern.test(text))?.[1];
  return found === "commit" ? commitOf(given) : found;
}

/** A batch may hold several; the rarest names it. */
function commitOf(given: readonly unknown[]): string {
  const values = JSON.stringify(valuesOf(given));
  if (/tool-end/.test(values)) return "tool commit";
  return /toolCalls[^\]]*callId|toolCalls[^\]]*"args/.test(values) ? "message commit" : "step commit";
}

function isTool(given: readonly unknown[]): boolean {
  return valuesOf(given).some((value) => typeof value === "string" && value.includes('"what":"tool"'));
}

function textOf([first]: readonly unknown[]): string {
  const text = typeof first === "string" ? first : (first as { text?: unknown } | undefined)?.text;
  return typeof text === "string" ? text : "";
}

function valuesOf([first, second]: readonly unknown[]): readonly unknown[] {
  if (Array.isArray(second)) return second as unknown[];
  return (first as { values?: readonly unknown[] } | undefined)?.values ?? [];
}

/** Prompts begin with the run that they are of. */
function runOf(body: unknown): string | undefined {
  return typeof body === "string" ? /run=([\w-]+)/.exec(body)?.[1] : undefined;
}
