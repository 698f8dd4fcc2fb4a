/**
 * The one error base and its closed list of codes. Every room may import this file; it imports nothing.
 *
 * A message says which step or name, what was expected, what was found and what to do. It never holds a prompt, an
 * output or an input value, because errors are logged and labels do not follow them.
 * @module
 */

/** Stable, append-only identifiers of everything that can go wrong. */
export type ErrorCode =
  | "GRAPH_INVALID"
  | "CATALOG_INVALID"
  | "RUNTIME_INVALID"
  | "MODEL_DATA_INVALID"
  | "INPUT_INVALID"
  | "NO_ELIGIBLE_ENDPOINT"
  | "HUMAN_REQUIRED"
  | "PRIVACY_FLOW_DENIED"
  | "PRIVACY_TIER_EXCEEDED"
  | "PRIVACY_ACTION_UNTRUSTED"
  | "PRIVACY_DECLASSIFY_ILLEGAL"
  | "PRIVACY_LABEL_MISSING"
  | "BUDGET_EXCEEDED"
  | "BUDGET_UNAVAILABLE"
  | "DEADLINE_EXCEEDED"
  | "RUN_CANCELLED"
  | "ATTEMPT_TIMEOUT"
  | "PROVIDER_ERROR"
  | "BACKPRESSURE"
  | "CIRCUIT_OPEN"
  | "SHUTTING_DOWN"
  | "OUTPUT_INVALID"
  | "TOOL_LOOP_LIMIT"
  | "STEP_FAILED"
  | "INTERNAL"
  | "UNEXPECTED_CALL"
  | "RECORDING_INVALID";

/** Plain facts about an error: ids, limits, counts. Never prompts, outputs or live objects. */
export type ErrorDetails = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

const marker = Symbol.for("tierwise.error");

/** Base of every error that Tierwise throws. Tell kinds apart by `code` or by class; both survive bundling. */
export class TierwiseError extends Error {
  override readonly name: string = "TierwiseError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;
  readonly [marker] = true;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = Object.freeze({ ...options.details });
  }

  /** Works across copies of the package, unlike `instanceof`. */
  static isInstance(value: unknown): value is TierwiseError {
    return typeof value === "object" && value !== null && marker in value;
  }
}

/** One thing wrong in a definition: where, and the sentence that says what to do. */
export interface Problem {
  readonly code: ErrorCode;
  /** For example `steps.reply.output`. */
  readonly path: string;
  readonly message: string;
}

/** A definition (graph, catalog, runtime options) is wrong; lists every problem found, not only the first. */
export class DefinitionError extends TierwiseError {
  override readonly name: string = "DefinitionError";
  readonly problems: readonly Problem[];

  constructor(subject: string, problems: readonly Problem[], code: ErrorCode = "GRAPH_INVALID") {
    const lines = problems.map((problem) => `  ${problem.path}: ${problem.message.replaceAll("\n", "\n  ")}`);
    const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
    super(code, `${subject}: ${count}\n${lines.join("\n")}`, { details: { codes: problems.map((p) => p.code) } });
    this.problems = Object.freeze([...problems]);
  }
}

/** No endpoint may receive the data and do the work. The message says what would make one eligible. */
export class NoEligibleEndpointError extends TierwiseError {
  override readonly name: string = "NoEligibleEndpointError";
}

/** Data would have reached a sink whose clearance does not cover its label. Nothing was sent. */
export class FlowViolationError extends TierwiseError {
  override readonly name: string = "FlowViolationError";
}

/**
 * A budget of the run, of a step or of a shared account has no room for the next call. Nothing was sent for that call.
 * `details` say which: `step`, `scope`, `dimension`, and for a shared account `account` and `retryAfterMs`.
 */
export class BudgetExceededError extends TierwiseError {
  override readonly name: string = "BudgetExceededError";
}

/** The caller cancelled the run; `cause` is the reason that the signal carried. */
export class RunCancelledError extends TierwiseError {
  override readonly name: string = "RunCancelledError";
}

/** The run took longer than its `durationMs`. */
export class DeadlineExceededError extends TierwiseError {
  override readonly name: string = "DeadlineExceededError";
}

/** A step could not produce its value: its code threw, or no endpoint gave an acceptable answer. */
export class StepFailedError extends TierwiseError {
  override readonly name: string = "StepFailedError";
}

/** The input of a run does not fit the schema of its graph. Nothing was called. */
export class InputError extends TierwiseError {
  override readonly name: string = "InputError";
}

/** A model call failed, or was not made because its endpoint takes none now. `retryable`: the same request could succeed later. */
export class ProviderError extends TierwiseError {
  override readonly name: string = "ProviderError";
  readonly retryable: boolean;
  /** HTTP status, if the provider answered with one. */
  readonly status: number | undefined;
  /** Value of the span attribute `error.type`. */
  readonly errorType: string;
  /** How long not to ask again, in milliseconds, where the provider (`Retry-After`) or the endpoint's gate said so. */
  readonly retryAfterMs: number | undefined;

  constructor(
    message: string,
    options: {
      retryable: boolean;
      errorType: string;
      status?: number | undefined;
      retryAfterMs?: number | undefined;
      code?: ErrorCode;
      cause?: unknown;
    },
  ) {
    super(options.code ?? "PROVIDER_ERROR", message, { cause: options.cause });
    this.retryable = options.retryable;
    this.status = options.status;
    this.errorType = options.errorType;
    this.retryAfterMs = options.retryAfterMs;
  }
}
