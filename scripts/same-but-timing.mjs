// Compares two JSON reports of the demo: everything but `timing` must be equal.
import { readFileSync } from "node:fs";

const [a, b] = process.argv.slice(2).map((path) => {
  const text = readFileSync(path, "utf8");
  const report = JSON.parse(text.slice(text.indexOf("{")));
  delete report.timing;
  return JSON.stringify(report);
});
if (a !== b) {
  console.error("two runs with one seed differ in more than their timing");
  process.exit(1);
}
console.log("equal but for timing");
