// Fills the marked blocks of the README and the pages of docs/ with files, with regions of files, and with what commands print;
// `--check` fails where they differ, and where code has no mark: what no compiler has seen goes stale unnoticed.
import { spawnSync } from "node:child_process";
import { globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..");
const pages = globSync(["*.md", "docs/**/*.md", "examples/**/*.md"], { cwd: root, exclude: ["docs/reference/**"] });
const check = process.argv.includes("--check");

function print(script) {
  const endpoints = ["SLM_BASE_URL", "LLM_BASE_URL", "OPENAI_API_KEY", "OTEL_EXPORTER_OTLP_ENDPOINT", "DATABASE_URL"];
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => !endpoints.includes(name)));
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(root, script)], { encoding: "utf8", env });
  if (status !== 0) throw new Error(`${script} failed: ${stderr}`);
  return stdout.trimEnd();
}

const sources = {
  demo: () => print("examples/support-desk/main.ts"),
  durable: () => print("examples/durable/main.ts"),
  file: (name) => fileOrRegion(...name.split("#")),
  error: () => print("scripts/first-clearance.mjs"),
  scenario: (number) => section(print("examples/scenarios/main.ts"), number),
};

/** A whole file, or what stands between `// #region name` and `// #endregion` in it, moved to the left margin. */
function fileOrRegion(name, region) {
  const text = readFileSync(join(root, name), "utf8");
  if (region === undefined) return text.trimEnd();
  const found = new RegExp(`^ *// #region ${region}\\n([\\s\\S]*?)^ *// #endregion`, "m").exec(text);
  if (found === null) throw new Error(`${name} has no region ${region}`);
  const lines = found[1].trimEnd().split("\n");
  const margin = Math.min(...lines.filter((line) => line !== "").map((line) => line.search(/\S/)));
  return lines.map((line) => line.slice(margin)).join("\n");
}

/** One scenario of the eight, by its number. */
function section(text, number) {
  const start = text.indexOf(`## ${number} `);
  if (start === -1) throw new Error(`there is no scenario ${number}`);
  return text.slice(start, text.indexOf("\n\n", start));
}

/** Times, their bars, ids of traces and runs, and the order of spans that ran side by side differ from run to run; nothing else may. */
function comparable(text) {
  const lines = text
    .replaceAll(/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/g, "<run>")
    .replaceAll(/[0-9a-f]{32}/g, "<trace>")
    .replaceAll(/ *\d+\.\d+ ms/g, " <ms>")
    .replaceAll(/[·━]{12}/g, "<bar>")
    .replaceAll(/training \d+ ms, everything .* s/g, "<training>")
    .replaceAll(/^(\w+) +\d+\.\d\d +\d+\.\d\d$/gm, "$1 <ms>");
  return lines
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => !/^-[- ]*$|^=+$/.test(line))
    .sort()
    .join("\n");
}

const block = /<!-- (demo|durable|file|error|scenario) ?(\S*) -->\n(```\w*\n)([\s\S]*?)(```\n)/g;
const codeWithoutMark = /(?<!-->\n)^```ts\n.*/gm;
/** Shows how a host sets its own SDK up, which is not for us to pin down. */
const unmarkedPages = ["docs/guides/reading-a-trace-in-jaeger.md"];
let stale = 0;
for (const page of pages) {
  const path = join(root, page);
  const text = readFileSync(path, "utf8");
  const updated = text.replaceAll(block, (...match) => {
    const [whole, kind, name, open, body] = match;
    const found = sources[kind](name);
    if (comparable(found) === comparable(body.trimEnd())) return whole;
    stale += 1;
    console.log(`${check ? "stale" : "written"}: ${page}: ${kind} ${name}`);
    return `<!-- ${`${kind} ${name}`.trim()} -->\n${open}${found}\n\`\`\`\n`;
  });
  if (!check && updated !== text) writeFileSync(path, updated);
  for (const [found] of unmarkedPages.includes(page) ? [] : text.matchAll(codeWithoutMark)) {
    stale += 1;
    console.log(`no mark says which file this code is from: ${page}: ${found.split("\n")[1]}`);
  }
}
if (check) process.exitCode = stale === 0 ? 0 : 1;
