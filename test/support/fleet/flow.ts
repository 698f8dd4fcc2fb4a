import { setTimeout } from "node:timers/promises";
import { graph } from "../../../src/index.ts";
import * as z from "zod";

export interface Branch {
  readonly saw: string;
  readonly own: string;
}

export interface FlowOutput {
  readonly first: string;
  readonly left: Branch;
  readonly right: Branch;
  readonly joined: { readonly saw: readonly string[]; readonly own: string };
  readonly approval: { readonly approved: boolean; readonly by?: string } | undefined;
  readonly last: Branch;
}

/** How long a step works: long enough that whatever the test does falls into the middle of some. */
const workMs = 30;

/**
 * Every step draws a token and hands on what it read, so an output shows whether two results of one step were ever in use.
 * @param begins hears of every start of a step's code, also of one that is done again
 */
export function flowOf(begins: (runId: string, step: string) => void) {
  const draw = async (step: string, runId: string): Promise<string> => {
    begins(runId, step);
    await setTimeout(workMs);
    return crypto.randomUUID();
  };
  const g = graph("fleet", { version: "1", input: z.object({ asks: z.boolean() }) });
  const first = g.code("first", { needs: {}, run: (_, { runId }) => draw("first", runId) });
  const branch = (name: "left" | "right") =>
    g.code(name, {
      needs: { first },
      run: async ({ first: saw }, { runId }): Promise<Branch> => ({ saw, own: await draw(name, runId) }),
    });
  const [left, right] = [branch("left"), branch("right")];
  const joined = g.code("joined", {
    needs: { left, right },
    run: async (read, { runId }) => ({ saw: [read.left.own, read.right.own], own: await draw("joined", runId) }),
  });
  const approval = g.approve("approval", {
    needs: { joined, asks: g.input.field("asks") },
    when: ({ asks }) => asks,
    question: () => "Go on?",
  });
  const last = g.code("last", {
    needs: { joined, approval },
    run: async (read, { runId }): Promise<Branch> => ({ saw: read.joined.own, own: await draw("last", runId) }),
  });
  return g.output({ first, left, right, joined, approval, last });
}
