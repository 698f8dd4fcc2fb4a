/** A reply's headers as clients keep them: a `Headers`, or a plain object with names in any case. */
type FoundHeaders = { readonly get?: unknown } & Readonly<Record<string, unknown>>;

const decimal = /^\d{1,12}(\.\d{1,6})?$/;
/** The three forms of RFC 9110, section 5.6.7, all in UTC. `Date.parse` alone would read "-5" as a month. */
const dates = [
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun), \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/,
  /^(Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT$/,
  /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun) [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}$/,
];

/**
 * How long a provider asks not to be called: `retry-after-ms`, else `retry-after` in seconds or as an HTTP date. A date
 * that has passed is 0; what is neither (negative, words, other formats) says nothing.
 * @param epochMs now, as dates count
 */
export function readRetryAfter(headers: unknown, epochMs: number): number | undefined {
  if (typeof headers !== "object" || headers === null) return undefined;
  const found = headers as FoundHeaders;
  const ms = headerOf(found, "retry-after-ms");
  if (ms !== undefined && decimal.test(ms)) return Number(ms);
  const after = headerOf(found, "retry-after");
  if (after === undefined) return undefined;
  if (decimal.test(after)) return Number(after) * 1_000;
  if (!dates.some((form) => form.test(after))) return undefined;
  const dateMs = Date.parse(after.endsWith("GMT") ? after : `${after} GMT`);
  return Number.isNaN(dateMs) ? undefined : Math.max(0, dateMs - epochMs);
}

function headerOf(headers: FoundHeaders, name: string): string | undefined {
  const found =
    typeof headers.get === "function"
      ? (headers as unknown as Headers).get(name)
      : Object.entries(headers).find(([key]) => key.toLowerCase() === name)?.[1];
  return typeof found === "string" ? found.trim() : typeof found === "number" ? String(found) : undefined;
}
