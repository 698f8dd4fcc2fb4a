import { describe, expect, it } from "vitest";
import { retrieve, type DocumentLike, type RetrieverLike } from "./retrieve.ts";

const never = new AbortController().signal;
const returning = (...ids: readonly string[]): RetrieverLike => ({
  invoke: () => Promise.resolve(ids.map((id) => ({ id, pageContent: `text of ${id}` }))),
});
const lookup = { step: "retrieve", queries: ["q"], known: [], maxPassages: 10 };
const idsOf = async (work: ReturnType<typeof retrieve>) => (await work).map(({ id }) => id);

describe("retrieve", () => {
  it("merges what every retriever has for every query", async () => {
    const byQuery: RetrieverLike = { invoke: (query) => returning(query, "shared").invoke(query) };
    const found = retrieve({ ...lookup, queries: ["q1", "q2"], retrievers: [byQuery, returning("shared")] }, never);
    // shared: 2/62 + 2/61 (the second retriever is asked both); q1 and q2: 1/61.
    expect(await idsOf(found)).toEqual(["shared", "q1", "q2"]);
  });

  it("counts rankings that are known already, and keeps the best", async () => {
    const known = [[{ id: "old", text: "text of old" }]];
    const found = await retrieve({ ...lookup, known, retrievers: [returning("new", "old")], maxPassages: 1 }, never);
    expect(found).toEqual([{ id: "old", text: "text of old" }]);
  });

  it("asks all at once, and hands each the signal", async () => {
    const signals: (AbortSignal | undefined)[] = [];
    let under = 0;
    let most = 0;
    const slow: RetrieverLike = {
      async invoke(_query, config) {
        signals.push(config?.signal);
        most = Math.max(most, (under += 1));
        await Promise.resolve();
        under -= 1;
        return [];
      },
    };
    const controller = new AbortController();
    await retrieve({ ...lookup, queries: ["a", "b", "c"], retrievers: [slow] }, controller.signal);
    expect(most).toBe(3);
    controller.abort();
    expect(signals.map((signal) => signal?.aborted)).toEqual([true, true, true]);
  });

  it("tells the others to stop when one fails", async () => {
    let stopped: AbortSignal | undefined;
    const waiting: RetrieverLike = {
      invoke: (_query, config) => ((stopped = config?.signal), new Promise<DocumentLike[]>(() => undefined)),
    };
    const failing: RetrieverLike = { invoke: () => Promise.reject(new Error("index is gone")) };
    await expect(retrieve({ ...lookup, retrievers: [waiting, failing] }, never)).rejects.toThrow("index is gone");
    expect(stopped?.aborted).toBe(true);
  });

  it("gives a text without an id one of its own, the same every time", async () => {
    const bare: RetrieverLike = {
      invoke: () => Promise.resolve([{ pageContent: "a" }, { pageContent: "b", id: " " }]),
    };
    const [first, second] = await idsOf(retrieve({ ...lookup, retrievers: [bare] }, never));
    expect(first).toMatch(/^text-[0-9a-f]{8}$/);
    expect(second).not.toBe(first);
    expect(await idsOf(retrieve({ ...lookup, retrievers: [bare] }, never))).toEqual([first, second]);
  });

  it("keeps two chunks that share the id of their document", async () => {
    const chunks = [1, 2].map((part) => ({ id: "doc", pageContent: `part ${part}` }));
    const found = retrieve({ ...lookup, retrievers: [{ invoke: () => Promise.resolve(chunks) }] }, never);
    expect(await idsOf(found)).toEqual(["doc", "doc"]);
  });

  it.each([["SECRET-4711"], [{ documents: [] }], [[{ text: "SECRET-4711" }]], [["SECRET-4711"]], [null]])(
    "refuses %j without repeating it",
    async (found) => {
      const wrong = { invoke: () => Promise.resolve(found as never) };
      const error: unknown = await retrieve({ ...lookup, retrievers: [wrong] }, never).catch(
        (thrown: unknown) => thrown,
      );
      expect(error).toMatchObject({ code: "STEP_FAILED" });
      expect(String(error)).toContain('step "retrieve": expected the retriever to return documents');
      expect(String(error)).not.toContain("SECRET");
    },
  );
});
