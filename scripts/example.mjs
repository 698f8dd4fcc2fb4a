// `npm run example -- 01` runs one example as it stands, with the endpoints of the environment if there are any;
// `npm run example -- all` runs every one offline and compares what it prints with the file beside it.
import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "..", "examples");
// Those with an expected output; other files of the folder are parts of them.
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".out"))
  .map((file) => file.slice(0, -".out".length));
const [wanted = ""] = process.argv.slice(2);

if (wanted === "all") run(join(import.meta.dirname, "examples.mjs"));
else {
  const found = names.filter((name) => name === wanted || number(name) === wanted.padStart(2, "0"));
  if (found.length === 1) run(join(folder, `${found[0]}.ts`));
  else {
    console.error(`${wanted === "" ? "Which example?" : `There is no example "${wanted}".`} There are:\n`);
    for (const name of names) console.error(`  ${(number(name) ?? name).padEnd(28)}${idea(name)}`);
    console.error("\n  all                         every one, compared with what it should print");
    console.error("\nFor example: npm run example -- 01");
    process.exitCode = 2;
  }
}

function run(file) {
  const { status } = spawnSync(process.execPath, [file], { stdio: "inherit" });
  process.exitCode = status ?? 1;
}

/** `01` of `01-three-steps`; the other examples have a name only. */
function number(name) {
  return /^(\d\d)-/.exec(name)?.[1];
}

/** What the header comment begins with, up to its colon. */
function idea(name) {
  return /^\/\*\*\s+\* ([^:.\n]+)/.exec(readFileSync(join(folder, `${name}.ts`), "utf8"))?.[1] ?? "";
}
