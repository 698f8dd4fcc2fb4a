import { describe, expect, it } from "vitest";
import * as z from "zod";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "../../src/index.ts";
import { ScriptedModel } from "../../src/testing/index.ts";

const catalog = createCatalog([endpoint("any", { class: "slm", location: "edge", model: new ScriptedModel([]) })]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });
const input = z.object({ go: z.boolean(), note: z.string().optional() });

/** One conditional step and every way to read it. */
function readers() {
  const g = graph("readers", { input });
  const maybe = g.code("maybe", { needs: { request: g.input }, when: ({ request }) => request.go, run: () => "there" });
  const plain = g.code("plain", { needs: { maybe }, run: ({ maybe: found }) => found ?? "saw undefined" });
  const required = g.code("required", { needs: { maybe: g.required(maybe) }, run: ({ maybe: found }) => found });
  const replaced = g.code("replaced", { needs: { maybe: g.orElse(maybe, "else") }, run: ({ maybe: found }) => found });
  const other = g.code("other", { needs: { request: g.input }, run: () => "other" });
  const first = g.firstOf("first", [maybe, other]);
  return g.output({ plain, required, replaced, first });
}

describe("a needed value that may be missing", () => {
  it("reaches every reader when it is there", async () => {
    const { output } = await runtime.run(readers(), { go: true });
    expect(output).toEqual({ plain: "there", required: "there", replaced: "there", first: "there" });
  });

  it("is undefined, skips, is replaced or passed over when its step was skipped", async () => {
    const { output } = await runtime.run(readers(), { go: false });
    expect(output).toEqual({ plain: "saw undefined", required: undefined, replaced: "else", first: "other" });
  });

  it("counts as missing when code returns undefined without being skipped", async () => {
    const g = graph("undefined", { input });
    const nothing = g.code("nothing", { needs: { request: g.input }, run: ({ request }) => request.note });
    let ran = false;
    const reader = g.code("reader", { needs: { nothing: g.required(nothing) }, run: () => (ran = true) });
    const late = g.code("late", { needs: { request: g.input }, run: async () => Promise.resolve("late") });
    const first = g.firstOf("first", [nothing, late]);
    const { output } = await runtime.run(g.output({ reader, first }), { go: true });
    expect({ ...output, ran }).toEqual({ reader: undefined, first: "late", ran: false });
  });

  it("may be an optional field of the input", async () => {
    const g = graph("field", { input });
    const note = g.input.field("note");
    const reader = g.code("reader", { needs: { note: g.required(note) }, run: ({ note: text }) => text.length });
    const replaced = g.code("replaced", { needs: { note: g.orElse(note, "none") }, run: ({ note: text }) => text });
    const built = g.output({ reader, replaced });
    expect((await runtime.run(built, { go: true, note: "hi" })).output).toEqual({ reader: 2, replaced: "hi" });
    expect((await runtime.run(built, { go: true })).output).toEqual({ reader: undefined, replaced: "none" });
  });

  it("fails firstOf when nothing is left, and says what to do", async () => {
    const g = graph("none", { input });
    const maybe = g.code("maybe", { needs: { request: g.input }, when: ({ request }) => request.go, run: () => 1 });
    const first = g.firstOf("first", [maybe]);
    await expect(runtime.run(g.output(first), { go: false })).rejects.toThrow(
      'step "first": every alternative was skipped or has no value; add one without "when", or read it with g.orElse',
    );
  });

  it("lends its label to the control of who requires it, because its content decides who runs", () => {
    const g = graph("control", { input, label: { level: "customer", compartments: ["pii"] } });
    const code = g.code("code", { needs: { request: g.input }, run: ({ request }) => request.note });
    const reader = g.code("reader", { needs: { code: g.required(code) }, run: () => 1 });
    const { flows } = g.output(reader).definition;
    expect(flows["reader"]?.control).toEqual({ level: "customer", compartments: ["pii"], integrity: "untrusted" });
    expect(flows["code"]?.control).toEqual({ level: "public", compartments: [], integrity: "trusted" });
  });
});

describe("a graph without steps", () => {
  it("gives back its input, and ends", async () => {
    const g = graph("echo", { input });
    const { output } = await runtime.run(g.output(g.input), { go: true });
    expect(output).toEqual({ go: true });
  });
});
