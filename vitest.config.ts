import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    // They need real servers: `npm run test:jaeger`, `npm run test:postgres`.
    exclude: [...configDefaults.exclude, "test/jaeger/**", "test/postgres/**"],
    restoreMocks: true,
    isolate: false,
    // Against hangs only: tests that start processes share two cores with everything else.
    testTimeout: 120_000,
  },
});
