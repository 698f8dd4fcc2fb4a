// Runs every example of this folder and compares what it prints with the file beside it. `--update` writes those files.
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "..", "examples");
const update = process.argv.includes("--update");
let failed = 0;

for (const name of readdirSync(folder).filter((file) => file.endsWith(".ts") && file !== "models.ts")) {
  const { stdout, stderr, status } = spawnSync(process.execPath, [join(folder, name)], {
    encoding: "utf8",
    env: withoutEndpoints(),
  });
  const expectedFile = join(folder, name.replace(/\.ts$/, ".out"));
  if (update) writeFileSync(expectedFile, stdout);
  const expected = existsSync(expectedFile) ? readFileSync(expectedFile, "utf8") : "";
  const same = status === 0 && stdout === expected;
  console.log(`${same ? "ok  " : "FAIL"} ${name}`);
  if (same) continue;
  failed += 1;
  console.error(`expected:\n${expected}\nfound (exit ${status}):\n${stdout}${stderr}`);
}
process.exitCode = failed === 0 ? 0 : 1;

// Examples are compared as they run offline, whatever the machine has configured.
function withoutEndpoints() {
  const endpoints = ["SLM_BASE_URL", "LLM_BASE_URL", "OPENAI_API_KEY"];
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !endpoints.includes(name)));
}
