/** Bytes of the text in UTF-8. One token per byte is the bound that reservations use: no tokenizer emits more. */
export function utf8Bytes(text: string): number {
  return Buffer.byteLength(text, "utf8");
}

/** The longest prefix of at most `maxBytes` UTF-8 bytes that does not cut a character in two. Copies no more than that. */
export function truncateUtf8(text: string, maxBytes: number): string {
  if (text.length * 3 <= maxBytes || utf8Bytes(text) <= maxBytes) return text;
  // A unit of the text is at least one byte, so the rest can never be part of the prefix; one more shows where a pair ends.
  const bytes = Buffer.from(text.slice(0, maxBytes + 1), "utf8");
  let end = maxBytes;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}
