import { TierwiseError } from "../errors.ts";

/** @throws {TierwiseError} `INPUT_INVALID` without rows: a measure of nothing is not 0 */
export function requireRows(rows: readonly unknown[]): void {
  if (rows.length === 0) throw new TierwiseError("INPUT_INVALID", "A measure needs at least one row, found none.");
}

/** @throws {TierwiseError} `INPUT_INVALID` outside 0 to 1 */
export function requireRatio(value: number, what: string): void {
  if (value >= 0 && value <= 1) return;
  throw new TierwiseError("INPUT_INVALID", `A measure expects ${what} between 0 and 1, found ${value}.`);
}
