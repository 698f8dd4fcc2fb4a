import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog } from "../catalog/catalog.ts";
import { endpoint, type EndpointSpec } from "../catalog/endpoint.ts";
import type { RunEvent } from "../events/event.ts";
import { graph } from "../graph/graph.ts";
import { defaultPolicy } from "../policy/policy.ts";
import type { RunResult } from "../runtime/run.ts";
import { createRuntime } from "../runtime/runtime.ts";
import { tierwiseMatchers } from "./matchers.ts";
import { ScriptedModel, type Script } from "./scripted-model.ts";
import "./vitest.ts";

expect.extend(tierwiseMatchers);

const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 1 };
const usage = { inputTokens: 10, outputTokens: 5 };

function place(name: string, script: Script, spec: Partial<EndpointSpec> = {}) {
  const { factory } = new ScriptedModel(script);
  const clearance = { level: "regulated", compartments: ["pii"] } as const;
  return endpoint(name, { class: "slm", location: "on-prem", price, clearance, model: factory, ...spec });
}

interface Ran {
  readonly result: RunResult<unknown>;
  readonly events: readonly RunEvent[];
}

/**
 * `open` is public and escalates from `small` (on premises) to `big` (cloud); `closed` is about a customer, for whom `big`
 * is not cleared; `never` is skipped.
 */
async function ran(
  options: { readonly bigSpec?: Partial<EndpointSpec>; readonly unpriced?: boolean } = {},
): Promise<Ran> {
  const g = graph("two", { input: z.object({}), label: { level: "customer", compartments: ["pii"] } });
  const total = z.object({ total: z.number() });
  const open = g.model("open", { needs: {}, complexity: "generation", output: total, prompt: () => "?" });
  const closed = g.model("closed", {
    needs: { in: g.input },
    complexity: "generation",
    privacy: "customer",
    output: z.string(),
    prompt: () => "??",
  });
  const never = g.model("never", {
    needs: { open },
    when: () => false,
    complexity: "generation",
    output: z.string(),
    prompt: () => "???",
  });
  const small = place(
    "small",
    ({ messages }) => ({ text: messages.at(-1)?.content === "?" ? "no json" : "ok", usage }),
    {
      ...(options.unpriced === true && { price: undefined as never }),
    },
  );
  const big = place("big", () => ({ text: '{"total":3}', usage }), {
    class: "llm",
    location: "cloud",
    clearance: "public",
    ...options.bigSpec,
  });
  const runtime = createRuntime({ catalog: createCatalog([small, big]), policy: defaultPolicy() });
  const run = await runtime.start(g.output({ open, closed, never }), {});
  const events: RunEvent[] = [];
  run.on("*", (event) => void events.push(event));
  return { result: await run.result, events };
}

const subjects = ["result", "events"] as const;

describe.each(subjects)("matchers for the %s of a run", (subject) => {
  const observed = async (options?: Parameters<typeof ran>[0]): Promise<unknown> => (await ran(options))[subject];

  it("tell which endpoint was used, in a step and in all", async () => {
    const found = await observed();
    expect(found).toHaveUsed("small");
    expect(found).toHaveUsed("big", { step: "open" });
    expect(found).not.toHaveUsed("big", { step: "closed" });
    expect(() => expect(found).toHaveUsed("big", { step: "closed" })).toThrow(
      'expected "big" to be asked in step "closed"\nfound: asked in this order: small',
    );
    expect(() => expect(found).not.toHaveUsed("big")).toThrow(/^expected not: "big" to be asked\nfound: /);
    expect(() => expect(found).toHaveUsed("huge")).toThrow(
      /asked in this order: (small|big), (small|big), (small|big)/,
    );
  });

  it("tell whether a step escalated", async () => {
    const found = await observed();
    expect(found).toHaveEscalated();
    expect(found).toHaveEscalated({ step: "open" });
    expect(found).not.toHaveEscalated({ step: "closed" });
    expect(() => expect(found).toHaveEscalated({ step: "closed" })).toThrow(
      'expected an escalation in step "closed"\nfound: none; asked in this order: small',
    );
  });

  it("tell what it cost, and refuse to guess", async () => {
    const found = await observed();
    expect(found).toHaveCostAtMost(45e-6);
    expect(found).not.toHaveCostAtMost(44e-6);
    expect(() => expect(found).toHaveCostAtMost(0.00004)).toThrow(
      "expected a cost of at most $0.00004\nfound: $0.000045",
    );
    expect(() => expect(found).toHaveCostAtMost(Number.NaN)).toThrow("expected US dollars from 0, found NaN");
    const unknown = await observed({ unpriced: true });
    expect(() => expect(unknown).toHaveCostAtMost(1)).toThrow(/not known in full: \$0\.000015 is what is priced/);
    expect(() => expect(unknown).not.toHaveCostAtMost(1)).toThrow(/not known in full/);
    expect(unknown).not.toHaveCostAtMost(1e-6);
  });

  it("tell where data of a level was", async () => {
    const found = await observed();
    expect(found).toHaveKept({ level: "customer", within: ["on-prem"] });
    expect(found).toHaveKept({ level: "customer", compartments: ["pii"], within: ["on-prem", "cloud"] });
    expect(found).toHaveKept({ level: "classified", within: [] });
    expect(found).not.toHaveKept({ level: "public", within: ["on-prem"] });
    expect(() => expect(found).toHaveKept({ level: "public", within: ["on-prem"] })).toThrow(
      "expected data from public{} up to stay within on-prem\nfound: open -> big (cloud): public{}",
    );
    expect(() => expect(found).toHaveKept({ level: "customer", within: ["edge"] })).toThrow(
      "found: closed -> small (on-prem): customer{pii}",
    );
    expect(found).toHaveKept({ level: "customer", compartments: ["pci"], within: [] });
    expect(() => expect(found).toHaveKept({ level: "secret" as never, within: [] })).toThrow(/found "secret"/);
  });

  it("tell who was refused, and why", async () => {
    const found = await observed();
    expect(found).toHaveRefused("big");
    expect(found).toHaveRefused("big", { step: "closed", rule: "clearance" });
    expect(found).not.toHaveRefused("big", { step: "open" });
    expect(found).not.toHaveRefused("big", { rule: "money" });
    expect(found).not.toHaveRefused("small");
    expect(() => expect(found).toHaveRefused("big", { step: "closed", rule: "money" })).toThrow(
      'expected "big" to be refused by money in step "closed"\nfound: big by clearance',
    );
  });

  it("fail for a step that nobody has seen, whichever way they are asked", async () => {
    const found = await observed();
    for (const step of ["clsoed", "constructor"]) {
      expect(() => expect(found).toHaveUsed("big", { step })).toThrow(new RegExp(`no step "${step}" was seen .*open`));
      expect(() => expect(found).not.toHaveUsed("big", { step })).toThrow(/no step/);
      expect(() => expect(found).not.toHaveEscalated({ step })).toThrow(/no step/);
      expect(() => expect(found).not.toHaveRefused("big", { step })).toThrow(/no step/);
    }
  });

  it("would notice a leak", async () => {
    const leaky = await observed({
      bigSpec: { clearance: { level: "customer", compartments: ["pii"] }, class: "slm" },
    });
    expect(() => expect(leaky).toHaveKept({ level: "customer", within: ["edge"] })).toThrow(/closed -> /);
  });
});

describe("matchers", () => {
  it("know a step that was skipped from the events alone", async () => {
    const { events, result } = await ran();
    expect(events).not.toHaveUsed("small", { step: "never" });
    expect(() => expect(result).not.toHaveUsed("small", { step: "never" })).toThrow(
      /events also those that were skipped/,
    );
  });

  it.each([[5], [undefined], [null], [{}], [[1]], [{ ledger: {} }], ["run"]])("refuse %j", (subject) => {
    expect(() => expect(subject).toHaveUsed("x")).toThrow(
      /expected what runtime.run returns, or an array of its events/,
    );
    expect(() => expect(subject).not.toHaveKept({ level: "public", within: [] })).toThrow(/expected what runtime.run/);
  });

  it("take an empty list for a run in which nothing happened yet", () => {
    expect([]).not.toHaveUsed("x");
    expect([]).toHaveCostAtMost(0);
  });

  it("have types", () => {
    // @ts-expect-error an endpoint is a name
    expect(() => expect([]).toHaveUsed(5)).toThrow();
    // @ts-expect-error within is required
    expect(() => expect([]).toHaveKept({ level: "public" })).toThrow('expected locations in "within", found undefined');
    // @ts-expect-error no such location
    expect([]).toHaveKept({ level: "public", within: ["moon"] });
  });
});
