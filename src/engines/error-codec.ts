import * as errors from "../errors.ts";

const { TierwiseError, DefinitionError, ProviderError } = errors;

/** Classes that are made from code, message and details alone, by the name that they carry. */
const simple = {
  TierwiseError,
  NoEligibleEndpointError: errors.NoEligibleEndpointError,
  FlowViolationError: errors.FlowViolationError,
  BudgetExceededError: errors.BudgetExceededError,
  RunCancelledError: errors.RunCancelledError,
  DeadlineExceededError: errors.DeadlineExceededError,
  StepFailedError: errors.StepFailedError,
  InputError: errors.InputError,
} as const;

/** How far causes of causes are kept. */
const maxCauses = 4;

interface PackedError {
  readonly name: string;
  readonly message: string;
  readonly code?: errors.ErrorCode;
  readonly details?: errors.ErrorDetails;
  readonly problems?: readonly errors.Problem[];
  readonly provider?: Pick<errors.ProviderError, "retryable" | "status" | "errorType" | "retryAfterMs">;
  readonly cause?: unknown;
}

export function isError(value: unknown): value is Error {
  return value instanceof Error || TierwiseError.isInstance(value);
}

/** Name and message of any error; of Tierwise's own also what callers read. Other members and stacks are not kept. */
export function packError(error: Error, depth = 0): PackedError {
  const { cause } = error;
  return {
    ...{ name: textOf(error.name) ?? "Error", message: textOf(error.message) ?? "" },
    ...(TierwiseError.isInstance(error) && { code: error.code, details: { ...error.details } }),
    ...(error instanceof DefinitionError && { problems: error.problems.map((problem) => ({ ...problem })) }),
    ...(error instanceof ProviderError && { provider: factsOf(error) }),
    ...(cause !== undefined && depth < maxCauses && { cause: packCause(cause, depth + 1) }),
  };
}

/** Errors of others may have anything there. */
function textOf(found: unknown): string | undefined {
  return typeof found === "string" ? found : undefined;
}

/** A cause that is no error may be anything; a text is kept. */
function packCause(cause: unknown, depth: number): unknown {
  if (isError(cause)) return { error: packError(cause, depth) };
  return typeof cause === "string" ? { text: cause } : undefined;
}

function factsOf({ retryable, status, errorType, retryAfterMs }: errors.ProviderError) {
  return { retryable, status, errorType, retryAfterMs };
}

export function unpackError(packed: unknown): Error {
  const { name, message, code, details = {}, problems, provider, cause: packedCause } = packed as PackedError;
  const cause = unpackCause(packedCause);
  if (code === undefined) return named(new Error(message, cause === undefined ? undefined : { cause }), name);
  if (provider !== undefined) return new ProviderError(message, { ...provider, code, cause });
  if (problems !== undefined)
    return Object.assign(new DefinitionError("", problems, code), { message, details: Object.freeze({ ...details }) });
  const Kind = simple[name as keyof typeof simple] as (typeof simple)["TierwiseError"] | undefined;
  return new (Kind ?? TierwiseError)(code, message, { details, cause });
}

function unpackCause(packed: unknown): unknown {
  if (packed === undefined || packed === null) return undefined;
  const { error, text } = packed as { error?: unknown; text?: string };
  return error === undefined ? text : unpackError(error);
}

/** A name as the built-in classes have it: not among the members. */
function named(error: Error, name: string): Error {
  return Object.defineProperty(error, "name", { value: name, configurable: true, writable: true, enumerable: false });
}
