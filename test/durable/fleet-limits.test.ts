/** Limits that all processes on a database keep together; how they are kept: `test/postgres/places.test.ts`. */
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type EndpointSpec } from "../../src/index.ts";
import { ScriptedModel } from "../../src/testing/index.ts";
import { openProcess, sql } from "../support/durable-lab.ts";
import { price, say } from "../support/priced-models.ts";

const spec = { class: "slm", location: "on-prem", price } as const;
const modelOf = () => new ScriptedModel(() => say("an answer"));

function flow(items: number) {
  const g = graph(`asks-${items}`, { input: z.array(z.number()).length(items) });
  const one = graph("one", { input: z.number() });
  const answer = one.model("answer", {
    needs: { number: one.input },
    complexity: "generation",
    output: z.string(),
    prompt: ({ number }) => `number ${number}`,
    maxOutputTokens: 10,
  });
  const all = g.map("all", { over: g.input, each: one.output(answer), concurrency: items });
  return g.output(all);
}

describe("limits of an endpoint for a whole fleet", () => {
  it("hold for the requests of a run, and leave nothing behind", async () => {
    let [inside, most, asked] = [0, 0, 0];
    const invoke = async (): Promise<unknown> => {
      most = Math.max(most, (inside += 1));
      for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
      inside -= 1;
      asked += 1;
      return {
        content: "an answer",
        usage_metadata: { input_tokens: 5, output_tokens: 5, total_tokens: 10 },
        response_metadata: { finish_reason: "stop" },
      };
    };
    const limits = { fleetConcurrency: 2, fleetRequestsPerMinute: 1_000_000 };
    const small = endpoint("small", { ...spec, model: { invoke }, limits });
    const { engine, runtime } = await openProcess({ endpoints: [small] });
    const { output } = await runtime.run(flow(8), [1, 2, 3, 4, 5, 6, 7, 8]);
    expect([output.length, most, asked]).toEqual([8, 2, 8]);
    await expect.poll(() => sql("SELECT 1 FROM tierwise.place")).toEqual([]);
    expect(await sql("SELECT endpoint FROM tierwise.pace")).toEqual([{ endpoint: "small" }]);
    await engine.close();
  });

  it("are refused where nobody would keep them", () => {
    const small = endpoint("small", { ...spec, model: modelOf().factory, limits: { fleetConcurrency: 2 } });
    const create = () => createRuntime({ catalog: createCatalog([small]), policy: defaultPolicy() });
    expect(create).toThrow(
      /runtime\.catalog\.small\.limits\.fleetConcurrency: expected an engine that all processes share.*found runs in this process alone/,
    );
  });

  it.each<[keyof NonNullable<EndpointSpec["limits"]>, unknown]>([
    ["fleetConcurrency", 0],
    ["fleetConcurrency", 1.5],
    ["fleetRequestsPerMinute", -1],
    ["fleetRequestsPerMinute", "many"],
  ])("are whole numbers: %s is not %s", (key, value) => {
    const limits = { [key]: value };
    expect(() => createCatalog([endpoint("small", { ...spec, model: modelOf().factory, limits })])).toThrow(
      new RegExp(`limits\\.${key}: expected a whole number from 1 to`),
    );
  });
});
