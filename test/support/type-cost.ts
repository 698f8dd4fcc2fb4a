import { join, resolve } from "node:path";
import ts from "typescript";
import { graphSource } from "./graph-source.ts";

const root = resolve(import.meta.dirname, "..", "..");

export interface Checked {
  /** Instantiations of types that checking the file took: exact, and the same on every machine. */
  readonly instantiations: number;
  readonly problems: readonly string[];
}

/**
 * Checks a graph of each size in a file of its own that is not on disk, against the types in `src`, one after the other in
 * one program. What the first file alone pays, for schemas and tools that all files share, is paid before by another.
 */
export function checkGraphs(sizes: readonly number[], { withTools }: { readonly withTools: boolean }): Checked[] {
  const sources = [10, ...sizes].map((steps, index): [string, string] => [
    join(root, "test", `graph-${index}.ts`),
    graphSource({ steps, withTools }),
  ]);
  const program = programOf(new Map(sources));
  let before = 0;
  const checked = sources.map(([file]): Checked => {
    const found = program.getSemanticDiagnostics(program.getSourceFile(file));
    const after = program.getInstantiationCount();
    const problems = found.map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, "\n"));
    const instantiations = after - before;
    before = after;
    return { instantiations, problems };
  });
  return checked.slice(1);
}

/** What a step adds, between two sizes. */
export function perStep(sizes: readonly [number, number], [small, large]: readonly [Checked, Checked]): number {
  return (large.instantiations - small.instantiations) / (sizes[1] - sizes[0]);
}

function programOf(files: ReadonlyMap<string, string>): ts.Program {
  const { config } = ts.readConfigFile(join(root, "tsconfig.json"), (path) => ts.sys.readFile(path)) as {
    config: object;
  };
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const host = ts.createCompilerHost(options);
  host.fileExists = (path) => files.has(path) || ts.sys.fileExists(path);
  host.readFile = (path) => files.get(path) ?? ts.sys.readFile(path);
  return ts.createProgram([...files.keys()], options, host);
}
