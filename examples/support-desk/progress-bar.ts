const width = 30;

/** A bar on standard error, so that `--json` stays clean; without a terminal a line each quarter. */
export function progressBar(total: number): (done: number) => void {
  const isTerminal = process.stderr.isTTY;
  let lastQuarter = 0;
  return (done) => {
    const filled = Math.round((done / total) * width);
    const bar = `[${"#".repeat(filled)}${".".repeat(width - filled)}] ${done}/${total} tickets`;
    if (isTerminal) {
      process.stderr.write(`\r${bar}${done === total ? "\n" : ""}`);
      return;
    }
    const quarter = Math.floor((done / total) * 4);
    if (quarter > lastQuarter) process.stderr.write(`${bar}\n`);
    lastQuarter = quarter;
  };
}
