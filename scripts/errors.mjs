// Writes docs/errors.md from the comments in src/errors.ts; `--check` fails where the page is stale.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";

const root = join(import.meta.dirname, "..");
const page = join(root, "docs", "errors.md");

const path = join(root, "src", "errors.ts");
const source = ts.createSourceFile(path, readFileSync(path, "utf8"), ts.ScriptTarget.Latest, true);
const codes = source.statements.find((node) => ts.isTypeAliasDeclaration(node) && node.name.text === "ErrorCode");

/** The two paragraphs before a member of the union, at its bar: meaning and fix. */
function paragraphs(bar, member) {
  const [comment] = ts.getLeadingCommentRanges(source.text, bar.getFullStart()) ?? [];
  const text = comment === undefined ? "" : source.text.slice(comment.pos + 3, comment.end - 2);
  const told = text
    .split(/\n\s*\*\s*\n/)
    .map((part) => part.replaceAll(/(^|\n)\s*\*\s*/g, " ").trim())
    .filter((part) => part !== "");
  if (told.length !== 2)
    throw new Error(`${member.getText()}: expected a comment of two paragraphs, found ${told.length}`);
  return told;
}

const [list] = codes.type.getChildren(source);
const bars = list.getChildren(source).filter((node) => node.kind === ts.SyntaxKind.BarToken);
const rows = codes.type.types.map((member, index) => {
  const [meaning, fix] = paragraphs(bars[index], member);
  return `| \`${member.literal.text}\` | ${meaning} | ${fix} |`;
});
const text = `# Errors

Every error that Tierwise throws is a \`TierwiseError\` with one of these codes. Codes are stable and only ever added. Messages name
the step, what was expected, what was found and what to do; they never hold prompts, outputs or inputs, so they may be logged.
Tell errors apart by \`code\`, or by class: \`TierwiseError.isInstance(error)\` also works across two copies of the package.

| code | what it means | what to do |
| --- | --- | --- |
${rows.join("\n")}
`;

if (!process.argv.includes("--check")) writeFileSync(page, text);
else if (readFileSync(page, "utf8") !== text) {
  console.error("docs/errors.md is stale: run `node scripts/errors.mjs`");
  process.exitCode = 1;
}
