/** One line of the table: what was looked at, what it should be, what it is. */
export interface Check {
  readonly what: string;
  readonly wanted: string;
  readonly measured: string;
  /** `undefined` for what is only shown: it depends on the machine. */
  readonly ok: boolean | undefined;
}

export function equal(what: string, measured: number, wanted: number): Check {
  return { what, wanted: String(wanted), measured: String(measured), ok: measured === wanted };
}

export function within(what: string, measured: number, [least, most]: readonly [number, number]): Check {
  const ok = measured >= least && measured <= most;
  return { what, wanted: `${tidy(least)} to ${tidy(most)}`, measured: tidy(measured), ok };
}

export function shown(what: string, measured: string, wanted = ""): Check {
  return { what, wanted, measured, ok: undefined };
}

export function nothing(what: string, found: readonly string[]): Check {
  return { what, wanted: "none", measured: found.length === 0 ? "none" : found.join(" "), ok: found.length === 0 };
}

export function printTable(checks: readonly Check[]): void {
  const rows = [
    ["what", "wanted", "measured", "ok"],
    ...checks.map(({ what, wanted, measured, ok }) => [
      what,
      wanted,
      measured,
      ok === undefined ? "-" : ok ? "ok" : "NO",
    ]),
  ];
  const widths = [0, 1, 2].map((column) => Math.max(...rows.map((row) => row[column]!.length)));
  for (const row of rows) console.log(row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | "));
}

export function tidy(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toFixed(1);
}
