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
   * Options of a runtime, a run, a policy or a registry are wrong.
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
   * Correct the input; `problems` and the message list the paths. Nothing was called.
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
   * `scope`, `dimension` and `limit` of the error say which cap. Raise it, or lower `maxOutputTokens`.
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
   * `by` of the error says which of the two; `cause` holds the reason that the signal or the shutdown carried.
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
  | "RECORDING_INVALID"
  /**
   * A value cannot be stored by a durable engine: it is no plain data, holds itself, or is larger than a row may be.
   *
   * Return plain data from the step that the message names; keep large values elsewhere and return their address.
   */
  | "UNSERIALIZABLE"
  /**
   * What a durable engine stored of a run was altered, is incomplete, or was written under another `macKey`.
   *
   * Nothing of it was used. Give every worker the same `macKey`; if it is the same, look into who writes to the database.
   */
  | "CHECKPOINT_INVALID"
  /**
   * A run that was stored cannot go on here: its graph was changed since it started.
   *
   * The message names the difference. Let a worker with the old version finish it, or cancel it and start it anew.
   */
  | "GRAPH_CHANGED"
  /**
   * A run that was stored cannot go on here: an endpoint or a person may see more, or is elsewhere, than when it started.
   *
   * The message names which. Restore the old declaration for this run, or cancel it and start it anew.
   */
  | "PRIVACY_POLICY_WEAKENED"
  /**
   * A process died while a tool without idempotency ran, and nobody knows whether it had its effect; nobody is wired to say.
   *
   * Declare the tool `idempotent` or `keyed`, or wire `onHuman`: the person is asked what happened.
   */
  | "NEEDS_RESOLUTION"
  /**
   * Nobody answered a question before it expired.
   *
   * Ask again in a new run, or give the question more time (`expiresMs`).
   */
  | "QUESTION_EXPIRED"
  /**
   * The database of a durable engine does not answer, or cannot be used as it is configured.
   *
   * Check the address, the rights and the health of the database; nothing that was committed is lost.
   */
  | "ENGINE_UNAVAILABLE"
  /**
   * A run with this `runId` is under way, or the engine has seen one. Nothing was started.
   *
   * Wait for that run, or choose another id. Where the id is a caller's idempotency key, answer 409.
   */
  | "RUN_EXISTS";

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

  /** How long to wait before the same is tried again, in milliseconds; `undefined` where nobody knows or waiting is no help. */
  get retryAfterMs(): number | undefined {
    const waitMs = this.details["retryAfterMs"];
    return typeof waitMs === "number" ? waitMs : undefined;
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
 * `retryAfterMs` is the time until the next window of a shared account.
 */
export class BudgetExceededError extends TierwiseError {
  override readonly name: string = "BudgetExceededError";

  /** The step whose next call was not made. */
  get step(): string {
    return String(this.details["step"]);
  }

  /** Whose budget had no room. */
  get scope(): "run" | "step" | "shared" {
    return this.details["scope"] as "run" | "step" | "shared";
  }

  /** What had no room. */
  get dimension(): "costUsd" | "tokens" | "calls" {
    return this.details["dimension"] as "costUsd" | "tokens" | "calls";
  }

  /** The cap, in US dollars, tokens or calls as `dimension` says. */
  get limit(): number {
    return Number(this.details["limit"]);
  }

  /** Name of the shared account. It may name a tenant, so think before you tell a caller. */
  get account(): string | undefined {
    return this.details["account"] as string | undefined;
  }
}

/** Who cancelled a run: its caller, with the signal or `run.cancel`, or the shutdown of the runtime. */
export type CancelledBy = "caller" | "shutdown";

/** The run was cancelled; `cause` is the reason that the signal, `cancel` or `shutdown` carried. */
export class RunCancelledError extends TierwiseError {
  override readonly name: string = "RunCancelledError";

  /** @default "caller" where nobody said */
  get by(): CancelledBy {
    return this.details["by"] === "shutdown" ? "shutdown" : "caller";
  }
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

  /** One sentence per problem, at most ten; they name places and expectations, never values. */
  get problems(): readonly string[] {
    const { problems } = this.details;
    return Array.isArray(problems) ? (problems as readonly string[]) : [];
  }
}

/**
 * A model call failed, or was not made because its endpoint takes none now. `retryable`: the same request could succeed later;
 * `retryAfterMs`: not before that, where the provider (`Retry-After`) or the endpoint's gate said so.
 */
export class ProviderError extends TierwiseError {
  override readonly name: string = "ProviderError";
  readonly retryable: boolean;
  /** HTTP status, if the provider answered with one. */
  readonly status: number | undefined;
  /** Value of the span attribute `error.type`. */
  readonly errorType: string;

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
    const { retryAfterMs } = options;
    super(options.code ?? "PROVIDER_ERROR", message, {
      cause: options.cause,
      ...(retryAfterMs !== undefined && { details: { retryAfterMs } }),
    });
    this.retryable = options.retryable;
    this.status = options.status;
    this.errorType = options.errorType;
  }
}
