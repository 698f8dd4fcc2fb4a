import { expect } from "vitest";
import { Member, type Begun, type Outcome } from "./member.ts";
import type { FlowOutput } from "./flow.ts";

/** Short, so that a test sees runs change hands. */
const leaseMs = 1_000;

/** Workers on one database, and how often each step's code began in any of them. */
export class Fleet implements AsyncDisposable {
  readonly members: readonly Member[];
  #begun = 0;
  #watchers: { readonly count: number; readonly reached: () => void }[] = [];
  readonly #counts = new Map<string, number>();
  /** Hears of every step that begins. */
  onBegin: (begun: Begun) => void = () => undefined;

  private constructor(url: string, size: number) {
    this.members = Array.from({ length: size }, () => new Member({ url, leaseMs }, (begun) => this.#count(begun)));
  }

  static async of(size: number, url: string): Promise<Fleet> {
    const fleet = new Fleet(url, size);
    await Promise.all(fleet.members.map((member) => member.ask({ type: "ready" })));
    return fleet;
  }

  /** Resolves when so many steps more have begun. */
  begin(more: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<undefined>();
    this.#watchers.push({ count: this.#begun + more, reached: () => resolve(undefined) });
    return promise;
  }

  /** Of steps that began, how many did more than once. */
  get repeated(): number {
    return [...this.#counts.values()].filter((count) => count > 1).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.members.map((member) => member[Symbol.asyncDispose]()));
  }

  #count({ runId, step }: Begun): void {
    this.onBegin({ runId, step });
    const id = `${runId} ${step}`;
    this.#begun += 1;
    this.#counts.set(id, (this.#counts.get(id) ?? 0) + 1);
    for (const { reached } of this.#watchers.filter(({ count }) => count <= this.#begun)) reached();
    this.#watchers = this.#watchers.filter(({ count }) => count > this.#begun);
  }
}

export function runIds(name: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

/** Every process must see the same end of every run. @returns the outcomes, by run */
export async function agreedOutcomes(members: readonly Member[], ids: readonly string[]): Promise<readonly Outcome[]> {
  const seen = await Promise.all(
    members.map((member) => member.ask<readonly Outcome[]>({ type: "results", runIds: ids })),
  );
  for (const other of seen) expect(other).toEqual(seen[0]);
  return seen[0] ?? [];
}

/** Whoever did the steps, each had one result, and everything after it read that one. */
export function expectCompleted(outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) {
    expect(outcome).not.toHaveProperty("error");
    if (!("output" in outcome)) continue;
    const { first, left, right, joined, last } = outcome.output as FlowOutput;
    expect([left.saw, right.saw]).toEqual([first, first]);
    expect(joined.saw).toEqual([left.own, right.own]);
    expect(last.saw).toBe(joined.own);
  }
}
