import type { Location } from "../catalog/endpoint.ts";
import { show } from "../common/names.ts";
import { formatLabel, isAtLeast, makeLabel, privacyLevels, type Compartment, type Privacy } from "../tiers/label.ts";
import { observe, type ObservedRun } from "./observed-run.ts";

/** One step of the run. @default all steps together */
export interface OfStep {
  readonly step?: string;
}

/** Data at a level or above, and where it may be. */
export interface KeptWithin {
  readonly level: Privacy;
  /** Only data that has all of these. @default [] */
  readonly compartments?: readonly Compartment[];
  /** Locations of endpoints. */
  readonly within: readonly Location[];
}

/** What `tierwiseMatchers` adds to `expect(...)`, where the value is a `RunResult` or an array of a run's events. */
export interface TierwiseMatchers<R = void> {
  /** The endpoint was asked, whether or not its answer was accepted. */
  toHaveUsed(endpoint: string, options?: OfStep): R;
  /** A weak answer was followed by a stronger endpoint. */
  toHaveEscalated(options?: OfStep): R;
  /** All model calls together cost at most this, in US dollars. Throws when the cost is not known in full. */
  toHaveCostAtMost(usd: number): R;
  /**
   * Every model request whose data was at this level or above went to an endpoint in one of these locations. True of a run
   * that sent no such data; tools and people are not looked at. Events are exact; a result may fail a step that asked an
   * endpoint elsewhere about lower data, never the other way round.
   */
  toHaveKept(options: KeptWithin): R;
  /** A decision left the endpoint out, by this rule if one is given (`clearance`, `money`, a rule's name). */
  toHaveRefused(endpoint: string, options?: OfStep & { readonly rule?: string }): R;
}

/** Whether it holds, and what is said when it does not. */
export interface MatcherOutcome {
  readonly pass: boolean;
  readonly message: () => string;
}

/** As vitest and jest take them. */
export type Matchers = {
  [Name in keyof TierwiseMatchers]: (
    subject: unknown,
    ...expected: Parameters<TierwiseMatchers[Name]>
  ) => MatcherOutcome;
};

/**
 * Matchers for `expect` of vitest and jest.
 *
 * @example
 * ```ts
 * import { expect } from "vitest";
 * import { tierwiseMatchers } from "tierwise/testing";
 * import "tierwise/testing/vitest"; // their types
 *
 * expect.extend(tierwiseMatchers);
 * const result = await runtime.run(support, input);
 * expect(result).toHaveUsed("phi4", { step: "triage" });
 * expect(result).toHaveKept({ level: "regulated", within: ["on-prem", "in-process"] });
 * ```
 * For jest, declare the types once:
 * `declare global { namespace jest { interface Matchers<R> extends TierwiseMatchers<R> {} } }`.
 */
export const tierwiseMatchers: Readonly<Matchers> = Object.freeze<Matchers>({
  toHaveUsed(subject, endpoint, { step } = {}) {
    const asked = known(observe(subject), step).asked(step);
    return outcome(asked.includes(endpoint), {
      expected: `"${endpoint}" to be asked${inStep(step)}`,
      found: `asked in this order: ${list(asked)}`,
    });
  },

  toHaveEscalated(subject, { step } = {}) {
    const run = known(observe(subject), step);
    const count = run.escalations(step);
    return outcome(count > 0, {
      expected: `an escalation${inStep(step)}`,
      found: `${count === 0 ? "none" : count}; asked in this order: ${list(run.asked(step))}`,
    });
  },

  toHaveCostAtMost(subject, usd) {
    if (!Number.isFinite(usd) || usd < 0) throw new TypeError(`expected US dollars from 0, found ${show(usd)}`);
    const { costUsd, costComplete } = observe(subject);
    if (!costComplete && costUsd <= usd)
      throw new Error(
        `the cost is not known in full: $${costUsd} is what is priced and counted (expected at most $${usd})`,
      );
    return outcome(costUsd <= usd, { expected: `a cost of at most $${usd}`, found: `$${costUsd}` });
  },

  toHaveKept(subject, { level, compartments = [], within }) {
    if (!privacyLevels.includes(level))
      throw new TypeError(`expected one of ${list(privacyLevels)}, found ${show(level)}`);
    if (!Array.isArray(within)) throw new TypeError(`expected locations in "within", found ${show(within)}`);
    const bound = makeLabel({ level, compartments, integrity: "trusted" });
    const away = observe(subject).sent.filter(
      ({ label, location }) => isAtLeast(label, bound) && !within.includes(location),
    );
    return outcome(away.length === 0, {
      expected: `data from ${formatLabel(bound)} up to stay within ${list(within)}`,
      found: list(
        away.map(
          ({ step, endpoint, location, label }) => `${step} -> ${endpoint} (${location}): ${formatLabel(label)}`,
        ),
      ),
    });
  },

  toHaveRefused(subject, endpoint, { step, rule } = {}) {
    const refused = known(observe(subject), step).refused.filter(
      (refusal) => step === undefined || refusal.step === step,
    );
    const own = refused.filter((refusal) => refusal.endpoint === endpoint);
    return outcome(
      own.some((refusal) => rule === undefined || refusal.rule === rule),
      {
        expected: `"${endpoint}" to be refused${rule === undefined ? "" : ` by ${rule}`}${inStep(step)}`,
        found: list([...new Set(refused.map((refusal) => `${refusal.endpoint} by ${refusal.rule}`))]),
      },
    );
  },
});

function outcome(pass: boolean, { expected, found }: { expected: string; found: string }): MatcherOutcome {
  return { pass, message: () => `expected ${pass ? "not: " : ""}${expected}\nfound: ${found}` };
}

/** A check that cannot fail, because its step is misspelt, is none. */
function known(run: ObservedRun, step: string | undefined): ObservedRun {
  if (step === undefined || run.steps.has(step)) return run;
  const why = "a result knows only steps that were decided, events also those that were skipped";
  throw new Error(`no step ${show(step)} was seen (${why}); seen: ${list([...run.steps])}`);
}

function inStep(step: string | undefined): string {
  return step === undefined ? "" : ` in step "${step}"`;
}

function list(items: readonly string[]): string {
  return items.length === 0 ? "none" : items.join(", ");
}
