import { configDefaults, defineConfig } from "vitest/config";

export default defineConfig({
  test: {
    include: ["src/**/*.test.ts", "test/**/*.test.ts"],
    // They need a real server: `npm run test:jaeger`.
    exclude: [...configDefaults.exclude, "test/jaeger/**"],
    restoreMocks: true,
    isolate: false,
    // Against hangs only: tests that start processes share two cores with everything else.
    testTimeout: 120_000,
  },
});
