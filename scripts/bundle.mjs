// Writes the package's JavaScript: a file for each public entry and few that they share, because every module costs the
// importer about half a millisecond. Types come from tsc. See docs/decisions/2026-11-23-the-package-ships-bundles.md.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { rolldown } from "rolldown";

const root = join(import.meta.dirname, "..");
const { exports } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** `./dist/models/embedded/index.js` is made from `src/models/embedded/index.ts`. */
function entryOf({ default: file }) {
  const name = file.slice("./dist/".length, -".js".length);
  return [name, join(root, "src", `${name}.ts`)];
}

const bundle = await rolldown({
  input: Object.fromEntries(
    Object.values(exports)
      .filter((target) => typeof target === "object")
      .map(entryOf),
  ),
  cwd: root,
  platform: "node",
  transform: { target: "node22.15" },
  // Every package stays an import: hosts bring their own, and there must be one of each.
  external: (id, importer, isResolved) => importer !== undefined && !isResolved && !id.startsWith("."),
  onLog(level, log) {
    if (level === "warn") throw new Error(log.message);
  },
});
await bundle.write({
  dir: join(root, "dist"),
  format: "esm",
  sourcemap: true,
  entryFileNames: "[name].js",
  chunkFileNames: "shared/[name].js",
});
await bundle.close();
