/**
 * The ways in which a model server goes wrong, each as a reply of a `FaultServer`. They are plain data: spread one over
 * another, or over a right answer, to combine them.
 * @module
 */
export {
  contentFiltered,
  contextTooLong,
  quotaExceeded,
  rateLimited,
  status,
  type RetryAfter,
} from "./faults/status.ts";
export {
  closeBeforeHeaders,
  closeMidBody,
  drip,
  hang,
  hangAfterHeaders,
  hangMidBody,
  neverEnds,
  resetBeforeDone,
  resetBeforeHeaders,
  resetMidBody,
} from "./faults/connection.ts";
export {
  byteOrderMark,
  emptyBody,
  errorWithStatus200,
  gzipBomb,
  html,
  invalidUtf8,
  truncatedJson,
  wrongContentType,
} from "./faults/body.ts";
export {
  choices,
  emptyContent,
  finishReason,
  lengthLimit,
  logprobsMissing,
  logprobsWithoutNumbers,
  otherModel,
  refusal,
  usage,
} from "./faults/completion.ts";
export {
  argumentsNotJson,
  argumentsWrongType,
  duplicateCallIds,
  emptyCallIds,
  hugeArguments,
  manyCalls,
  prototypeKeys,
  truncatedArguments,
  unknownTool,
} from "./faults/tool-calls.ts";
export {
  comments,
  crlf,
  duplicateEvents,
  errorEvent,
  noDoneMark,
  noFinishReason,
  splitCharacters,
  splitLines,
  swappedEvents,
  twoDoneMarks,
  usageInEveryEvent,
} from "./faults/stream.ts";
