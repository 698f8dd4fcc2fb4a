/** What the guide of durable runs shows. */
import {
  createRuntime,
  TierwiseError,
  type Catalog,
  type Graph,
  type Policy,
  type Runtime,
  type ToolLike,
} from "tierwise";
import { dbosEngine, pglitePool, type DbosEngine } from "tierwise/dbos";

interface Ticket {
  readonly ticket: string;
}

interface Parts {
  readonly catalog: Catalog;
  readonly policy: Policy;
  readonly refunds: Graph<Ticket, string>;
  readonly macKey: string;
}

export function onPglite({ catalog, policy, refunds, macKey }: Parts) {
  // #region open
  const pool = pglitePool("./data");
  const engine = dbosEngine({
    database: pool, // or "postgres://…"
    clearance: { level: "customer", compartments: ["pii"] }, // what the database may hold
  });
  const runtime = createRuntime({
    catalog,
    policy,
    engine,
    graphs: [refunds], // every graph whose runs this process may take over
    macKey, // at least 32 random bytes: the same in every process
    onHuman: { clearance: { level: "customer", compartments: ["pii"] }, ask: engine.ask },
  });
  // #endregion
  return { pool, engine, runtime };
}

export async function start(runtime: Runtime, refunds: Graph<Ticket, string>, ticket: { id: string; text: string }) {
  // #region start
  await runtime.ready(); // from here on, runs that others left are taken over
  const input = { ticket: ticket.text };
  const options = { runId: `refund-${ticket.id}`, budget: { durationMs: 3 * 86_400_000 } }; // people sleep: three days
  try {
    await runtime.start(refunds, input, options); // resolves when the run is in the database
  } catch (error) {
    // The same id starts once; whoever asks again gets the same run.
    if (!TierwiseError.isInstance(error) || error.code !== "RUN_EXISTS") throw error;
  }
  const { output, ledger } = await runtime.attach<string>(options.runId).result(); // wherever it runs
  // #endregion
  return { output, ledger };
}

export async function answer(engine: DbosEngine, runId: string, user: { id: string }) {
  // #region answer
  const clearance = { level: "customer", compartments: ["pii"] } as const; // of the person who is logged in
  const waiting = await engine.questions({ clearance });
  const question = waiting.find((open) => open.runId === runId)!;
  const told = await engine.answer(runId, question.key, { answer: true, by: user.id, clearance });
  // #endregion
  return told; // "already" when somebody was first
}

export async function whatIsLeft(runtime: Runtime) {
  // #region find
  const old = (await runtime.find({ status: "running" })).filter(({ graphVersion }) => graphVersion.startsWith("3+"));
  // #endregion
  return old;
}

export function drainOnSigterm(runtime: Runtime, stopListening: () => Promise<void>): void {
  // #region sigterm
  process.once("SIGTERM", () => {
    void (async () => {
      await stopListening(); // no new requests
      await runtime.shutdown({ timeoutMs: 20_000 }); // below what your platform grants
      process.exit(0);
    })();
  });
  // #endregion
}

export function bindings(charge: ToolLike, mail: ToolLike) {
  return [
    // #region tools
    { tool: charge, effect: "irreversible", idempotency: "keyed", accepts: "customer" }, // sent again with the same key
    { tool: mail, effect: "write", idempotency: "unsafe", accepts: "customer" }, // a person is asked what became of it
    // #endregion
  ] as const;
}
