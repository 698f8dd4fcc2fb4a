/**
 * A person's yes, from a process that runs no graph: it opens the engine on the same database, reads what is asked, and
 * answers. For PostgreSQL; a PGlite folder is for one process at a time.
 */
import { setTimeout } from "node:timers/promises";
import { deskRuntime } from "./desk-runtime.ts";

export interface Approval {
  readonly prompt: string;
  readonly answer: "accepted" | "already";
}

const pollMs = 50;

/** Waits until the run asks something, and says yes. */
export async function approve(url: string, runId: string): Promise<Approval> {
  const { engine, runtime } = deskRuntime({ database: { url }, modelUrl: "http://127.0.0.1:9" }, []);
  await runtime.ready();
  try {
    for (;;) {
      // #region answer
      const waiting = await engine.questions({ clearance: "customer" }); // what this person may see
      const question = waiting.find((open) => open.runId === runId);
      if (question !== undefined) {
        const given = { answer: true, by: "lea", clearance: "customer" } as const;
        return { prompt: question.prompt, answer: await engine.answer(runId, question.key, given) };
      }
      // #endregion
      await setTimeout(pollMs);
    }
  } finally {
    await runtime.shutdown();
  }
}
