/** What went wrong, as an HTTP answer: a status, a code, a fixed sentence. Nothing of a ticket or an answer is ever in it. */
import { BudgetExceededError, InputError, RunCancelledError, TierwiseError, type ErrorCode } from "tierwise";

export interface Problem {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** What is wrong with the body, by path; sentences of the schema, without values. */
  readonly problems?: readonly string[];
  /** Which budget had no room: of the request, of a step, or of the tenant. */
  readonly scope?: string;
  readonly retryAfterSeconds?: number;
}

/** A request that the service itself turns down. */
export class RequestError extends Error {
  readonly problem: Problem;

  constructor(status: number, code: string, message: string) {
    super(message);
    this.problem = { status, code, message };
  }
}

type Row = readonly [status: number, message: string];

const rows: Partial<Record<ErrorCode, Row>> = {
  INPUT_INVALID: [400, "the body does not fit the schema"],
  BUDGET_EXCEEDED: [402, "the budget of the request has no room for the next call"],
  BUDGET_UNAVAILABLE: [503, "budgets cannot be kept at the moment"],
  DEADLINE_EXCEEDED: [504, "the request took longer than it may"],
  ATTEMPT_TIMEOUT: [504, "a model did not answer in time"],
  RUN_CANCELLED: [499, "the request was cancelled"],
  RUN_EXISTS: [409, "a request with this Idempotency-Key is under way"],
  SHUTTING_DOWN: [503, "this instance is shutting down"],
  BACKPRESSURE: [503, "too many requests are waiting"],
  CIRCUIT_OPEN: [503, "a model is out of order"],
  NO_ELIGIBLE_ENDPOINT: [422, "no model may receive these data"],
  HUMAN_REQUIRED: [422, "a person has to decide this"],
  PROVIDER_ERROR: [502, "a model failed"],
  OUTPUT_INVALID: [502, "no model gave an answer that fits"],
  TOOL_LOOP_LIMIT: [502, "no model came to an end"],
};

export function problemOf(error: unknown): Problem {
  if (error instanceof RequestError) return error.problem;
  if (!TierwiseError.isInstance(error)) return frameworkProblem(error);
  const [status, message] = rows[error.code] ?? fallbackRow(error.code);
  return { status, code: error.code, message, ...specifics(error) };
}

function fallbackRow(code: ErrorCode): Row {
  if (code.startsWith("PRIVACY_")) return [422, "these data may not go where they would have to"];
  return [500, "the request failed inside the service"];
}

/** What a code alone does not say. */
function specifics(error: TierwiseError): Partial<Problem> {
  const { retryAfterMs: waitMs } = error;
  const retry = waitMs === undefined ? {} : { retryAfterSeconds: Math.max(1, Math.ceil(waitMs / 1_000)) };
  switch (error.code) {
    case "INPUT_INVALID":
      return error instanceof InputError ? { problems: error.problems } : {};
    case "BUDGET_EXCEEDED":
      if (!(error instanceof BudgetExceededError)) return retry;
      if (error.scope !== "shared") return { scope: error.scope };
      return { status: 429, scope: "tenant", message: "the tenant's budget of today is used up", ...retry };
    case "NO_ELIGIBLE_ENDPOINT":
      // All that may see the data are out of order: it may go well later.
      return "retryAfterSeconds" in retry
        ? { status: 503, message: "every model for this is out of order", ...retry }
        : {};
    case "RUN_CANCELLED":
      return error instanceof RunCancelledError && error.by === "shutdown"
        ? { status: 503, message: "this instance is shutting down", retryAfterSeconds: 1 }
        : {};
    case "SHUTTING_DOWN":
    case "BACKPRESSURE":
    case "CIRCUIT_OPEN":
    case "BUDGET_UNAVAILABLE":
      return { retryAfterSeconds: 1, ...retry };
    default:
      return retry;
  }
}

/** Fastify's own, such as a body that is no JSON: its message may quote the body, so only its status and code are told. */
function frameworkProblem(error: unknown): Problem {
  const { statusCode, code } = error as { statusCode?: number; code?: string };
  if (statusCode !== undefined && statusCode >= 400 && statusCode < 500 && code?.startsWith("FST_") === true)
    return { status: statusCode, code, message: "the request cannot be read" };
  if (error instanceof SyntaxError) return { status: 400, code: "BODY_INVALID", message: "the body is not JSON" };
  return { status: 500, code: "INTERNAL", message: "the request failed inside the service" };
}
