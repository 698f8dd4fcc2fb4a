import { defineConfig } from "vitest/config";

/** `npm run test:jaeger`: what is read back from a real Jaeger. */
export default defineConfig({
  test: {
    include: ["test/jaeger/**/*.test.ts"],
    globalSetup: ["test/jaeger/global-setup.ts"],
    isolate: false,
    testTimeout: 60_000,
  },
});
