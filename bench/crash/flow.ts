/** The graph that is killed: code, a cascade, a list, a person's yes, and an agent with a tool of each kind. */
import { graph } from "tierwise";
import * as z from "zod";
import type { KillPoints } from "./kill-points.ts";
import type { Effect } from "./world.ts";

export interface Services {
  readonly serviceUrl: string;
  readonly points: KillPoints;
}

interface ToolConfig {
  readonly configurable: { readonly idempotencyKey: string; readonly runId: string };
}

export function crashFlow({ serviceUrl, points }: Services) {
  const post = async (path: string, told: object): Promise<{ receipt: string }> => {
    const response = await fetch(`${serviceUrl}${path}`, { method: "POST", body: JSON.stringify(told) });
    return (await response.json()) as { receipt: string };
  };
  const ran = (runId: string, what: string) => points.around(runId, "code", () => post("/code", { runId, what }));

  const one = graph("one", { version: "1", input: z.object({ runId: z.string(), item: z.string() }) });
  const note = one.model("note", {
    needs: { it: one.input },
    complexity: "generation",
    output: z.string(),
    maxOutputTokens: 32,
    prompt: ({ it: { runId, item } }) => `run=${runId} step=note-${item} Write a note about it.`,
  });
  const noted = one.output(note);

  const g = graph("crash", { version: "1", input: z.object({ runId: z.string() }), label: "public" });
  const begin = g.code("begin", {
    needs: { input: g.input },
    run: async ({ input: { runId } }) => {
      await ran(runId, "begin");
      return { runId };
    },
  });
  const items = g.code("items", {
    needs: { begin },
    run: ({ begin: { runId } }) => ["a", "b"].map((item) => ({ runId, item })),
  });
  const draft = g.model("draft", {
    needs: { begin },
    complexity: "generation",
    output: z.string(),
    maxOutputTokens: 32,
    validate: (written) => written !== "weak",
    prompt: ({ begin: { runId } }) => `run=${runId} step=draft Write a draft.`,
  });
  const notes = g.map("notes", { over: items, each: noted });
  const approval = g.approve("approval", { needs: { draft }, question: ({ draft: written }) => `Send ${written}?` });

  const toolOf = (name: Effect["tool"]) => ({
    ...{ name, description: `Does ${name}.`, schema: z.object({ amount: z.number() }) },
    invoke: (_: unknown, { configurable }: ToolConfig) => {
      const { runId, idempotencyKey: key } = configurable;
      return points.around(runId, "tool", () => post("/effect", { runId, tool: name, what: name, key }));
    },
  });
  const untrustedArguments = { reason: "a bench; what the model says is harmless" };
  const common = { effect: "write", accepts: "public", untrustedArguments } as const;
  const act = g.agent("act", {
    needs: { begin, notes, approval },
    tools: [
      { tool: toolOf("pay"), idempotency: "keyed", cost: { perCallUsd: 0.01 }, ...common },
      { tool: toolOf("stamp"), idempotency: "idempotent", ...common },
      { tool: toolOf("mail"), idempotency: "unsafe", ...common },
    ],
    output: z.object({ sent: z.boolean() }),
    maxOutputTokens: 64,
    prompt: ({ begin: { runId } }) => `run=${runId} step=act Pay, stamp and mail.`,
  });
  const end = g.code("end", {
    needs: { begin, act, draft, notes },
    run: async ({ begin: { runId }, act: { sent }, draft: written, notes: all }) => {
      await ran(runId, "end");
      return { sent, written, notes: all };
    },
  });
  return g.output({ end });
}
