/**
 * A worker is killed in the middle of a refund: `npm run demo:durable`. Needs nothing but Node: its database is PGlite in a
 * temporary folder. With `DATABASE_URL` it is PostgreSQL, and the person answers from another process.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import type { PendingQuestion } from "tierwise/dbos";
import { approve, type Approval } from "./approver.ts";
import { Child } from "./child.ts";
import { OutsideWorld } from "./outside-world.ts";
import { heading, printBooks } from "./print-books.ts";
import type { WorkerTask } from "./worker.ts";

async function main(): Promise<void> {
  const url = process.env["DATABASE_URL"];
  const folder = url === undefined ? mkdtempSync(join(tmpdir(), "tierwise-durable-")) : undefined;
  await using world = await OutsideWorld.open();
  try {
    const database = folder === undefined ? { url: url! } : { folder };
    const runId = `refund-${crypto.randomUUID()}`;
    await crashAndGoOn(world, { database, runId, shopUrl: world.shopUrl, modelUrl: world.modelUrl });
  } finally {
    if (folder !== undefined) rmSync(folder, { recursive: true });
  }
}

async function crashAndGoOn(world: OutsideWorld, task: WorkerTask): Promise<void> {
  const { database, runId } = task;
  const isShared = "url" in database;
  heading(`Worker 1 starts a run; its state is in ${isShared ? "PostgreSQL" : "PGlite, in a folder"}`);
  console.log(`run ${runId}`);
  await using first = new Child(task);
  const booked = world.cutNextRefund();
  await first.hears("asked");
  const { prompt } = await (isShared ? approve(database.url, runId) : approveThrough(first));
  const where = isShared ? "from another process, through the database" : "through the worker's own HTTP address";
  console.log(`a person is asked: ${prompt}\nlea says yes, ${where}`);
  await booked;
  await first.kill();
  const before = { modelRequests: world.modelRequests };
  const steps = first.news.flatMap((news) => (news.type === "committed" ? [news.step] : []));

  heading("The payment service books the refund. Worker 1 is killed (SIGKILL) before it gets the receipt");
  console.log(`committed before the kill: the steps ${steps.join(", ")},`);
  console.log(
    "  and in the step refund the model's first message, which calls pay_back: written down before the tool runs",
  );
  console.log("sent, and not committed: the call of pay_back. Nobody here knows whether the money moved");

  heading("Worker 2 starts, sees that worker 1 is gone, and goes on with the run");
  await using second = new Child(task);
  const ended = await second.hears("ended");
  console.log(`replayed from the database, not done again: ${steps.join(", ")}, the model's first message`);
  console.log("sent again, with the same idempotency key: the call of pay_back");
  console.log("done for the first time: the model's second message, letter");
  printBooks(world, before, ended);
  await second.ends();
}

/** Where one process has the database, it is the one that takes the answer. */
async function approveThrough(worker: Child): Promise<Pick<Approval, "prompt">> {
  const { url } = await worker.hears("listening");
  for (;;) {
    const [question] = (await (await fetch(url)).json()) as PendingQuestion[];
    if (question !== undefined) {
      const { runId, key, prompt } = question;
      await fetch(url, { method: "POST", body: JSON.stringify({ runId, key, answer: true, by: "lea" }) });
      return { prompt };
    }
    await setTimeout(50);
  }
}

try {
  await main();
} catch (error) {
  console.error(`demo:durable: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
