import { globSync, readdirSync, readFileSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..");
const docs = join(root, "docs");
const concepts = readdirSync(join(docs, "concepts"));

/** What is in `common` serves the other rooms. */
const withoutPage = ["common"];

describe("the documentation", () => {
  it("has a page for each room of the source", () => {
    const rooms = readdirSync(join(root, "src"), { withFileTypes: true }).filter((entry) => entry.isDirectory());
    const missing = rooms.filter(({ name }) => !withoutPage.includes(name) && !concepts.includes(`${name}.md`));
    expect(missing.map(({ name }) => name)).toEqual([]);
  });

  it("has an index of all its pages but the decisions, which have their own", () => {
    const index = readFileSync(join(docs, "README.md"), "utf8");
    const pages = globSync("{*,guides/*,concepts/*}.md", { cwd: docs }).filter((page) => page !== "README.md");
    expect(pages.length).toBeGreaterThan(30);
    expect(pages.filter((page) => !index.includes(`](${relative(docs, join(docs, page))})`))).toEqual([]);
  });

  it("says in every concept of a room why it is so", () => {
    const rooms = readdirSync(join(root, "src")).map((room) => `${room}.md`);
    const pages = concepts.filter((page) => rooms.includes(page));
    const texts = pages.map((page) => ({ page, text: readFileSync(join(docs, "concepts", page), "utf8") }));
    expect(texts.filter(({ text }) => !/why it is so/i.test(text)).map(({ page }) => page)).toEqual([]);
  });
});
