/**
 * Breaks one promise of durable runs at a time, in a copy of the source, and demands that a test turns red:
 * `npm run mutations`. Exits 1 when a break goes unnoticed, or when the place that it changes is not found.
 */
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "..");

/** Each replaces `text`, which must be there once. */
const mutations = [
  {
    promise: "idempotency key: the same after a crash",
    file: "src/runtime/tool-call/idempotency-key.ts",
    text: "JSON.stringify([runId, workKey, tool])",
    by: "JSON.stringify([runId, workKey, tool, Math.random()])",
    tests: ["test/durable/takeover.test.ts"],
  },
  {
    promise: "commit before tools: what came back is written down before anything follows from it",
    file: "src/engines/dbos/dbos-run.ts",
    text: 'DBOS.runStep(() => this.#nextEvents(), { name: "events" })',
    by: "this.#nextEvents()",
    tests: ["test/durable/takeover.test.ts"],
  },
  {
    promise: "launch before request: what left is on disk",
    file: "src/runtime/durable/work-record.ts",
    text: "await durable.notes.append(runId, work.key, launch)",
    by: "void launch",
    tests: ["test/durable/lost-tool-calls.test.ts"],
  },
  {
    promise: "version check: a changed graph is refused",
    file: "src/runtime/durable/run-record.ts",
    text: "if (graph?.version !== record.graphVersion) throw changed(runId, record, graph);",
    by: "if (graph === undefined) throw changed(runId, record, graph);",
    tests: ["test/durable/takeover.test.ts"],
  },
  {
    promise: "label check on resume: an endpoint that may see more is refused",
    file: "src/runtime/durable/run-record.ts",
    text: "if (!clearanceWithin(now.clearance, before.clearance))",
    by: "if (now.clearance === undefined)",
    tests: ["test/durable/takeover.test.ts"],
  },
  {
    promise: "MAC: what was altered is not used",
    file: "src/engines/seal.ts",
    text: "timingSafeEqual(Buffer.from(code), Buffer.from(expected))",
    by: "timingSafeEqual(Buffer.from(expected), Buffer.from(expected))",
    tests: ["src/engines/seal.test.ts", "test/durable/takeover.test.ts", "test/durable/questions.test.ts"],
  },
];

const copy = mkdtempSync(join(tmpdir(), "tierwise-mutations-"));
try {
  for (const name of ["src", "test", "examples", "package.json", "tsconfig.json", "vitest.config.ts"])
    cpSync(join(root, name), join(copy, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(copy, "node_modules"));
  const all = [...new Set(mutations.flatMap(({ tests }) => tests))];
  const before = failures(all);
  if (before.length > 0) throw new Error(`red before anything was broken: ${before.join("; ")}`);
  let survivors = 0;
  for (const { promise, file, text, by, tests } of mutations) {
    const path = join(copy, file);
    const source = readFileSync(path, "utf8");
    if (source.split(text).length !== 2) throw new Error(`${file}: expected once: ${text}`);
    writeFileSync(path, source.replace(text, by));
    const red = failures(tests);
    writeFileSync(path, source);
    if (red.length === 0) survivors += 1;
    console.log(`${red.length === 0 ? "SURVIVED" : `${red.length} red`.padEnd(8)}  ${promise} (${file})`);
    if (red.length > 0) console.log(`          such as: ${red[0]}`);
  }
  console.log(`\n${mutations.length} breaks, ${survivors} went unnoticed`);
  process.exitCode = survivors === 0 ? 0 : 1;
} finally {
  rmSync(copy, { recursive: true, force: true });
}

/** @returns the names of the tests that failed */
function failures(tests) {
  const report = join(copy, "report.json");
  rmSync(report, { force: true });
  const vitest = join(root, "node_modules/vitest/vitest.mjs");
  const args = [vitest, "run", "--reporter=json", `--outputFile=${report}`, "--testTimeout=20000", ...tests];
  const { stderr } = spawnSync(process.execPath, args, { cwd: copy, encoding: "utf8" });
  const { testResults, numTotalTests } = JSON.parse(readReport(report, stderr));
  if (numTotalTests === 0) throw new Error(`no test ran of ${tests.join(", ")}: ${stderr}`);
  return testResults.flatMap(({ name, status, assertionResults }) => {
    const failed = assertionResults.filter((result) => result.status === "failed").map(({ fullName }) => fullName);
    return failed.length > 0 || status === "passed" ? failed : [`${name} did not load`];
  });
}

function readReport(report, stderr) {
  try {
    return readFileSync(report, "utf8");
  } catch {
    throw new Error(`vitest wrote no report: ${stderr}`);
  }
}
