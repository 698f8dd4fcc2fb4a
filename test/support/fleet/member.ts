import { fork, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import type { RunQuery } from "../../../src/runtime/engine.ts";

export interface MemberSettings {
  readonly url: string;
  readonly leaseMs: number;
}

/** Of one run, as one process sees it. */
export type Outcome = { readonly output: unknown } | { readonly error: string; readonly message: string };

export type Ask =
  | { readonly type: "ready" | "questions" | "leave" }
  | { readonly type: "start"; readonly runIds: readonly string[]; readonly asks: boolean }
  | { readonly type: "results"; readonly runIds: readonly string[] }
  | { readonly type: "cancel"; readonly runId: string }
  | { readonly type: "find"; readonly query: RunQuery }
  | {
      readonly type: "answer";
      readonly runId: string;
      readonly key: string;
      readonly approved: boolean;
      readonly by: string;
    };

/** A code step began its work in some member. */
export interface Begun {
  readonly runId: string;
  readonly step: string;
}

type Told = { readonly begins: Begun } | { readonly id: number; readonly value?: unknown; readonly error?: string };

/** A worker process of a fleet, driven by a test. */
export class Member implements AsyncDisposable {
  readonly #process: ChildProcess;
  readonly #waiting = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #gone: Promise<unknown>;
  #asked = 0;

  constructor(settings: MemberSettings, begins: (begun: Begun) => void = () => undefined) {
    this.#process = fork(join(import.meta.dirname, "member-process.ts"), [JSON.stringify(settings)], { execArgv: [] });
    this.#process.on("message", (told: Told) => {
      if ("begins" in told) begins(told.begins);
      else this.#answered(told.id, told);
    });
    this.#gone = once(this.#process, "exit").then(() => {
      for (const { reject } of this.#waiting.values()) reject(new Error("the member is gone"));
    });
  }

  async ask<T = void>(ask: Ask): Promise<T> {
    this.#asked += 1;
    const answer = Promise.withResolvers<unknown>();
    this.#waiting.set(this.#asked, answer);
    this.#process.send({ id: this.#asked, ask });
    return (await answer.promise) as T;
  }

  async kill(): Promise<void> {
    this.#process.kill("SIGKILL");
    await this.#gone;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode === null && this.#process.signalCode === null) await this.kill();
  }

  #answered(id: number, { value, error }: { readonly value?: unknown; readonly error?: string }): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }
}
