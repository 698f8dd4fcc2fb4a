import { formatUsd } from "../../catalog/money.ts";
import { textTable } from "../../common/table.ts";
import type { LedgerSnapshot, LedgerTotals } from "./ledger.ts";

const header = ["step", "endpoints", "attempts", "escalations", "tokens in", "tokens out", "cost", "baseline"];

/**
 * The books of a run as a text table: one row a step, the sum, and what is to be known about the figures.
 *
 * @example
 * ```ts
 * const { ledger } = await runtime.run(support, input);
 * console.log(formatLedger(ledger));
 * ```
 */
export function formatLedger(ledger: LedgerSnapshot): string {
  const rows = Object.entries(ledger.steps).map(([step, totals]) => rowOf(step, totals));
  return [textTable(header, [...rows, rowOf("sum", ledger)]), ...remarks(ledger)].join("\n");
}

function rowOf(name: string, totals: LedgerTotals): string[] {
  const { attempts, escalations, inputTokens, outputTokens, costUsd, baselineUsd, endpoints } = totals;
  // A list asks one model a thousand times; `attempts` says how often.
  const asked = [...new Set(endpoints)].join(", ") || "-";
  const counts = [attempts, escalations, inputTokens, outputTokens].map(String);
  return [name, asked, ...counts, formatUsd(costUsd), formatUsd(baselineUsd)];
}

function remarks({ capUsd, complete, simulated, overshootUsd }: LedgerSnapshot): string[] {
  return [
    ...(capUsd === undefined ? [] : [`cap ${formatUsd(capUsd)}`]),
    ...(overshootUsd > 0 ? [`${formatUsd(overshootUsd)} above the cap: a provider ignored its output limit`] : []),
    ...(complete ? [] : ["not complete: a price is unknown, or a usage was estimated, missing or suspect"]),
    ...(simulated ? ["simulated: stand-ins answered; what they cost was neither paid nor saved"] : []),
  ];
}
