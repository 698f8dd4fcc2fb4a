import type { OutsideWorld } from "./outside-world.ts";
import type { WorkerNews } from "./worker.ts";

export function heading(text: string): void {
  console.log(`\n${text}\n${"=".repeat(text.length)}`);
}

/** What the services and the model counted, beside what the run says. */
export function printBooks(
  world: OutsideWorld,
  before: { readonly modelRequests: number },
  { output, ledger, calls }: Extract<WorkerNews, { type: "ended" }>,
): void {
  const keys = new Set(world.sentKeys);
  const [effect] = world.effects.values();
  const after = world.modelRequests - before.modelRequests;
  heading("What really happened, by the books of those who were asked");
  console.log(`order service: ${world.orderLookUps} look-up`);
  console.log(
    `model:         ${world.modelRequests} requests: ${before.modelRequests} before the kill, ${after} after it, ${world.repeatedModelRequests} made again`,
  );
  console.log(
    `payments:      the refund was sent ${world.sentKeys.length} times with ${keys.size} key (${effect?.key}),`,
  );
  console.log(
    `               and booked ${world.effects.size} time: ${effect?.amountCents} cents, receipt ${effect?.receipt}`,
  );
  heading("What the run says");
  console.log(JSON.stringify(output, undefined, 2));
  console.log(
    `\nledger, with what both workers did (${calls} model calls, one of them the embedded classifier's)\n${ledger}`,
  );
}
