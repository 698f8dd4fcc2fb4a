import { execFile } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import type * as core from "tierwise";
import type * as embedded from "tierwise/embedded";
import type * as testing from "tierwise/testing";
import { describe, expect, it } from "vitest";

const dist = resolve(import.meta.dirname, "..", "dist");

/** Imports a file in a Node of its own and prints the address of every module that was loaded on the way. */
const program = `
  import { registerHooks } from "node:module";
  const loaded = new Set();
  registerHooks({
    load(url, context, next) {
      loaded.add(url);
      return next(url, context);
    },
  });
  const before = Object.keys(globalThis);
  const found = await import(process.argv[1]);
  const globals = Object.keys(globalThis).filter((key) => !before.includes(key));
  console.log(JSON.stringify({ loaded: [...loaded], exports: Object.keys(found), globals }));
`;

interface Imported {
  readonly loaded: readonly string[];
  readonly exports: readonly string[];
  readonly globals: readonly string[];
}

async function importOf(file: string): Promise<Imported> {
  const path = resolve(dist, file);
  expect(existsSync(path), `${path} is not built; npm test builds it first`).toBe(true);
  const args = ["--input-type=module", "--eval", program, pathToFileURL(path).href];
  const { stdout, stderr } = await promisify(execFile)(process.execPath, args, { env: {} });
  expect(stderr).toBe("");
  return JSON.parse(stdout) as Imported;
}

/** The package that a module belongs to: a built-in, ours, or one of node_modules. */
function packageOf(url: string): string {
  if (url.startsWith("node:")) return "node";
  const parts = url.split("/node_modules/").at(-1) ?? "";
  if (!url.includes("/node_modules/")) return "tierwise";
  const [scope = "", name = ""] = parts.split("/");
  return scope.startsWith("@") ? `${scope}/${name}` : scope;
}

describe("importing the package", () => {
  it("loads neither LangChain, zod nor an OpenTelemetry SDK", async () => {
    const { loaded, exports } = await importOf("index.js");
    expect(exports).toContain("createRuntime");
    expect(loaded.length).toBeGreaterThan(20);
    expect([...new Set(loaded.map(packageOf))].toSorted()).toEqual([
      "@opentelemetry/api",
      "eventemitter3",
      "node",
      "p-queue",
      "tierwise",
    ]);
  });

  it("is few files: each costs whoever imports it half a millisecond", async () => {
    const { loaded } = await importOf("index.js");
    expect(loaded.filter((url) => packageOf(url) === "tierwise").length).toBeLessThan(10);
  });

  it("has one of each class, whichever entries of the package it is reached through", async () => {
    const entry = async (file: string): Promise<unknown> => import(pathToFileURL(resolve(dist, file)).href);
    const { TierwiseError } = (await entry("index.js")) as typeof core;
    const { replayModel } = (await entry("testing/index.js")) as typeof testing;
    const { loadClassifier } = (await entry("models/embedded/index.js")) as typeof embedded;
    expect(() => replayModel({ file: "nowhere.json" })).toThrow(TierwiseError);
    expect(() => loadClassifier({})).toThrow(TierwiseError);
  });

  it.each(["models/embedded/index.js", "prices/index.js", "testing/index.js", "testing/vitest.js"])(
    "loads no package at all for %s",
    async (file) => {
      const { loaded } = await importOf(file);
      expect([...new Set(loaded.map(packageOf))].filter((name) => name !== "node")).toEqual(["tierwise"]);
    },
  );

  it("knows no price before it is asked for one", async () => {
    const { loaded } = await importOf("index.js");
    expect(loaded.filter((url) => /genai-prices|\/dist\/prices\//.test(url))).toEqual([]);
  });

  it("would notice: the hook sees every module of a package that is loaded", async () => {
    const zod = import.meta.resolve("zod");
    const { loaded } = await importOf(resolve(new URL(zod).pathname));
    expect(new Set(loaded.map(packageOf))).toContain("zod");
  });

  it("opens no network client and leaves no global behind", async () => {
    const { loaded, globals } = await importOf("index.js");
    expect(loaded.filter((url) => /^node:(http|https|net|tls|dgram|http2)$/.test(url))).toEqual([]);
    // OpenTelemetry's API keeps its own registration under a symbol, which is no key.
    expect(globals).toEqual([]);
  });
});

describe("loading prices", () => {
  const load = `
    const { loadPrices } = await import(process.argv[1]);
    const found = await loadPrices().then(({ version }) => version, ({ code, message }) => ({ code, message }));
    console.log(JSON.stringify(found));
  `;

  async function loadFrom(folder: string): Promise<unknown> {
    const url = pathToFileURL(join(folder, "prices", "index.js")).href;
    const args = ["--input-type=module", "--eval", load, url];
    const { stdout } = await promisify(execFile)(process.execPath, args, { env: {} });
    return JSON.parse(stdout);
  }

  it("finds the optional package where it is installed", async () => {
    expect(await loadFrom(dist)).toMatch(/^@pydantic\/genai-prices 0\.1\.\d+, data of /);
  });

  it("says what to install where it is not", async () => {
    const folder = mkdtempSync(join(tmpdir(), "tierwise-"));
    try {
      cpSync(dist, join(folder, "dist"), { recursive: true });
      cpSync(resolve(dist, "..", "package.json"), join(folder, "package.json"));
      expect(await loadFrom(join(folder, "dist"))).toEqual({
        code: "CATALOG_INVALID",
        message:
          'Prices cannot be loaded: the optional package "@pydantic/genai-prices" was not found; install it: npm install @pydantic/genai-prices@^0.1.8.',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
