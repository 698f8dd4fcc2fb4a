const namePattern = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/;

/** What names of graphs, steps, endpoints and tools must look like: they appear in errors, spans and idempotency keys. */
export const nameRule = "1 to 64 of A-Z a-z 0-9 _ . - and a letter first";

export function isName(value: unknown): value is string {
  return typeof value === "string" && namePattern.test(value);
}

/** Reads an unknown value back to its author without echoing data: strings are cut, everything else is its type. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
  if (typeof value === "number" || typeof value === "boolean" || value === undefined || value === null)
    return String(value);
  return Array.isArray(value) ? "an array" : typeof value === "object" ? "an object" : `a ${typeof value}`;
}
