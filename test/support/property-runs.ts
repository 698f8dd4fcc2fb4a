const asked = Number(process.env["PROPERTY_RUNS"] ?? 300);

/**
 * Random inputs per property: 300, or as many as the environment variable `PROPERTY_RUNS` says (the full check of CI says
 * 10,000). Spread it into the parameters of `fc.assert`.
 */
export const propertyRuns: { readonly numRuns: number } = { numRuns: checked(asked) };

/** A misspelt number would otherwise be a property that was never tried. */
function checked(runs: number): number {
  if (Number.isInteger(runs) && runs > 0) return runs;
  throw new Error(`PROPERTY_RUNS: expected a whole number above 0, found "${process.env["PROPERTY_RUNS"]}"`);
}
