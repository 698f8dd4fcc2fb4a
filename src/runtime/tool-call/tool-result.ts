import { truncateUtf8, utf8Bytes } from "../../common/utf8.ts";
import { boundedText } from "./bounded-text.ts";

/** Nothing longer is read through, whatever the tool's own cap: counting what is left out takes time too. */
const mostReadBytes = 16 * 1024 * 1024;

export interface ResultText {
  readonly isUsable: boolean;
  /** What the model reads, of at most `maxResultBytes`. */
  readonly content: string;
}

/** The result of a tool as the model reads it; where that is not possible, why. The tool has run in either case. */
export function resultText(result: unknown, maxResultBytes: number): ResultText {
  const written = boundedText(contentOf(result), { keepBytes: maxResultBytes, readBytes: mostReadBytes });
  if (!written.ok)
    return { isUsable: false, content: `The tool ran, but its result ${written.why}, so it is not shown.` };
  const { text, totalBytes } = written;
  return { isUsable: true, content: totalBytes <= maxResultBytes ? text : cut(text, totalBytes, maxResultBytes) };
}

function cut(text: string, totalBytes: number, maxBytes: number): string {
  const kept = truncateUtf8(text, maxBytes - utf8Bytes(noteOf(totalBytes)));
  return `${kept}${noteOf(totalBytes - utf8Bytes(kept))}`;
}

function noteOf(omittedBytes: number): string {
  return `\n[The result was cut here: ${omittedBytes} bytes are left out.]`;
}

/** A LangChain tool message holds its text in `content`. */
function contentOf(result: unknown): unknown {
  try {
    return typeof result === "object" && result !== null && "content" in result && "tool_call_id" in result
      ? result.content
      : result;
  } catch {
    // A proxy that throws is refused like any other when it is read.
    return result;
  }
}
