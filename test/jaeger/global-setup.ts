/** One Jaeger for all tests of this folder, started before the first and stopped after the last. */
import type { TestProject } from "vitest/node";
import { findJaeger } from "../../scripts/jaeger/find-jaeger.ts";
import { startJaeger, type JaegerAddresses } from "../../scripts/jaeger/start-jaeger.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** `undefined` where this machine has none. */
    jaeger: JaegerAddresses | undefined;
  }
}

const lifetimeMs = 10 * 60_000;

export default async function setup(project: TestProject): Promise<(() => Promise<void>) | undefined> {
  const found = findJaeger(process.env);
  if (found === undefined) {
    if (process.env["CI"] === "true" || process.env["TIERWISE_REQUIRE_JAEGER"] === "1")
      throw new Error("there is no Jaeger 2 on this machine; build one with: npm run jaeger:build");
    return undefined;
  }
  const { query, otlpHttp, otlpGrpc, stop } = await startJaeger(found.path, { lifetimeMs });
  project.provide("jaeger", { query, otlpHttp, otlpGrpc });
  return stop;
}
