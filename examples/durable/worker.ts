/**
 * One worker of the refund desk. It starts the run where there is none yet, else it goes on with what another worker left;
 * and it says how the run ended. With PGlite it also serves the questions, since a folder is for one process at a time.
 */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { formatLedger, TierwiseError } from "tierwise";
import type { DbosEngine, GivenAnswer } from "tierwise/dbos";
import { deskRuntime, type DeskPlace } from "./desk-runtime.ts";
import { refundDesk } from "./refund-graph.ts";
import { shopAt } from "./shop-client.ts";

export type WorkerTask = DeskPlace & { readonly shopUrl: string; readonly runId: string };

/** What it tells the process that started it. */
export type WorkerNews =
  | { readonly type: "listening"; readonly url: string }
  | { readonly type: "committed"; readonly step: string }
  | { readonly type: "asked" }
  | { readonly type: "ended"; readonly output: unknown; readonly ledger: string; readonly calls: number };

const input = { ticket: "I returned the lamp and want a refund", orderId: "1001" };

async function work(task: WorkerTask): Promise<void> {
  const flow = refundDesk(shopAt(task.shopUrl));
  const { engine, runtime } = deskRuntime(task, [flow]);
  await runtime.ready();
  const desk = "folder" in task.database ? await questionDesk(engine) : undefined;
  try {
    const run = await runtime.start(flow, input, { runId: task.runId });
    run.on("step-end", ({ step }) => tell({ type: "committed", step }));
    run.on("human-asked", () => tell({ type: "asked" }));
  } catch (error) {
    // Somebody started it before: it goes on, here or elsewhere.
    if (!TierwiseError.isInstance(error) || error.code !== "RUN_EXISTS") throw error;
  }
  const { output, ledger } = await runtime.attach(task.runId).result();
  tell({ type: "ended", output, ledger: formatLedger(ledger), calls: ledger.attempts });
  desk?.close();
  await runtime.shutdown();
  process.disconnect();
}

/** `GET` lists the questions, `POST` answers one. A real desk would ask who is there. */
async function questionDesk(engine: DbosEngine): Promise<Server> {
  const server = createServer((request, response) => {
    void (async () => {
      const given = request.method === "POST" ? (JSON.parse(await text(request)) as Answered) : undefined;
      const answer =
        given === undefined
          ? await engine.questions({ clearance: "customer" })
          : await engine.answer(given.runId, given.key, { ...given, clearance: "customer" });
      response.end(JSON.stringify(answer));
    })();
  });
  await new Promise<void>((ready) => server.listen(0, "127.0.0.1", ready));
  tell({ type: "listening", url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
  return server;
}

interface Answered extends Pick<GivenAnswer, "answer" | "by"> {
  readonly runId: string;
  readonly key: string;
}

function tell(news: WorkerNews): void {
  process.send?.(news);
}

// Whoever started it is gone: so is the reason to go on.
process.once("disconnect", () => process.exit());
await work(JSON.parse(process.argv[2] ?? "") as WorkerTask);
