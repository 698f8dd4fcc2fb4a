import { hash } from "node:crypto";

/** JSON with object keys sorted, so that equal data gives equal text. `undefined` members are left out, as in JSON. */
export function stableJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) => {
    if (typeof member === "bigint") return `${member}n`;
    if (typeof member !== "object" || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)));
  });
}

/** SHA-256 of the stable JSON, as `length` hexadecimal digits (at most 64). */
export function stableHash(value: unknown, length = 16): string {
  return textHash(stableJson(value), length);
}

/** SHA-256 of a text, as `length` hexadecimal digits (at most 64). */
export function textHash(text: string, length = 16): string {
  return hash("sha256", text, "hex").slice(0, length);
}
