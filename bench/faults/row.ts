/** What was seen of a row; what a row expects names some of it. */
export interface Facts {
  /** `completed`, or the code of the error. */
  readonly outcome: string;
  /** Requests at the servers: the cleared endpoint, its fallback, and the one that must never be asked. */
  readonly main?: number;
  readonly spare?: number;
  readonly outside: number;
  /** How long it took. */
  readonly ms?: number;
  /** How long the end took after `cancel()`. */
  readonly endMs?: number;
  /** Calls of tools. */
  readonly executed?: number;
  /** Requests that the client closed before it had an answer. */
  readonly gaveUp?: number;
  /** Length of the longest request, in bytes. */
  readonly longestRequest?: number;
  /** Error types of failed attempts, or reasons of refused answers, in order. */
  readonly failures?: string;
  /** Whether the books say that they are exact. */
  readonly exact?: boolean;
  /** Pieces of accepted attempts that the caller saw, and of attempts that came to nothing. */
  readonly shown?: number;
  readonly voided?: number;
  /** The answer of the run, cut. */
  readonly answer?: string;
  /** An invariant that did not hold. */
  readonly broken?: string;
}

/** A value, or bounds of a number. */
type Wanted<T> = T | (T extends number ? readonly [least: number, most: number] : never);

export type Expected = { readonly [Name in keyof Facts]?: Wanted<NonNullable<Facts[Name]>> } & {
  readonly outcome: string;
};

export interface Row {
  readonly id: string;
  readonly fault: string;
  readonly expected: Expected;
  /** `undefined` for what cannot be run yet; `expected.outcome` then says why. */
  readonly run?: () => Promise<Facts>;
  /** Not beside other rows: it measures short times, or takes the whole machine. */
  readonly alone?: boolean;
}

/** Holds for every row: nothing went to an endpoint that is not cleared, and the books add up. */
const always = { outside: 0, broken: "" } as const;

export interface Verdict {
  readonly ok: boolean;
  readonly expected: string;
  readonly seen: string;
}

export function compare(expected: Expected, facts: Facts): Verdict {
  const wanted = Object.entries({ ...always, ...expected }) as [keyof Facts, unknown][];
  const found = { broken: "", ...facts };
  const wrong = wanted.filter(([name, want]) => !fits(want, found[name]));
  const shown = wanted.filter(([name]) => !(name in always) || wrong.some(([other]) => other === name));
  return {
    ok: wrong.length === 0,
    expected: shown.map(([name, want]) => told(name, want)).join(", "),
    seen: shown.map(([name]) => told(name, found[name])).join(", "),
  };
}

function fits(want: unknown, found: unknown): boolean {
  if (!Array.isArray(want)) return want === found;
  const [least, most] = want as [number, number];
  return typeof found === "number" && found >= least && found <= most;
}

function told(name: keyof Facts, value: unknown): string {
  if (name === "outcome") return String(value);
  if (!Array.isArray(value)) return `${name} ${typeof value === "number" ? Math.round(value) : String(value)}`;
  const [least, most] = value as [number, number];
  return `${name} ${least} to ${most}`;
}
