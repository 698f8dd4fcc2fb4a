import { truncateUtf8, utf8Bytes } from "../common/utf8.ts";
import { flowsTo, type Clearance } from "../tiers/clearance.ts";
import type { Label } from "../tiers/label.ts";
import type { OpenSpan } from "./open-span.ts";
import { ATTR_CONTENT_SUPPRESSED } from "./semconv.ts";

/** Longest content of one attribute, in UTF-8 bytes; its end is cut off. */
export const maxContentBytes = 64 * 1024;
export const cutMark = "… [cut]";

interface Content {
  /** Of everything that the text may show. */
  readonly label: Label;
  /** Asked only where it is recorded; `undefined` where there is nothing to record. */
  readonly text: () => string | undefined;
}

/**
 * The one place where content reaches a span, for the owner of the host's tracer provider as a sink. Nothing is recorded
 * without a clearance, and what is above it leaves a mark instead: the text is not even made.
 */
export function recordContent(
  span: OpenSpan | undefined,
  clearance: Clearance | undefined,
  { attribute, label, text }: Content & { readonly attribute: string },
): void {
  if (clearance === undefined || span?.isRecording !== true) return;
  if (!flowsTo(label, clearance)) {
    span.set({ [ATTR_CONTENT_SUPPRESSED]: true });
    return;
  }
  const whole = text();
  if (whole !== undefined) span.set({ [attribute]: capped(whole) });
}

function capped(text: string): string {
  const kept = truncateUtf8(text, maxContentBytes);
  return kept === text ? text : `${truncateUtf8(text, maxContentBytes - utf8Bytes(cutMark))}${cutMark}`;
}
