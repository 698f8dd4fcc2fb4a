import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog } from "../catalog/catalog.ts";
import { endpoint } from "../catalog/endpoint.ts";
import { graph } from "../graph/graph.ts";
import { defaultPolicy } from "../policy/policy.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { ScriptedModel } from "./scripted-model.ts";
import { SimulatedClock } from "./simulated-clock.ts";

const canary = "CANARY-4711";

/** Two answers in turn, with a stronger endpoint that could take over. */
function run(small: ScriptedModel, large: ScriptedModel) {
  const g = graph("two", { input: z.object({}) });
  const spec = { complexity: "generation", output: z.string(), prompt: () => canary } as const;
  const first = g.model("first", { needs: {}, ...spec });
  const second = g.model("second", { needs: { first }, ...spec });
  const catalog = createCatalog([
    endpoint("small", { class: "slm", location: "on-prem", model: small.factory }),
    endpoint("large", { class: "llm", location: "cloud", model: large.factory }),
  ]);
  return createRuntime({ catalog, policy: defaultPolicy() }).run(g.output(second), {});
}

describe("a scripted model", () => {
  it("fails the run at a call beyond its script, by the call's number, whatever could be asked instead", async () => {
    const small = new ScriptedModel([{ text: "one" }], { model: "tiny" });
    const large = new ScriptedModel([{ text: "two" }]);
    const error: unknown = await run(small, large).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: "UNEXPECTED_CALL",
      message: 'scripted model "tiny" did not expect call 2; replies in its script: 1',
    });
    expect(JSON.stringify(error) + String(error)).not.toContain(canary);
    expect(large.calls).toHaveLength(0);
  });

  it("remembers its last calls, counts all, and goes on in its script", async () => {
    const replies = Array.from({ length: 5 }, (_, index) => ({ text: `answer ${index}` }));
    const model = new ScriptedModel(replies, { keepCalls: 2 });
    const answers: unknown[] = [];
    for (const text of ["a", "b", "c", "d", "e"]) {
      const answer = (await model.invoke([{ role: "user", content: text }])) as { content: unknown };
      answers.push(answer.content);
    }
    expect(answers).toEqual(replies.map(({ text }) => text));
    expect(model.calls.map(({ messages }) => messages[0]?.content)).toEqual(["d", "e"]);
    expect(model.callCount).toBe(5);
    model.assertDone();
  });

  it("forgets the oldest of more than 10,000 calls where nobody says how many to keep", async () => {
    const model = new ScriptedModel(() => ({ text: "ok" }));
    for (let call = 0; call < 10_001; call += 1) await model.invoke([{ role: "user", content: String(call) }]);
    expect([model.calls.length, model.callCount, model.calls[0]?.messages[0]?.content]).toEqual([10_000, 10_001, "1"]);
  });

  it("remembers none or all where it is told to, and refuses what is no number of calls", async () => {
    const none = new ScriptedModel(() => ({ text: "ok" }), { keepCalls: 0 });
    await none.invoke([]);
    expect([none.calls.length, none.callCount]).toEqual([0, 1]);
    expect(() => new ScriptedModel([], { keepCalls: Infinity })).not.toThrow();
    expect(() => new ScriptedModel([], { keepCalls: -1 })).toThrow(
      "ScriptedModel keepCalls: expected a whole number from 0, or Infinity, found -1",
    );
  });

  it("can be asked whether its script was used up, and no more than that", async () => {
    const small = new ScriptedModel([{ text: "one" }, { text: "two" }, { text: "three" }], { model: "tiny" });
    const unused = 'scripted model "tiny" was called 0 times; replies in its script: 3';
    expect(() => small.assertDone()).toThrow(expect.objectContaining({ message: unused }) as Error);
    await run(small, new ScriptedModel([]));
    expect(() => small.assertDone()).toThrow(/was called 2 times; replies in its script: 3/);
    await small.invoke([]);
    expect(() => small.assertDone()).not.toThrow();
    await expect(small.invoke([])).rejects.toThrow(/did not expect call 4/);
    expect(() => small.assertDone()).toThrow(/was called 4 times; replies in its script: 3/);
  });

  it("answers every call when it is given a function", async () => {
    const model = new ScriptedModel(({ messages }) => ({ text: String(messages.length) }));
    expect(await model.invoke([{}, {}])).toMatchObject({ content: "2" });
    expect(() => model.assertDone()).not.toThrow();
  });

  it("hangs until it is aborted, also by a signal that fired before", async () => {
    const model = new ScriptedModel(() => ({ hangs: true }));
    const controller = new AbortController();
    const reason = new Error("enough");
    const hanging = expect(model.invoke([], { signal: controller.signal })).rejects.toBe(reason);
    controller.abort(reason);
    await hanging;
    await expect(model.invoke([], { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
  });

  it("streams its pieces, and its usage and calls with the last of them", async () => {
    const toolCalls = [{ name: "look", args: { q: "x" } }];
    const model = new ScriptedModel([
      { chunks: ["one", " two"], toolCalls },
      { text: "whole" },
      { chunks: ["a", "b"] },
    ]);
    const chunks = await all(model.stream([]));
    expect(chunks.map(({ content }) => content)).toEqual(["one", " two", ""]);
    expect(chunks.at(-1)).toMatchObject({ tool_calls: toolCalls, response_metadata: { finish_reason: "tool_calls" } });
    expect((await all(model.stream([]))).map(({ content }) => content)).toEqual(["whole", ""]);
    expect(await model.invoke([])).toMatchObject({ content: "ab" });
    expect(model.calls.map(({ streamed }) => streamed)).toEqual([true, true, false]);
  });

  it("sends its pieces before it fails or hangs", async () => {
    const reason = new Error("enough");
    const model = new ScriptedModel([
      { chunks: ["a"], error: reason },
      { chunks: ["b"], hangs: true },
      { error: reason },
    ]);
    for (const [signal, pieces] of [
      [undefined, ["a"]],
      [AbortSignal.abort(reason), ["b"]],
      [undefined, []],
    ] as const) {
      const seen: string[] = [];
      const reading = (async () => {
        for await (const { content } of model.stream([], { signal }) as AsyncIterable<Chunk>) seen.push(content);
      })();
      await expect(reading).rejects.toBe(reason);
      expect(seen).toEqual(pieces);
    }
  });

  it("pauses between its pieces by its own clock", async () => {
    const clock = new SimulatedClock();
    const model = new ScriptedModel([{ chunks: ["a", "b"], everyMs: 1_000 }], { clock });
    const seen: string[] = [];
    const reading = (async () => {
      for await (const { content } of model.stream([]) as AsyncIterable<Chunk>) seen.push(content);
    })();
    await clock.advance(999);
    expect(seen).toEqual(["a"]);
    await clock.advance(1);
    await reading;
    expect(seen).toEqual(["a", "b", ""]);
  });
});

interface Chunk {
  readonly content: string;
}

async function all(stream: AsyncIterable<unknown>): Promise<Chunk[]> {
  const chunks: Chunk[] = [];
  for await (const chunk of stream) chunks.push(chunk as Chunk);
  return chunks;
}
