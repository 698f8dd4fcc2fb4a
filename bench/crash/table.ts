export interface Row {
  readonly name: string;
  readonly kills: number;
  readonly runs: number;
  readonly finished: number;
  /** What happened again, and had to: its result was not committed. */
  readonly repeats: number;
  readonly violations: readonly string[];
}

const columns = ["boundary", "kills", "runs", "finished", "repeats", "violations"] as const;

export function printTable(rows: readonly Row[]): void {
  const cells = rows.map(({ name, kills, runs, finished, repeats, violations }) =>
    [name, kills, runs, finished, repeats, violations.length].map(String),
  );
  const widths = columns.map((column, at) => Math.max(column.length, ...cells.map((row) => row[at]!.length)));
  for (const row of [columns, ...cells])
    console.log(row.map((cell, at) => (at === 0 ? cell.padEnd(widths[at]!) : cell.padStart(widths[at]!))).join("  "));
  for (const violation of rows.flatMap(({ violations }) => violations)) console.log(`  VIOLATION ${violation}`);
}
