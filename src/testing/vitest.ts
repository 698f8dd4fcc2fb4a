/**
 * Types of `tierwiseMatchers` for vitest 5: `import "tierwise/testing/vitest"` in a test or a setup file. Nothing happens at
 * run time; `expect.extend(tierwiseMatchers)` adds the matchers. Apart from `tierwise/testing`, which needs no vitest.
 * @module
 */
import type {} from "vitest";
import type { TierwiseMatchers } from "./matchers.ts";

declare module "vitest" {
  // eslint-disable-next-line @typescript-eslint/no-empty-object-type, @typescript-eslint/no-unused-vars
  interface Matchers<R extends void | Promise<void> = void | Promise<void>, T = unknown> extends TierwiseMatchers<R> {}
}
