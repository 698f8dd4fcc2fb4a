// What would be published: linted, its types resolved as its users' compilers do, and its files and exported names compared with
// reviewed lists beside this script. `--update` writes the lists. Needs `npm run build` before.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import ts from "typescript";

const root = join(import.meta.dirname, "..", "..");
const update = process.argv.includes("--update");
const { exports: entries } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
let failed = 0;

function run(command, args) {
  const { stdout, stderr, status } = spawnSync(command, args, { cwd: root, encoding: "utf8" });
  if (status !== 0) {
    failed += 1;
    console.error(`${command} ${args.join(" ")} (exit ${status})\n${stdout}${stderr}`);
  }
  return stdout;
}

function compare(name, lines) {
  const file = join(import.meta.dirname, name);
  const text = `${lines.join("\n")}\n`;
  if (update) writeFileSync(file, text);
  const reviewed = new Set(readFileSync(file, "utf8").trimEnd().split("\n"));
  const added = lines.filter((line) => !reviewed.delete(line));
  if (added.length + reviewed.size === 0) return console.log(`${name}: ${lines.length} lines, as reviewed`);
  failed += 1;
  console.error(`${name} differs: review it, then run with --update`);
  for (const line of added) console.error(`+ ${line}`);
  for (const line of reviewed) console.error(`- ${line}`);
}

/** Names of bundled chunks carry a hash of their content. */
function withoutHash(path) {
  return path.replace(/-[\w-]{8}(\.js(\.map)?)$/, "-<hash>$1");
}

/** Every name that an entry exports, types included. */
function namesOf(entry, types) {
  const file = join(root, types);
  const program = ts.createProgram([file], { module: ts.ModuleKind.NodeNext, skipLibCheck: true, types: [] });
  const checker = program.getTypeChecker();
  const symbol = checker.getSymbolAtLocation(program.getSourceFile(file));
  const exported = symbol === undefined ? [] : checker.getExportsOfModule(symbol);
  return exported.map(({ name }) => `${entry} ${name}`).sort();
}

const folder = mkdtempSync(join(tmpdir(), "tierwise-pack-"));
try {
  const [packed] = JSON.parse(run("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", folder]));
  const tarball = join(folder, packed.filename);
  console.log(
    `${packed.files.length} files, ${Math.round(packed.size / 1000)} kB packed, ${Math.round(packed.unpackedSize / 1000)} kB unpacked`,
  );
  compare("files.txt", [...new Set(packed.files.map(({ path }) => withoutHash(path)))].sort());
  const modules = Object.entries(entries).filter(([, target]) => typeof target === "object");
  compare(
    "exports.txt",
    modules.flatMap(([entry, { types }]) => namesOf(entry, types)),
  );
  run("npx", ["publint", "run", tarball, "--strict"]);
  run("npx", ["attw", tarball, "--profile", "esm-only", "--no-emoji", "--no-color"]);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
if (failed === 0) console.log("publint and attw find nothing");
process.exitCode = failed === 0 ? 0 : 1;
