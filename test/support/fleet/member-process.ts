/** A worker of the fleet: does what the test asks over IPC, and ends when the test is gone. */
import { createCatalog, createRuntime, defaultPolicy, endpoint, TierwiseError } from "../../../src/index.ts";
import { dbosEngine } from "../../../src/engines/dbos/index.ts";
import { ScriptedModel } from "../../../src/testing/index.ts";
import { flowOf } from "./flow.ts";
import type { Ask, MemberSettings, Outcome } from "./member.ts";

process.once("disconnect", () => process.exit());
const settings = JSON.parse(process.argv[2] ?? "") as MemberSettings;
const flow = flowOf((runId, step) => void process.send?.({ begins: { runId, step } }));
const quiet = (): void => undefined;
const engine = dbosEngine({
  database: settings.url,
  leaseMs: settings.leaseMs,
  logger: { info: quiet, debug: quiet, warn: quiet, error: quiet },
});
const runtime = createRuntime({
  catalog: createCatalog([endpoint("nobody", { class: "slm", location: "on-prem", model: new ScriptedModel([]) })]),
  policy: defaultPolicy(),
  engine,
  graphs: [flow],
  macKey: "a-secret-of-32-bytes-for-a-fleet",
  onHuman: { ask: engine.ask },
});

async function outcomeOf(work: Promise<Outcome>): Promise<Outcome> {
  try {
    return await work;
  } catch (error) {
    const code = TierwiseError.isInstance(error) ? error.code : "not ours";
    return { error: code, message: error instanceof Error ? error.message : String(error) };
  }
}

const answers: { readonly [K in Ask["type"]]: (ask: Extract<Ask, { type: K }>) => Promise<unknown> } = {
  ready: () => runtime.ready(),
  start: ({ runIds, asks }) =>
    Promise.all(
      runIds.map((runId) => outcomeOf(runtime.start(flow, { asks }, { runId }).then(() => ({ output: "started" })))),
    ),
  results: ({ runIds }) =>
    Promise.all(
      runIds.map((runId) =>
        outcomeOf(
          runtime
            .attach(runId)
            .result()
            .then(({ output }) => ({ output })),
        ),
      ),
    ),
  cancel: ({ runId }) => runtime.attach(runId).cancel("the test"),
  questions: () => engine.questions({ clearance: "public", limit: 1_000 }),
  answer: ({ runId, key, approved, by }) => engine.answer(runId, key, { answer: approved, by, clearance: "public" }),
  find: ({ query }) => runtime.find(query),
  leave: () => runtime.shutdown({ timeoutMs: 0 }),
};

process.on("message", ({ id, ask }: { id: number; ask: Ask }) => {
  const answer = answers[ask.type] as (ask: Ask) => Promise<unknown>;
  answer(ask).then(
    (value) => process.send?.({ id, value }),
    (error: unknown) => process.send?.({ id, error: String(error) }),
  );
});
