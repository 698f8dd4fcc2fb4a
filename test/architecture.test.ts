import { readdirSync, readFileSync, statSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import ts from "typescript";
import { describe, expect, it } from "vitest";

const root = resolve(import.meta.dirname, "..", "src");

const allButEngines = [
  ...["common", "tiers", "confidence", "catalog", "graph", "policy", "models"],
  ...["events", "telemetry", "governance", "runtime", "evaluation", "patterns"],
  "traces",
];

/** Who may import whom. A room may always import itself and `errors.ts`. */
const mayImport: Readonly<Record<string, readonly string[]>> = {
  "errors.ts": [],
  common: [],
  tiers: ["common"],
  confidence: ["tiers", "common"],
  catalog: ["tiers", "common"],
  graph: ["tiers", "common"],
  policy: ["catalog", "confidence", "tiers", "common"],
  models: ["catalog", "confidence", "tiers", "common"],
  events: ["policy", "catalog", "confidence", "tiers"],
  telemetry: ["policy", "catalog", "tiers", "common"],
  traces: ["telemetry", "common"],
  governance: ["events", "policy", "tiers", "common"],
  runtime: ["graph", "policy", "catalog", "confidence", "tiers", "events", "models", "telemetry", "common"],
  evaluation: ["runtime", "events", "policy", "graph", "catalog", "confidence", "models", "tiers", "common"],
  patterns: ["graph", "policy", "catalog", "events", "tiers", "common"],
  prices: ["catalog", "common"],
  langchain: ["runtime", "graph", "tiers", "common"],
  engines: ["runtime", "events", "tiers", "common"],
  testing: allButEngines,
  "index.ts": allButEngines,
};

/** Rooms of which only types may be imported. */
const typesOnly: Readonly<Record<string, readonly string[]>> = {
  events: ["policy", "catalog", "confidence", "tiers"],
  patterns: ["events"],
};

/** Packages that importing `tierwise` loads; everything else is lazy, a peer's type, or a subpath. */
const packages: Readonly<Record<string, readonly string[]>> = {
  langchain: ["@langchain/core/runnables"],
  telemetry: ["@opentelemetry/api"],
  traces: ["@opentelemetry/api"],
  // LangChain's reader of unfinished JSON, loaded when a step first shows partial answers.
  runtime: ["@opentelemetry/api", "eventemitter3", "p-queue", "@langchain/core/output_parsers"],
  prices: ["@pydantic/genai-prices"],
  engines: [
    "@dbos-inc/dbos-sdk",
    "@dbos-inc/dbos-sdk/datasource",
    "@dbos-inc/dbos-sdk/internal/dbos",
    "@dbos-inc/dbos-sdk/internal/error",
    "@dbos-inc/dbos-sdk/internal/system_database",
    "@dbos-inc/dbos-sdk/internal/utils",
    "@electric-sql/pglite",
  ],
};

interface Import {
  readonly file: string;
  readonly specifier: string;
  readonly typeOnly: boolean;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder).flatMap((name) => {
    const path = join(folder, name);
    if (statSync(path).isDirectory()) return filesBelow(path);
    return path.endsWith(".ts") && !/\.test(-d)?\.ts$/.test(path) ? [path] : [];
  });
}

function importsOf(file: string): Import[] {
  const source = ts.createSourceFile(file, readFileSync(file, "utf8"), ts.ScriptTarget.Latest, true);
  const found: Import[] = [];
  const visit = (node: ts.Node): void => {
    if ((ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) && node.moduleSpecifier !== undefined) {
      found.push({ file, specifier: (node.moduleSpecifier as ts.StringLiteral).text, typeOnly: isTypeOnly(node) });
    }
    if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword) {
      found.push({ file, specifier: (node.arguments[0] as ts.StringLiteral).text, typeOnly: false });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isTypeOnly(node: ts.ImportDeclaration | ts.ExportDeclaration): boolean {
  if (ts.isExportDeclaration(node)) return node.isTypeOnly;
  const clause = node.importClause;
  if (clause === undefined) return false;
  if (clause.phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  const bindings = clause.namedBindings;
  return (
    clause.name === undefined &&
    bindings !== undefined &&
    ts.isNamedImports(bindings) &&
    bindings.elements.every((element) => element.isTypeOnly)
  );
}

function roomOf(file: string): string {
  return relative(root, file).split("/")[0] ?? "";
}

const files = filesBelow(root);
const imports = files.flatMap(importsOf);
const internal = imports.filter(({ specifier }) => specifier.startsWith("."));
const targetOf = ({ file, specifier }: Import): string => resolve(dirname(file), specifier);

describe("architecture", () => {
  it("reads a real tree", () => {
    expect(files.length).toBeGreaterThan(50);
    expect(internal.length).toBeGreaterThan(150);
  });

  it("knows every room", () => {
    expect([...new Set(files.map(roomOf))].filter((room) => !(room in mayImport))).toEqual([]);
  });

  it("imports one way only", () => {
    const wrong = internal.filter((found) => {
      const [from, to] = [roomOf(found.file), roomOf(targetOf(found))];
      return from !== to && to !== "errors.ts" && !(mayImport[from] ?? []).includes(to);
    });
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it("imports only types where only types are allowed", () => {
    const wrong = internal.filter(
      (found) => !found.typeOnly && (typesOnly[roomOf(found.file)] ?? []).includes(roomOf(targetOf(found))),
    );
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it("loads no package but the three it needs", () => {
    const outside = imports.filter(
      ({ specifier, typeOnly }) => !specifier.startsWith(".") && !specifier.startsWith("node:") && !typeOnly,
    );
    const wrong = outside.filter(({ file, specifier }) => !(packages[roomOf(file)] ?? []).includes(specifier));
    expect(wrong.map(describeImport)).toEqual([]);
  });

  it("has no cycle of files", () => {
    expect(cycles()).toEqual([]);
  });
});

function describeImport({ file, specifier }: Import): string {
  return `${relative(root, file)} imports ${specifier}`;
}

/** Cycles through imports that exist at run time; types may refer to each other. */
function cycles(): string[] {
  const edges = Map.groupBy(
    internal.filter(({ typeOnly }) => !typeOnly),
    ({ file }) => file,
  );
  const done = new Set<string>();
  const found: string[] = [];
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file))
      found.push([...path.slice(path.indexOf(file)), file].map((part) => relative(root, part)).join(" -> "));
    if (done.has(file) || path.includes(file)) return;
    for (const edge of edges.get(file) ?? []) visit(targetOf(edge), [...path, file]);
    done.add(file);
  };
  for (const file of files) visit(file, []);
  return found;
}
