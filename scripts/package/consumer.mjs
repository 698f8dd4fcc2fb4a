// A project that installs the packed package, as a user's would: the README's first example runs on each Node and compiles with
// each TypeScript that we support, as a module and by `require`, with one copy of zod and of @langchain/core.
import { spawnSync } from "node:child_process";
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");
const { devDependencies: known } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
const compilers = { "typescript-5": "5.9", "typescript-6": "6.0", "typescript-7": "7.0" };
const nodes = { "node-22": "22", "node-24": "24" };
const folder = mkdtempSync(join(tmpdir(), "tierwise-consumer-"));
let failed = 0;

function run(command, args, cwd = folder) {
  const { stdout, stderr, status } = spawnSync(command, args, { cwd, encoding: "utf8" });
  if (status !== 0) throw new Error(`${command} ${args.join(" ")} (exit ${status})\n${stdout}${stderr}`);
  return stdout;
}

function check(what, holds) {
  console.log(`${holds ? "ok  " : "FAIL"} ${what}`);
  if (!holds) failed += 1;
}

const write = (name, text) => writeFileSync(join(folder, name), text);
const aliases = (wanted, name) =>
  Object.fromEntries(Object.entries(wanted).map(([alias, version]) => [alias, `npm:${name}@${version}`]));

try {
  const [{ filename }] = JSON.parse(
    run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder], root),
  );
  const peers = ["@langchain/core", "@langchain/openai", "@opentelemetry/api", "zod"];
  const dependencies = {
    tierwise: `file:${filename}`,
    ...Object.fromEntries(peers.map((name) => [name, known[name]])),
  };
  const devDependencies = {
    "@types/node": known["@types/node"],
    ...aliases(compilers, "typescript"),
    ...aliases(nodes, "node"),
  };
  write(
    "package.json",
    JSON.stringify({ name: "consumer", private: true, type: "module", dependencies, devDependencies }),
  );
  run("npm", ["install", "--no-audit", "--no-fund"]);

  for (const name of ["zod", "@langchain/core"]) {
    const copies = run("npm", ["ls", name, "--all", "--parseable"]).trim().split("\n");
    check(`one copy of ${name}`, copies.length === 1);
  }

  for (const name of ["first-graph.ts", "models.ts"]) cpSync(join(root, "examples", name), join(folder, name));
  const options = {
    module: "nodenext",
    target: "es2023",
    strict: true,
    exactOptionalPropertyTypes: true,
    types: ["node"],
  };
  const emit = { outDir: "out", rewriteRelativeImportExtensions: true, lib: ["es2024"] };
  write("tsconfig.json", JSON.stringify({ compilerOptions: { ...options, ...emit }, files: ["first-graph.ts"] }));
  write(
    "required.cjs",
    'const { graph, TierwiseError } = require("tierwise");\nconsole.log(typeof graph, typeof TierwiseError);\n',
  );

  for (const compiler of Object.keys(compilers)) {
    const tsc = join("node_modules", compiler, "bin", "tsc");
    const { stdout } = spawnSync("node", [tsc, "-p", "tsconfig.json"], { cwd: folder, encoding: "utf8" });
    // Every library's types are checked; mistakes in those of others are not ours to mend.
    const mistakes = stdout.split("\n").filter((line) => /^(node_modules\/tierwise|[\w-]+\.ts).*error/.test(line));
    check(`${compiler} compiles the first example and our types`, mistakes.length === 0);
    if (mistakes.length > 0) console.error(mistakes.join("\n"));
  }
  const expected = readFileSync(join(root, "examples", "first-graph.out"), "utf8");
  for (const node of Object.keys(nodes)) {
    const bin = join(folder, "node_modules", node, "bin", "node");
    const version = run(bin, ["--version"]).trim();
    check(`${version} runs it, as in the README`, run(bin, [join("out", "first-graph.js")]) === expected);
    check(`${version} takes it by require`, run(bin, ["required.cjs"]).trim() === "function function");
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.exitCode = failed === 0 ? 0 : 1;
