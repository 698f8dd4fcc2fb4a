/**
 * The one error base and its closed list of codes. Every room may import this file; it imports nothing.
 *
 * A message says which step or name, what was expected, what was found and what to do. It never holds a prompt, an
 * output or an input value, because errors are logged and labels do not follow them.
 * @module
 */

/** Stable, append-only identifiers of everything that can go wrong: what each means, then what to do. */
export type ErrorCode =
  /**
   * A graph is defined wrongly: an unknown option, a name twice, a reference to another graph, a schema that is not closed.
   *
   * `problems` lists every mistake with its path; each says what was expected.
   */
  | "GRAPH_INVALID"
  /**
   * An endpoint is declared wrongly, or its client would make several requests for one attempt.
   *
   * Correct the endpoint that the message names.
   */
  | "CATALOG_INVALID"
  /**
   * Options of a runtime, a run, a policy or a registry are wrong, or a run id is under way already.
   *
   * Correct the option that the message names; nothing was started.
   */
  | "RUNTIME_INVALID"
  /**
   * Training rows or a stored embedded classifier cannot be read.
   *
   * Check the file against what `train` and `serialise` expect; a newer version may have written it.
   */
  | "MODEL_DATA_INVALID"
  /**
   * The input of a run, or what a graph inside a step is handed, does not fit the schema.
   *
   * Correct the input; the message lists the paths. Nothing was called.
   */
  | "INPUT_INVALID"
  /**
   * No endpoint of the catalog may receive the data and can do the work, or none takes requests now.
   *
   * Read the refused candidates and their rules in the message; add or clear an endpoint, or relax what the step demands. With
   * `retryAfterMs`, come back then.
   */
  | "NO_ELIGIBLE_ENDPOINT"
  /**
   * Only a person may answer or approve, and nobody who may see the data is wired.
   *
   * Wire `onHuman` with a sufficient clearance, or add an endpoint that may do the step.
   */
  | "HUMAN_REQUIRED"
  /**
   * Data would have reached a model, tool, person or caller whose clearance does not cover its label.
   *
   * Clear the sink if it may see the data, send less, or lower the label with `redact`. Nothing was sent.
   */
  | "PRIVACY_FLOW_DENIED"
  /**
   * A step sees data above the `privacy` that it declares.
   *
   * Raise `privacy`, or let the step read less.
   */
  | "PRIVACY_TIER_EXCEEDED"
  /**
   * An action with an effect would have been steered by untrusted data.
   *
   * Pin the argument in code, bound it, have it approved, or accept it openly with `untrustedArguments`.
   */
  | "PRIVACY_ACTION_UNTRUSTED"
  /**
   * A `redact` step lowers a label in a way that the rules forbid.
   *
   * Name only compartments that are there, and a level that is not above; see the rules of labels.
   */
  | "PRIVACY_DECLASSIFY_ILLEGAL"
  /**
   * The runtime requires labels (`requireLabels`) and the graph declares none.
   *
   * Write `graph(name, { label })`.
   */
  | "PRIVACY_LABEL_MISSING"
  /**
   * A cap of the run, of a step or of a shared account has no room for the worst case of the next call.
   *
   * `details` name the scope and the dimension. Raise that cap, or lower `maxOutputTokens`.
   */
  | "BUDGET_EXCEEDED"
  /**
   * The port of shared budgets failed or did not answer in time, so no call was made.
   *
   * Look after the store behind the port; the run can be started again.
   */
  | "BUDGET_UNAVAILABLE"
  /**
   * The run took longer than `budget.durationMs`.
   *
   * Raise it, or look in the trace for what the time went into.
   */
  | "DEADLINE_EXCEEDED"
  /**
   * The caller cancelled the run, or the runtime was shut down.
   *
   * `cause` holds the reason that the signal carried.
   */
  | "RUN_CANCELLED"
  /**
   * One attempt took longer than the step's `timeoutMs`, or a stream was silent longer than `idleTimeoutMs`.
   *
   * Raise the limit if the model is that slow; add an endpoint to fall back to.
   */
  | "ATTEMPT_TIMEOUT"
  /**
   * A model's server or client failed. `status`, `errorType`, `retryable` and `retryAfterMs` say how.
   *
   * Read `errorType`; a 401 wants a key, a 404 another model name, 429 patience or another endpoint.
   */
  | "PROVIDER_ERROR"
  /**
   * An endpoint's queue is full, or its pause is longer than the step may wait.
   *
   * Answer 503 with `retryAfterMs`; raise `limits.concurrency` if the server can take more.
   */
  | "BACKPRESSURE"
  /**
   * An endpoint failed several times in a row and is left alone for a moment.
   *
   * Look at `runtime.endpoints()`; add another endpoint that is cleared.
   */
  | "CIRCUIT_OPEN"
  /**
   * The runtime was told to shut down and starts no run.
   *
   * Use another instance.
   */
  | "SHUTTING_DOWN"
  /**
   * No endpoint of the ladder gave an answer that fits the schema and passes `validate`.
   *
   * Loosen the schema, describe it better in the prompt, or add a stronger endpoint.
   */
  | "OUTPUT_INVALID"
  /**
   * A tool loop reached `maxTurns` or `maxRepairs`, or repeated itself.
   *
   * `details.rule` says which; look at the tool's results in the trace.
   */
  | "TOOL_LOOP_LIMIT"
  /**
   * The code of a step, a prompt or a condition threw, or took too long.
   *
   * `cause` holds what was thrown.
   */
  | "STEP_FAILED"
  /**
   * A mistake in Tierwise.
   *
   * Please report it with the message and the version.
   */
  | "INTERNAL"
  /**
   * In a test: a scripted model was asked more, less or otherwise than its script says.
   *
   * Compare the script with the calls that the message counts.
   */
  | "UNEXPECTED_CALL"
  /**
   * In a test: a recording cannot be read, or holds no answer for this request.
   *
   * Record again.
   */
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
