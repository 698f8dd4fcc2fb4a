import { show } from "../common/names.ts";

/** What a stand-in remembers of its calls where nobody says how many. */
export const defaultKept = 10_000;

/** @throws {Error} when it is no number of calls */
export function checkedKept(option: string, found: number): number {
  if (found === Infinity || (Number.isInteger(found) && found >= 0)) return found;
  throw new Error(`${option}: expected a whole number from 0, or Infinity, found ${show(found)}`);
}

/** Appends; the oldest goes when there are more than `most`. */
export function keepLast<T>(list: T[], item: T, most: number): void {
  list.push(item);
  if (list.length > most) list.shift();
}
