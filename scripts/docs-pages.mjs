// For typedoc: a page of docs/ is called what its heading says, and stands in the group of its folder. So pages need no front
// matter, which GitHub would show as a table above each of them.
import { basename, dirname, relative } from "node:path";
import { Converter } from "typedoc";

const groups = {
  docs: "Start here",
  "docs/guides": "Guides",
  "docs/concepts": "Concepts",
  "docs/decisions": "Decisions",
};

export function load(app) {
  app.converter.on(Converter.EVENT_CREATE_DOCUMENT, (_context, page) => {
    const path = page.project.files.getReflectionPath(page);
    const [first] = page.content;
    const heading = /^# (.+)\n+/.exec(first?.text ?? "");
    if (path === undefined || heading === null) return app.logger.error(`${path}: a page begins with its heading`);
    page.name = heading[1].replaceAll("`", "");
    // The page's title is made of its name.
    first.text = first.text.slice(heading[0].length);
    page.frontmatter.group = groups[relative(process.cwd(), dirname(path))] ?? basename(dirname(path));
  });
}
