// Follows docs/tutorial.md in an empty folder: writes its files, runs its commands, and compares what they print with what the page
// says. `--update` writes the page. The package is the one that is packed here. Needs `npm run build` before.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const root = join(import.meta.dirname, "..");
const page = join(root, "docs", "tutorial.md");
const update = process.argv.includes("--update");
const folder = mkdtempSync(join(tmpdir(), "tierwise-tutorial-"));
const { devDependencies: known } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
let stale = 0;

function run(command, cwd = folder) {
  const env = { ...process.env, PATH: `${dirname(process.execPath)}:${process.env["PATH"]}`, NO_COLOR: "1" };
  const { stdout, stderr, status } = spawnSync("bash", ["-euc", command], { cwd, env, encoding: "utf8" });
  if (status !== 0) throw new Error(`$ ${command} (exit ${status})\n${stdout}${stderr}`);
  return stdout;
}

/** What the page installs by name is installed as this checkout has it. */
function pinned(command) {
  return command
    .replace(/\btierwise\b/, tarball)
    .replaceAll(
      /(?<= )(zod|typescript|@langchain\/core|@opentelemetry\/api)(?= |$)/g,
      (name) => `${name}@${known[name]}`,
    );
}

const [{ filename }] = JSON.parse(run(`npm pack --json --ignore-scripts --pack-destination ${folder}`, root));
const tarball = `./${filename}`;
const part = /<!-- (write|run|prints) ?(\S*) -->\n```\w*\n([\s\S]*?)```\n/g;

try {
  let printed = "";
  const updated = readFileSync(page, "utf8").replaceAll(part, (...match) => {
    const [whole, kind, name, body] = match;
    if (kind === "write") writeFileSync(join(folder, name), body);
    else if (kind === "run") printed = run(body.includes("npm install") ? pinned(body.trimEnd()) : body);
    else if (printed.trimEnd() !== body.trimEnd()) {
      stale += 1;
      if (!update) console.error(`the page says:\n${body}\nthis is printed:\n${printed}`);
      return `<!-- prints -->\n\`\`\`text\n${printed.trimEnd()}\n\`\`\`\n`;
    }
    return whole;
  });
  if (update) writeFileSync(page, updated);
} finally {
  rmSync(folder, { recursive: true, force: true });
}
console.log(stale === 0 ? "the tutorial does what it says" : `${stale} ${update ? "written" : "stale"}`);
process.exitCode = stale === 0 || update ? 0 : 1;
