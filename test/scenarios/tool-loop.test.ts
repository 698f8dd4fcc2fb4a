import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from "@opentelemetry/sdk-trace";
import { describe, expect, it, vi } from "vitest";
import * as z from "zod";
import { auditEntry, createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../../src/index.ts";
import type { Endpoint, HumanRequest, RunEvent, RunOptions, RuntimeOptions, ToolBinding } from "../../src/index.ts";
import { ScriptedModel, SimulatedClock, type ScriptedReply } from "../../src/testing/index.ts";

const canary = "CANARY-4711";
const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
/** Every turn costs 10 millionths of a dollar. */
const usage = { inputTokens: 5, outputTokens: 5 };
const turnUsd = 10e-6;

type Script = ConstructorParameters<typeof ScriptedModel>[0];

const call = (name: string, args: unknown = {}) => ({ name, args: args as Record<string, unknown> });
const calls = (...toolCalls: ReturnType<typeof call>[]): ScriptedReply => ({ toolCalls, usage });
const done: ScriptedReply = { text: "done", usage };

interface Needs {
  readonly limit: number;
  readonly note: string;
}
type Binding = ToolBinding<Needs>;

/** A tool that writes down what it is called with. */
function tool(name: string, invoke: (args: never, config: never) => unknown = () => "ok", schema: unknown = open) {
  const spy = vi.fn(invoke);
  return { binding: { tool: { name, schema, invoke: spy }, effect: "read" } satisfies Binding, spy };
}
const open = z.looseObject({});
const text = z.object({ q: z.string() });

function place(name: string, model: ScriptedModel, kind: "slm" | "llm"): Endpoint {
  const location = kind === "slm" ? "on-prem" : "cloud";
  return endpoint(name, { class: kind, location, clearance: "regulated", price, model: model.factory });
}

type AgentOptions = Partial<Parameters<ReturnType<typeof graph>["agent"]>[1]>;

function agentGraph(tools: readonly Binding[], step: AgentOptions = {}) {
  const g = graph("desk", {
    input: z.object({ limit: z.number(), note: z.string() }),
    fields: { limit: { integrity: "trusted" } },
  });
  const work = g.agent("work", {
    needs: { limit: g.input.field("limit"), note: g.input.field("note") },
    output: z.string(),
    prompt: ({ note }) => `Do: ${note}`,
    tools,
    timeoutMs: 5_000,
    ...(step as object),
  });
  return g.output(work);
}

const input = { limit: 100, note: "hello" };

interface Setting {
  readonly tools: readonly Binding[];
  readonly step?: AgentOptions;
  readonly runtime?: Partial<RuntimeOptions>;
  readonly run?: RunOptions;
  /** A small model beside the large one. */
  readonly small?: Script;
}

/** Runs one agent to its end, whichever that is. */
async function runAgent(script: Script, { tools, step, runtime: options, run: runOptions, small }: Setting) {
  const large = new ScriptedModel(script);
  const little = new ScriptedModel(small ?? []);
  const endpoints = [place("large", large, "llm"), ...(small === undefined ? [] : [place("small", little, "slm")])];
  const runtime = createRuntime({ catalog: createCatalog(endpoints), policy: defaultPolicy(), ...options });
  const run = await runtime.start(agentGraph(tools, step), input, runOptions);
  const events: RunEvent[] = [];
  run.on("*", (event) => void events.push(event));
  const ending = await run.result.then(
    ({ output, ledger, decisions }) => ({ output, ledger, decisions, error: undefined }),
    (error: unknown) => ({ output: undefined, ledger: run.ledger(), decisions: undefined, error: error as Error }),
  );
  return { ...ending, large, little, events, run };
}

/** What a model read as the results of its calls in its latest request. */
function results(model: ScriptedModel): string[] {
  return model.calls
    .at(-1)!
    .messages.filter(({ role }) => role === "tool")
    .map(({ content }) => content);
}

const of = <T extends RunEvent["type"]>(events: readonly RunEvent[], type: T) =>
  events.filter((event): event is Extract<RunEvent, { type: T }> => event.type === type);

const forEver = (write: (turn: number) => ScriptedReply): Script => {
  let turn = 0;
  return () => write((turn += 1));
};

describe("a call that cannot be made", () => {
  const schema = z.object({ id: z.number(), inner: z.object({ a: z.string() }).optional() });
  const json = {
    type: "object",
    properties: { id: { type: "number" }, inner: { type: "object", properties: { a: { type: "string" } } } },
    required: ["id"],
  };
  const deep = JSON.parse(`{"id":${"[".repeat(70)}${"]".repeat(70)}}`) as unknown;
  const broken: [string, unknown, RegExp][] = [
    ["are no JSON", `{"id": 1, "secret": "${canary}`, /^The arguments are not a JSON object\.$/],
    ["are a list", [canary], /^The arguments are not a JSON object\.$/],
    ["are nothing", null, /^The arguments are not a JSON object\.$/],
    ["have a wrong type", { id: canary }, /"id" is not number/],
    ["lack a member", {}, /"id" is not (number|given)/],
    ["have a member too many", { id: 1, [canary]: canary }, /the value has an unknown member/],
    ["have a member too many inside", { id: 1, inner: { a: "", [canary]: 1 } }, /"inner" has an unknown member/],
    ["reach a prototype", JSON.parse(`{"id":1,"__proto__":{"${canary}":1}}`), /the value has an unknown member/],
    ["are too long", { id: 1, inner: { a: canary.repeat(6_000) } }, /their JSON is longer than 65536 bytes/],
    ["are too deep", deep, /their JSON is nested more than 64 levels deep/],
  ];

  describe.each([
    ["a zod schema", schema],
    ["a JSON Schema", json],
  ])("of a tool with %s", (_kind, own) => {
    it.each(broken)("runs nothing when its arguments %s; the large model puts it right", async (_what, args, why) => {
      const look = tool("look", () => "found", own);
      const { output, large, little, events, decisions, ledger } = await runAgent(
        [calls(call("look", { id: 1 })), calls(call("look", { id: 2 }))],
        { tools: [look.binding], small: [calls(call("look", args)), done] },
      );
      expect(output).toBe("done");
      expect(look.spy.mock.calls.map(([given]) => given)).toEqual([{ id: 1 }, { id: 2 }]);
      const [, refusal = ""] = results(large);
      expect(refusal).toMatch(why);
      expect(refusal).not.toContain(canary);
      expect(refusal.length).toBeLessThan(200);
      expect(decisions?.["work"]?.map(({ role, ladder }) => [role, ladder[0]?.endpoint])).toEqual([
        ["plan", "large"],
        ["act", "small"],
        ["plan", "large"],
        ["act", "small"],
      ]);
      expect(of(events, "attempt-start").map(({ kind }) => kind)).toEqual(["initial", "turn", "escalation", "turn"]);
      expect(ledger.escalations).toBe(1);
      expect(of(events, "tool-start")).toHaveLength(2);
      expect(of(events, "tool-refused")).toEqual([
        expect.objectContaining({
          step: "work",
          tool: "look",
          calls: 1,
          reason: expect.stringMatching(/^(invalid-arguments|arguments-too-long)$/) as string,
        }),
      ]);
      expect(JSON.stringify(events)).not.toContain(canary);
      little.assertDone();
    });
  });

  it("is a call of a tool that is not there, whatever it is called", async () => {
    const names = ["nope", "constructor", "", canary.repeat(1_000)];
    const { output, large, events } = await runAgent([calls(...names.map((name) => call(name))), done], {
      tools: [tool("look").binding],
    });
    expect(output).toBe("done");
    expect(results(large)).toEqual(Array(4).fill("There is no such tool. Tools: look."));
    expect(of(events, "tool-refused").map(({ reason, tool: named }) => [reason, named])).toEqual(
      Array(4).fill(["unknown-tool", undefined]),
    );
    // A server refuses a whole request for a name that no tool could have.
    expect(JSON.stringify(large.calls[1])).not.toContain(canary);
  });

  it("does not keep the other calls of its turn from running", async () => {
    const look = tool("look", () => "found", text);
    const { large } = await runAgent([calls(call("look", {}), call("look", { q: "a" }), call("nope")), done], {
      tools: [look.binding],
    });
    expect(look.spy).toHaveBeenCalledTimes(1);
    expect(results(large)).toEqual([
      'The arguments cannot be used: "q" is not string.',
      "found",
      "There is no such tool. Tools: look.",
    ]);
  });

  it("is not repeated to the model when its arguments are too long", async () => {
    const long = { q: canary.repeat(100_000) };
    const { large, output } = await runAgent([calls(call("look", long), call("nope", long)), done], {
      tools: [tool("look", undefined, text).binding],
    });
    expect(output).toBe("done");
    expect(JSON.stringify(large.calls[1]!.messages).length).toBeLessThan(2_000);
  });

  it("is measured by the tool's own cap, in bytes", async () => {
    const look = tool("look", () => "found", text);
    const tools = [{ ...look.binding, maxArgumentBytes: 20 }];
    const { large } = await runAgent(
      [calls(call("look", { q: "123456789012" }), call("look", { q: "éééééé7" })), done],
      { tools },
    );
    expect(results(large)).toEqual(["found", "The arguments cannot be used: their JSON is longer than 20 bytes."]);
  });

  it("may be put right twice in a row by default, then the step fails and says where", async () => {
    const look = tool("look", undefined, text);
    const { error, large } = await runAgent(
      forEver((turn) => calls(call("look", { q: turn }))),
      { tools: [look.binding], step: { maxTurns: 50 } },
    );
    expect(large.calls).toHaveLength(3);
    expect(error).toMatchObject({
      code: "TOOL_LOOP_LIMIT",
      details: { step: "work", tool: "look", rule: "repairs" },
      message:
        'step "work": the model called tool "look" with arguments that do not fit, still after 2 repairs (maxRepairs)',
    });
    expect(look.spy).not.toHaveBeenCalled();
  });

  it.each([0, 1, 5])("may be put right %i times where the step says so", async (maxRepairs) => {
    const { error, large } = await runAgent(
      forEver(() => calls(call(canary))),
      { tools: [], step: { maxRepairs, maxTurns: 50 } },
    );
    expect(large.calls).toHaveLength(maxRepairs + 1);
    expect(error).toMatchObject({ code: "TOOL_LOOP_LIMIT", details: { rule: "repairs" } });
    expect(error?.message).not.toContain(canary);
  });

  it("is counted anew after a turn whose calls could be made", async () => {
    const good = (q: string) => calls(call("look", { q }));
    const bad = calls(call("look", {}));
    const { output } = await runAgent([bad, bad, good("a"), bad, bad, good("b"), done], {
      tools: [tool("look", ({ q }: { q: string }) => q, text).binding],
    });
    expect(output).toBe("done");
  });

  it("is put right by the model that wrote it without an escalation: of arguments, and of an answer", async () => {
    const look = tool("look", () => "found", text);
    const put = await runAgent([calls(call("look", {})), calls(call("look", { q: "a" })), done], {
      tools: [look.binding],
    });
    const answered = await runAgent([{ text: "  " }, done], { tools: [look.binding], small: [] });
    for (const { output, events, ledger, run } of [put, answered]) {
      expect(output).toBe("done");
      expect(new Set(of(events, "attempt-start").map(({ endpoint: who }) => who))).toEqual(new Set(["large"]));
      expect(of(events, "attempt-start").some(({ kind }) => kind === "escalation")).toBe(false);
      expect(ledger.escalations).toBe(0);
      expect(run.ledger().steps["work"]?.attempts).toBeGreaterThan(1);
    }
  });

  it.each(["never", "human"] as const)(
    "is put right by who wrote it when the step's escalation is %s",
    async (escalation) => {
      const look = tool("look", () => "found", text);
      const { output, events, ledger } = await runAgent([calls(call("look", { q: "a" }))], {
        tools: [look.binding],
        step: { escalation },
        runtime: { onHuman: { ask: () => Promise.reject(new Error("nobody asks")) } },
        small: [calls(call("look", {})), done],
      });
      expect(output).toBe("done");
      expect(of(events, "attempt-start").map(({ kind, endpoint: who }) => `${kind} ${who}`)).toEqual([
        "initial large",
        "turn small",
        "turn small",
      ]);
      expect(ledger.escalations).toBe(0);
    },
  );
});

describe("more calls than a turn may have", () => {
  it("are refused in one message that says how many, and recorded as that many", async () => {
    const look = tool("look", ({ q }: { q: string }) => q, text);
    const many = Array.from({ length: 500 }, (_item, index) => call("look", { q: String(index) }));
    const { output, large, events } = await runAgent([calls(...many), done], { tools: [look.binding] });
    expect(output).toBe("done");
    expect(look.spy).toHaveBeenCalledTimes(16);
    expect(results(large).slice(15)).toEqual([
      "15",
      "Not called, nor were the 483 calls after it: a turn may have 16 calls.",
    ]);
    expect(of(events, "tool-refused")).toEqual([
      expect.objectContaining({ reason: "too-many-calls", calls: 484, tool: undefined }),
    ]);
    const [, said] = large.calls[1]!.messages.slice(1) as unknown as { tool_calls: { id: string }[] }[];
    expect(said?.tool_calls).toHaveLength(17);
  });

  it("are one when there are seventeen, and none when there are sixteen", async () => {
    const turn = (count: number) =>
      calls(...Array.from({ length: count }, (_item, q) => call("look", { q: `${count}-${q}` })));
    const { large } = await runAgent([turn(16), turn(17), done], {
      tools: [tool("look", ({ q }: { q: string }) => q, text).binding],
    });
    expect(results(large)).toHaveLength(33);
    expect(results(large).at(-1)).toBe("Not called: a turn may have 16 calls.");
  });
});

describe("the calls of one turn", () => {
  /** Tools that end when they are told to, and a record of what ran beside what. */
  function gated() {
    const running: string[] = [];
    const log: string[] = [];
    const gates = new Map<string, () => void>();
    const invoke = async ({ q }: { q: string }) => {
      running.push(q);
      log.push(running.join(" "));
      await new Promise<void>((resolve) => gates.set(q, resolve));
      running.splice(running.indexOf(q), 1);
      return `result ${q}`;
    };
    const end = async (q: string) => {
      await vi.waitFor(() => expect(gates.has(q)).toBe(true));
      gates.get(q)!();
      await vi.waitFor(() => expect(running).not.toContain(q));
      // What may start now has started before the next call ends.
      await new Promise((resolve) => setTimeout(resolve, 5));
    };
    return { log, end, ...{ read: tool("read", invoke, text), write: tool("write", invoke, text) } };
  }
  const approved = { effect: "write", untrustedArguments: { reason: "a test" } } as const;

  it("run at most four at once, and their results stand in the order of the calls", async () => {
    const { read, log, end } = gated();
    const turn = ["a", "b", "c", "d", "e", "f"].map((q) => call("read", { q }));
    const running = runAgent([calls(...turn), done], { tools: [read.binding] });
    for (const q of ["c", "a", "f", "e", "d", "b"]) await end(q);
    const { output, large } = await running;
    expect(output).toBe("done");
    expect(log).toEqual(["a", "a b", "a b c", "a b c d", "a b d e", "b d e f"]);
    expect(results(large)).toEqual(["a", "b", "c", "d", "e", "f"].map((q) => `result ${q}`));
  });

  it.each([1, 2, 16])("run %i at once where the step says so", async (toolConcurrency) => {
    let now = 0;
    let most = 0;
    const look = tool(
      "look",
      async ({ q }: { q: string }) => {
        most = Math.max(most, (now += 1));
        await new Promise((resolve) => setTimeout(resolve, 2));
        now -= 1;
        return q;
      },
      text,
    );
    const turn = Array.from({ length: 16 }, (_item, index) => call("look", { q: `${index}` }));
    await runAgent([calls(...turn), done], { tools: [look.binding], step: { toolConcurrency } });
    expect(most).toBe(toolConcurrency);
  });

  it("with an effect run one after the other, in the order of the calls, beside those without", async () => {
    const { read, write, log, end } = gated();
    const turn = [
      call("write", { q: "w1" }),
      call("read", { q: "r1" }),
      call("write", { q: "w2" }),
      call("read", { q: "r2" }),
    ];
    const running = runAgent([calls(...turn), done], { tools: [read.binding, { ...write.binding, ...approved }] });
    for (const q of ["r2", "w1", "w2", "r1"]) await end(q);
    const { large } = await running;
    expect(log).toEqual(["w1", "w1 r1", "w1 r1 r2", "r1 w2"]);
    expect(results(large)).toEqual(["result w1", "result r1", "result w2", "result r2"]);
  });

  it.each<[string, (args: never) => unknown]>([
    ["fails", () => Promise.reject(new Error(canary))],
    ["never ends", () => new Promise(() => undefined)],
  ])("with an effect are not made after one that %s; the model is told", async (_what, invoke) => {
    const clock = new SimulatedClock();
    const create = tool("create", invoke, text);
    const charge = tool("charge", undefined, text);
    const read = tool("read", () => "found", text);
    const turn = [call("create", { q: "" }), call("charge", { q: "" }), call("read", { q: "" })];
    const tools = [{ ...create.binding, ...approved }, { ...charge.binding, ...approved }, read.binding];
    const running = runAgent([calls(...turn), done], { tools, runtime: { clock } });
    await clock.advance(5_000);
    const { large, events } = await running;
    expect(charge.spy).not.toHaveBeenCalled();
    expect(results(large)).toEqual([
      expect.stringMatching(/It may have had its effect all the same\.$/),
      "Not called: a call before it in the same turn did not succeed. Call it again if it is still wanted.",
      "found",
    ]);
    expect(of(events, "tool-refused").map(({ reason, tool: named }) => [reason, named])).toEqual([
      ["earlier-effect", "charge"],
    ]);
  });
});

describe("a tool loop without an end", () => {
  const changing = (name: string) => (turn: number) => calls(call(name, { q: `${turn}` }));
  const inTurns =
    (...args: string[]) =>
    (turn: number) =>
      calls(call("look", { q: args[(turn - 1) % args.length]! }));
  const twoTools = (turn: number) => calls(call(turn % 2 === 0 ? "look" : "find", { q: "a" }));

  it.each<[string, (turn: number) => ScriptedReply, number, string]>([
    ["the same call", inTurns("a"), 3, "repeat"],
    ["two calls in turns", inTurns("a", "b"), 5, "cycle"],
    ["two tools in turns", twoTools, 5, "cycle"],
    ["three calls in turns", inTurns("a", "b", "c"), 7, "cycle"],
    ["other arguments each time, and always the same result", changing("none"), 5, "same-result"],
  ])("is ended: %s", async (...[, write, requests, rule]) => {
    const echo = ({ q }: { q: string }) => `result ${q}`;
    const { error, large, events } = await runAgent(forEver(write), {
      tools: [
        tool("look", echo, text).binding,
        tool("find", echo, text).binding,
        tool("none", () => canary, text).binding,
      ],
      step: { maxTurns: 100 },
    });
    expect(large.calls).toHaveLength(requests);
    expect(error).toMatchObject({ code: "TOOL_LOOP_LIMIT", details: { step: "work", rule } });
    const { tool: named } = (error as unknown as { details: { tool: string } }).details;
    expect(["look", "find", "none"]).toContain(named);
    expect(error?.message).toContain(`step "work": tool "${named}"`);
    expect(error?.message).not.toContain(canary);
    expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "failed" });
  });

  it("is ended by maxTurns where every turn looks new", async () => {
    const { error, large } = await runAgent(forEver(changing("look")), {
      tools: [tool("look", ({ q }: { q: string }) => q, text).binding],
      step: { maxTurns: 20 },
    });
    expect(large.calls).toHaveLength(20);
    expect(error).toMatchObject({ code: "TOOL_LOOP_LIMIT", details: { rule: "turns" } });
  });

  it("is not what seven orders are that are all answered with `done`", async () => {
    const cancel = tool("cancel", () => "done", text);
    const script = [...[1, 2, 3, 4, 5, 6, 7].map(changing("cancel")), done];
    const { output } = await runAgent(script, {
      tools: [{ ...cancel.binding, effect: "write", untrustedArguments: { reason: "a test" } }],
    });
    expect(output).toBe("done");
    expect(cancel.spy).toHaveBeenCalledTimes(7);
  });

  it("is what a tool with an effect is in that fails for any arguments", async () => {
    const cancel = tool("cancel", () => Promise.reject(new Error("down")), text);
    const { error, large } = await runAgent(forEver(changing("cancel")), {
      tools: [{ ...cancel.binding, effect: "write", untrustedArguments: { reason: "a test" } }],
      step: { maxTurns: 100 },
    });
    expect(error).toMatchObject({ details: { rule: "same-result", tool: "cancel" } });
    expect(large.calls).toHaveLength(5);
  });
});

describe("a result that is too long", () => {
  it.each([256, 1_000, 70_000])("is cut to %i bytes between two characters, and says what is missing", async (cap) => {
    const whole = "é🎉".repeat(50_000);
    const look = tool("look", () => ({ whole }));
    const { large } = await runAgent([calls(call("look")), done], {
      tools: [{ ...look.binding, maxResultBytes: cap }],
    });
    const [content = ""] = results(large);
    const [, kept = "", omitted] =
      /^(.*)\n\[The result was cut here: (\d+) bytes are left out\.\]$/s.exec(content) ?? [];
    expect(Buffer.byteLength(content)).toBeLessThanOrEqual(cap);
    expect(Buffer.byteLength(content)).toBeGreaterThan(cap - 8);
    const json = JSON.stringify({ whole });
    expect(json.startsWith(kept)).toBe(true);
    expect(Number(omitted)).toBe(Buffer.byteLength(json) - Buffer.byteLength(kept));
    expect(content.isWellFormed()).toBe(true);
  });

  it("is whole when it just fits", async () => {
    const look = tool("look", () => "é".repeat(128));
    const { large } = await runAgent([calls(call("look")), done], {
      tools: [{ ...look.binding, maxResultBytes: 256 }],
    });
    expect(results(large)).toEqual(["é".repeat(128)]);
  });
});

describe("a run that is over", () => {
  it("starts no further call of the turn, and aborts the one that runs", async () => {
    const controller = new AbortController();
    let signal: AbortSignal | undefined;
    const look = tool("look", (_args: unknown, config: { signal: AbortSignal }) => {
      signal = config.signal;
      controller.abort(new Error("enough"));
      return new Promise(() => undefined);
    });
    const turn = [1, 2, 3, 4].map((q) => call("look", { q }));
    const { error, events, large } = await runAgent([calls(...turn)], {
      tools: [look.binding],
      step: { toolConcurrency: 1 },
      run: { signal: controller.signal },
    });
    expect(error).toMatchObject({ code: "RUN_CANCELLED" });
    expect(signal?.aborted).toBe(true);
    expect(look.spy).toHaveBeenCalledTimes(1);
    expect(large.calls).toHaveLength(1);
    expect(of(events, "tool-end")).toEqual([expect.objectContaining({ outcome: "failed", errorType: "cancelled" })]);
  });

  it("calls no tool that waited for a person", async () => {
    const controller = new AbortController();
    const pay = tool("pay");
    const ask = () => {
      controller.abort(new Error("enough"));
      return Promise.resolve(true);
    };
    const { error } = await runAgent([calls(call("pay"))], {
      tools: [{ ...pay.binding, effect: "write", approve: true }],
      runtime: { onHuman: { ask } },
      run: { signal: controller.signal },
    });
    expect(error).toMatchObject({ code: "RUN_CANCELLED" });
    expect(pay.spy).not.toHaveBeenCalled();
  });
});

describe("the idempotency key", () => {
  const macKey = "0123456789abcdef0123456789abcdef";
  async function keys(options: Partial<RuntimeOptions>, runId = "run-1"): Promise<string[]> {
    const seen: string[] = [];
    const note = (_args: unknown, config: { configurable: { idempotencyKey: string } }) =>
      seen.push(config.configurable.idempotencyKey);
    await runAgent([calls(call("one"), call("two")), calls(call("one")), done], {
      tools: [tool("one", note).binding, tool("two", note).binding],
      step: { toolConcurrency: 1 },
      runtime: options,
      run: { runId },
    });
    return seen;
  }

  it("is the same in another runtime with the same secret and run, and another in every other way", async () => {
    const found = await keys({ macKey });
    expect(found).toHaveLength(3);
    expect(new Set(found).size).toBe(3);
    for (const key of found) expect(key).toMatch(/^[0-9a-f]{32}$/);
    expect(await keys({ macKey: Buffer.from(macKey) })).toEqual(found);
    const others = [
      ...(await keys({ macKey }, "run-2")),
      ...(await keys({ macKey: `${macKey}!` })),
      ...(await keys({})),
    ];
    expect(others.filter((key) => found.includes(key))).toEqual([]);
  });

  it("of code is made with the same secret", async () => {
    const seen: string[] = [];
    const g = graph("code", { input: z.object({}) });
    const step = g.code("book", { needs: {}, run: (_values, { idempotencyKey }) => seen.push(idempotencyKey) });
    const built = g.output(step);
    const catalog = createCatalog([place("large", new ScriptedModel([]), "llm")]);
    for (const secret of [macKey, macKey, `${macKey}!`])
      await createRuntime({ catalog, policy: defaultPolicy(), macKey: secret }).run(built, {}, { runId: "run-1" });
    expect(seen[0]).toMatch(/^[0-9a-f]{32}$/);
    expect(seen[1]).toBe(seen[0]);
    expect(seen[2]).not.toBe(seen[0]);
  });

  it.each([
    ["short", "x".repeat(31)],
    ["a number", 7],
  ])("wants a secret that is not %s, and does not show it", (_what, wrong) => {
    const catalog = createCatalog([place("large", new ScriptedModel([]), "llm")]);
    const create = () => createRuntime({ catalog, policy: defaultPolicy(), macKey: wrong as string });
    expect(create).toThrow(
      /runtime\.macKey: expected a text or Uint8Array of at least 32 bytes that somebody drew at random, found something else/,
    );
    expect(create).not.toThrow(/xxx/);
  });
});

describe("the cost of tools", () => {
  const paid = (name: string, perCallUsd: number, invoke?: (args: never) => unknown) => {
    const own = tool(name, invoke ?? (({ q }: { q: string }) => `result ${q}`), text);
    return { ...own, binding: { ...own.binding, cost: { perCallUsd } } };
  };

  it("is on the books exactly: in the total, in the baseline, by step, and on events", async () => {
    const look = paid("look", 0.1);
    const turn = calls(call("look", { q: "1" }), call("look", { q: "2" }), call("look", { q: "3" }));
    const { ledger, events } = await runAgent([turn, done], { tools: [look.binding, tool("free").binding] });
    expect(ledger).toMatchObject({ toolUsd: 0.3, costUsd: 0.3 + 2 * turnUsd, llmUsd: 2 * turnUsd, complete: true });
    expect(ledger.baselineUsd).toBe(ledger.costUsd);
    expect(ledger.steps["work"]).toMatchObject({ toolUsd: 0.3 });
    expect(of(events, "tool-end").map(({ costUsd }) => costUsd)).toEqual([0.1, 0.1, 0.1]);
    expect(of(events, "run-end")).toMatchObject([{ costUsd: ledger.costUsd }]);
    expect(ledger.reservedUsd).toBe(0);
  });

  it("is not zero but absent for a tool that declares none", async () => {
    const { events, ledger } = await runAgent([calls(call("free")), done], { tools: [tool("free").binding] });
    expect(of(events, "tool-end")).toMatchObject([{ costUsd: undefined }]);
    expect(ledger.toolUsd).toBe(0);
  });

  it.each<[string, (args: never) => unknown]>([
    ["failed", () => Promise.reject(new Error("down"))],
    ["was not waited for", () => new Promise(() => undefined)],
    ["gave nothing that can be used", () => Buffer.from("x")],
  ])("is charged for a call that %s: it may have been billed", async (_what, invoke) => {
    const clock = new SimulatedClock();
    const running = runAgent([calls(call("look", { q: "" })), done], {
      tools: [paid("look", 0.25, invoke).binding],
      runtime: { clock },
    });
    await clock.advance(5_000);
    const { ledger, events } = await running;
    expect(ledger.toolUsd).toBe(0.25);
    expect(of(events, "tool-end")).toMatchObject([{ outcome: "failed", costUsd: 0.25 }]);
  });

  it("is not charged for what was refused or never called", async () => {
    const look = paid("look", 0.25);
    const pay = { ...paid("pay", 0.5).binding, effect: "write", approve: true } as const;
    const { ledger } = await runAgent([calls(call("look", {}), call("pay", { q: "" })), done], {
      tools: [look.binding, pay],
      runtime: { onHuman: { ask: () => Promise.resolve(false) } },
    });
    expect(ledger.toolUsd).toBe(0);
  });

  it("is reserved before the call, so that calls side by side cannot exceed the cap", async () => {
    const reserved: number[] = [];
    const ledgers: (() => { reservedUsd: number })[] = [];
    const look = paid("look", 0.3, async ({ q }: { q: string }) => {
      reserved.push(ledgers[0]!().reservedUsd);
      await new Promise((resolve) => setTimeout(resolve, 5));
      return q;
    });
    const model = new ScriptedModel([calls(...["1", "2", "3", "4"].map((q) => call("look", { q }))), done]);
    const runtime = createRuntime({ catalog: createCatalog([place("large", model, "llm")]), policy: defaultPolicy() });
    const run = await runtime.start(agentGraph([look.binding]), input, { budget: { costUsd: 0.8 } });
    ledgers.push(() => run.ledger());
    const { output, ledger } = await run.result;
    expect(output).toBe("done");
    expect(look.spy).toHaveBeenCalledTimes(2);
    // Both were set aside before the first of them ran.
    expect(reserved).toEqual([0.6, 0.6]);
    expect(ledger.toolUsd).toBe(0.6);
    expect(ledger.costUsd).toBeLessThanOrEqual(0.8);
    expect(results(model).slice(2)).toEqual(Array(2).fill("Not called: the budget of this run cannot pay for it."));
  });

  it("ends the run as exceeding its budget only when the model asks for nothing else", async () => {
    const look = paid("look", 1);
    const { error, events, ledger } = await runAgent(
      forEver((turn) => calls(call("look", { q: `${turn}` }))),
      { tools: [look.binding], run: { budget: { costUsd: 0.5 } }, step: { maxTurns: 100 } },
    );
    expect(error).toMatchObject({ name: "BudgetExceededError", code: "BUDGET_EXCEEDED", details: { step: "work" } });
    expect(events.at(-1)).toMatchObject({ type: "run-end", outcome: "budget_exceeded" });
    expect(of(events, "tool-refused")[0]).toMatchObject({ tool: "look", reason: "budget" });
    expect(look.spy).not.toHaveBeenCalled();
    expect(ledger.costUsd).toBeLessThan(0.5);
  });

  it.each([
    ["the same call again and again", () => calls(call("look", { q: "a" })), 8],
    ["until the turns are used up", (turn: number) => calls(call("look", { q: `${turn}` })), 2],
  ])("that cannot be paid is told as such, not as a loop: %s", async (_what, write, maxTurns) => {
    const { error } = await runAgent(forEver(write), {
      tools: [paid("look", 1).binding],
      run: { budget: { costUsd: 0.5 } },
      step: { maxTurns },
    });
    expect(error).toMatchObject({ code: "BUDGET_EXCEEDED" });
  });
});

describe("a tool that a person approves", () => {
  const schema = z.object({ to: z.string(), amount: z.number() });
  const pay = () => {
    const own = tool("pay", () => "paid", schema);
    const pin = { to: ({ limit }: Needs) => `account-${limit}` };
    return {
      ...own,
      binding: { ...own.binding, effect: "irreversible", pin, approve: { reason: "Money leaves." } } as const,
    };
  };
  const person = (answer: unknown, clearance: "public" | "internal" = "public") => {
    const asked: HumanRequest[] = [];
    const ask = (request: HumanRequest) => {
      asked.push(request);
      return Promise.resolve(answer);
    };
    return { asked, onHuman: { ask, clearance } };
  };

  it.each([true, { approved: true }])("is called when they say %j, with just what they were shown", async (answer) => {
    const { asked, onHuman } = person(answer);
    const { binding, spy } = pay();
    const { output, events } = await runAgent([calls(call("pay", { to: "thief", amount: 5 })), done], {
      tools: [binding],
      runtime: { onHuman },
    });
    expect(output).toBe("done");
    expect(asked).toEqual([
      expect.objectContaining({
        kind: "approve-tool",
        step: "work",
        tool: "pay",
        effect: "irreversible",
        reason: "Money leaves.",
        arguments: { to: "account-100", amount: 5 },
        label: { level: "public", compartments: [], integrity: "untrusted" },
        prompt:
          'Step "work" wants to call "pay" (effect irreversible) with {"to":"account-100","amount":5}. Money leaves. Approve?',
      }),
    ]);
    expect(spy.mock.calls.map(([args]) => args)).toEqual([{ to: "account-100", amount: 5 }]);
    const order = events.map(({ type }) => type).filter((type) => /human|tool/.test(type));
    expect(order).toEqual(["human-asked", "human-answered", "tool-start", "tool-end"]);
    expect(of(events, "human-asked")).toMatchObject([{ tool: "pay", label: { level: "public" } }]);
    expect(of(events, "human-answered")).toMatchObject([{ tool: "pay", approved: true }]);
    const audited = events.flatMap((event) => auditEntry(event) ?? []).map(({ action, what }) => `${action}: ${what}`);
    expect(audited).toContain("approved: a person approved a call of tool pay");
    expect(JSON.stringify([events, audited])).not.toContain("account-100");
  });

  it.each([false, { approved: false, reason: canary }])(
    "is not called when they say %j, and the model is told",
    async (answer) => {
      const { onHuman } = person(answer);
      const { binding, spy } = pay();
      const { output, large, events, decisions } = await runAgent([calls(call("pay", { amount: 5 })), done], {
        tools: [binding],
        runtime: { onHuman },
      });
      expect(output).toBe("done");
      expect(spy).not.toHaveBeenCalled();
      expect(results(large)).toEqual(["Not called: a person who was asked did not approve it."]);
      expect(of(events, "human-answered")).toMatchObject([{ tool: "pay", approved: false }]);
      expect(of(events, "tool-refused")).toMatchObject([{ tool: "pay", reason: "not-approved" }]);
      expect(decisions?.["work"]?.map(({ role }) => role)).toEqual(["plan", "plan"]);
    },
  );

  it.each([undefined, "yes", 1, {}, { approved: "yes" }, null])(
    "is not called when they say %j, which is neither",
    async (answer) => {
      const { onHuman } = person(answer);
      const { binding, spy } = pay();
      const { error } = await runAgent([calls(call("pay", { amount: 5 }))], { tools: [binding], runtime: { onHuman } });
      expect(error).toMatchObject({ code: "OUTPUT_INVALID", details: { step: "work", tool: "pay" } });
      expect(spy).not.toHaveBeenCalled();
    },
  );

  it("is not asked about when the arguments do not fit", async () => {
    const { asked, onHuman } = person(true);
    const { binding, spy } = pay();
    await runAgent([calls(call("pay", { amount: canary })), done], { tools: [binding], runtime: { onHuman } });
    expect(asked).toEqual([]);
    expect(spy).not.toHaveBeenCalled();
  });

  it("cannot be changed by the person who looks at its arguments", async () => {
    const { binding, spy } = pay();
    const ask = (request: HumanRequest) => {
      const args = (request as { arguments: { amount: number } }).arguments;
      expect(Object.isFrozen(args)).toBe(true);
      return Promise.resolve(true);
    };
    await runAgent([calls(call("pay", { amount: 5 })), done], { tools: [binding], runtime: { onHuman: { ask } } });
    expect(spy.mock.calls[0]?.[0]).toEqual({ to: "account-100", amount: 5 });
    expect(Object.isFrozen(spy.mock.calls[0]?.[0])).toBe(false);
  });

  it("waits beyond the timeout of a call, as long as the run may last", async () => {
    const clock = new SimulatedClock();
    const answer = Promise.withResolvers<boolean>();
    const { binding, spy } = pay();
    const running = runAgent([calls(call("pay", { amount: 5 })), done], {
      tools: [binding],
      runtime: { clock, onHuman: { ask: () => answer.promise } },
    });
    await clock.advance(60_000);
    answer.resolve(true);
    const { output } = await running;
    expect(output).toBe("done");
    expect(spy).toHaveBeenCalledTimes(1);
  });

  /** The step reads internal data. */
  function internalGraph(binding: object) {
    const g = graph("internal", { input: z.object({ note: z.string() }), label: "internal" });
    const work = g.agent("work", {
      ...{ needs: { input: g.input }, output: z.string(), prompt: () => "p" },
      tools: [
        { tool: { name: "pay", schema: text, invoke: () => "" }, effect: "write", accepts: "internal", ...binding },
      ],
    });
    return g.output(work);
  }
  const catalog = () => createCatalog([place("large", new ScriptedModel([done]), "llm")]);

  it.each<[string, object, Partial<RuntimeOptions>, RegExp]>([
    ["nobody is wired", {}, {}, /asks a person before it calls "pay", and nobody is wired/],
    [
      "the person may not see it",
      {},
      { onHuman: person(true).onHuman },
      /cleared for public\{\}; its arguments can be internal\{\}: level \+1\. If they may see them: onHuman: \{ clearance: "internal"/,
    ],
    [
      "the approval may not show it",
      { approve: { clearance: "public" } },
      { onHuman: person(true, "internal").onHuman },
      /\(approve\.clearance\) may show public\{\}/,
    ],
    [
      "a result may raise it",
      { returns: "regulated", accepts: "regulated" },
      { onHuman: person(true, "internal").onHuman },
      /its arguments can be regulated\{\}/,
    ],
  ])("keeps a graph from starting where %s", async (...[, binding, options, message]) => {
    const runtime = createRuntime({ catalog: catalog(), policy: defaultPolicy(), ...options });
    const g = graph("x", { input: z.object({ note: z.string() }), label: "internal", privacy: "regulated" });
    const tools = [
      {
        tool: { name: "pay", schema: text, invoke: () => "" },
        effect: "write",
        accepts: "internal",
        approve: true,
        ...binding,
      },
    ] as const;
    const work = g.agent("work", { needs: { input: g.input }, output: z.string(), prompt: () => "p", tools });
    const built = g.output(work, { clearance: "regulated" });
    expect(runtime.plan(built).problems).toEqual([
      { code: "HUMAN_REQUIRED", path: "steps.work.tools.pay", message: expect.stringMatching(message) as string },
    ]);
    await expect(runtime.run(built, { note: "" })).rejects.toMatchObject({ code: "HUMAN_REQUIRED" });
  });

  it("starts where the person may see it", async () => {
    const { onHuman } = person(true, "internal");
    const runtime = createRuntime({ catalog: catalog(), policy: defaultPolicy(), onHuman });
    const running = runtime.run(internalGraph({ approve: { clearance: "internal" } }), { note: "" });
    await expect(running).resolves.toMatchObject({ output: "done" });
  });

  it("leaves the answers of people as they were: they say so by their kind", async () => {
    const { asked, onHuman } = person("by hand");
    const g = graph("hard", { input: z.object({}) });
    const hard = g.model("hard", { needs: {}, complexity: "reasoning", output: z.string(), prompt: () => "p" });
    const small = createCatalog([place("small", new ScriptedModel([]), "slm")]);
    const { output } = await createRuntime({ catalog: small, policy: defaultPolicy(), onHuman }).run(
      g.output(hard),
      {},
    );
    expect(output).toBe("by hand");
    expect(asked).toMatchObject([{ kind: "answer", prompt: "p" }]);
  });
});

describe("the trace of a tool loop", () => {
  it("says what a call cost and how it failed, and holds neither arguments nor results", async () => {
    const exporter = new InMemorySpanExporter();
    const tracerProvider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] });
    const look = tool(
      "look",
      ({ q }: { q: string }) => (q === "ok" ? canary : Promise.reject(new Error(canary))),
      text,
    );
    const { ledger } = await runAgent([calls(call("look", { q: "ok" }), call("look", { q: canary })), done], {
      tools: [{ ...look.binding, cost: { perCallUsd: 0.001 } }],
      runtime: { telemetry: { tracerProvider } },
    });
    await tracerProvider.forceFlush();
    const spans = exporter.getFinishedSpans();
    const found = spans.filter(({ name }) => name === "execute_tool look").map(({ attributes }) => attributes);
    expect(found).toHaveLength(2);
    for (const attributes of found) expect(attributes["tierwise.tool.cost_usd"]).toBe(0.001);
    expect(found.map((attributes) => attributes["error.type"])).toEqual([undefined, "tool_error"]);
    const run = spans.find(({ name }) => name === "invoke_workflow desk")?.attributes;
    expect(run).toMatchObject({ "tierwise.cost.tool_usd": 0.002, "tierwise.cost.usd": ledger.costUsd });
    expect(JSON.stringify(spans.map(({ attributes, events, status }) => [attributes, events, status]))).not.toContain(
      canary,
    );
  });
});
