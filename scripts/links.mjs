// Fails where a relative link of a Markdown page leads nowhere: no such file, or no such heading in it. Links to the web are not
// followed: this runs without a network.
import { existsSync, globSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative } from "node:path";

const root = join(import.meta.dirname, "..");
const pages = globSync(["*.md", "docs/**/*.md", "examples/**/*.md"], { cwd: root, exclude: ["docs/reference/**"] });

/** As GitHub makes anchors: lower case, punctuation out, spaces to hyphens. */
function anchorOf(heading) {
  const plain = heading.replaceAll(/[`*]|\[|\]\([^)]*\)/g, "").trim();
  return plain
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}\s_-]/gu, "")
    .replaceAll(/\s/g, "-");
}

/** Without what stands in code. */
function proseOf(path) {
  return readFileSync(path, "utf8").replaceAll(/^```[\s\S]*?^```/gm, "");
}

function anchorsOf(path) {
  return new Set([...proseOf(path).matchAll(/^#+ (.+)$/gm)].map(([, heading]) => anchorOf(heading)));
}

const broken = [];
for (const page of pages) {
  const path = join(root, page);
  for (const [, target] of proseOf(path)
    .replaceAll(/`[^`\n]*`/g, "")
    .matchAll(/\]\(([^)\s]+)\)/g)) {
    if (/^[a-z]+:/.test(target)) continue;
    const [file, anchor] = target.split("#");
    const linked = file === "" ? path : join(dirname(path), file);
    const isThere =
      existsSync(linked) && (anchor === undefined || statSync(linked).isDirectory() || anchorsOf(linked).has(anchor));
    if (!isThere) broken.push(`${relative(root, path)}: ${target}`);
  }
}
console.log(broken.length === 0 ? `${pages.length} pages, no broken link` : `broken links:\n${broken.join("\n")}`);
process.exitCode = broken.length === 0 ? 0 : 1;
