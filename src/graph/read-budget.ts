import { show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import type { StepBudget } from "./types/steps.ts";

/** The members of a budget that are caps. */
export const capOptions = ["costUsd", "tokens", "calls"];

/** The caps of a step; `undefined` for none. A budget that bounds nothing is a mistake: somebody meant it to. */
export function readStepBudget(reader: OptionReader, report: Report): StepBudget | undefined {
  if (reader.get("budget") === undefined) return undefined;
  const inner = new OptionReader(reader.get("budget"), `${reader.path}.budget`, report);
  inner.only(capOptions);
  const caps = readCaps(inner);
  if (capOptions.every((cap) => inner.get(cap) === undefined))
    reader.mistake("budget", "expected at least one of costUsd, tokens, calls");
  return caps;
}

/** The caps that stand in a bag of options, each checked. */
export function readCaps(reader: OptionReader): StepBudget {
  const costUsd = dollarsOf(reader);
  const tokens = wholeOf(reader, "tokens", 1e12);
  const calls = wholeOf(reader, "calls", 1e9);
  return {
    ...(costUsd !== undefined && { costUsd }),
    ...(tokens !== undefined && { tokens }),
    ...(calls !== undefined && { calls }),
  };
}

function dollarsOf(reader: OptionReader): number | undefined {
  const found = reader.get("costUsd");
  if (found === undefined || (typeof found === "number" && found >= 1e-12 && found <= 1e6)) return found;
  reader.mistake("costUsd", `expected a number from 1e-12 to 1000000, found ${show(found)}`);
  return undefined;
}

function wholeOf(reader: OptionReader, key: string, max: number): number | undefined {
  return reader.get(key) === undefined ? undefined : reader.integer(key, { fallback: max, min: 1, max });
}
