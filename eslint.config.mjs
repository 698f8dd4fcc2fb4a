import js from "@eslint/js";
import tseslint from "typescript-eslint";

/** Code that may open connections: everything else goes through the dispatch points of the runtime. */
const networkClients = ["node:http", "node:https", "node:net", "node:tls", "node:dgram", "undici"];

export default tseslint.config(
  { ignores: ["dist", "docs/reference", "node_modules"] },
  js.configs.recommended,
  ...tseslint.configs.strictTypeChecked,
  {
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    rules: {
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true, allowBoolean: true }],
      "@typescript-eslint/consistent-type-imports": "error",
      "@typescript-eslint/no-confusing-void-expression": ["error", { ignoreArrowShorthand: true }],
      "@typescript-eslint/no-non-null-assertion": "off",
      // Readers of option bags return the type that the typed interface promised.
      "@typescript-eslint/no-unnecessary-type-parameters": "off",
      "@typescript-eslint/no-unnecessary-condition": ["error", { allowConstantLoopConditions: true }],
      "@typescript-eslint/switch-exhaustiveness-check": ["error", { considerDefaultExhaustiveForUnions: true }],
      eqeqeq: ["error", "always"],
      "max-depth": ["error", 3],
      "max-params": ["error", 3],
      "max-lines-per-function": ["error", { max: 60, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ["src/**/*.ts"],
    ignores: ["src/testing/**", "src/**/*.test.ts"],
    rules: {
      "no-restricted-imports": ["error", { paths: networkClients }],
      "no-restricted-globals": ["error", "fetch", "WebSocket", "XMLHttpRequest"],
      "no-console": "error",
    },
  },
  {
    files: ["**/*.test.ts", "**/*.test-d.ts", "test/**", "bench/**"],
    rules: { "max-lines-per-function": "off", "@typescript-eslint/no-unsafe-assignment": "off" },
  },
  {
    files: ["**/*.mjs"],
    extends: [tseslint.configs.disableTypeChecked],
    languageOptions: { globals: { process: "readonly", console: "readonly" } },
  },
);
