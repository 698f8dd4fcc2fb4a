import { describe, expect, it } from "vitest";
import { canary, Lab, overList, replying } from "../../test/support/traced-runs.ts";
import { ProviderError } from "../errors.ts";
import { formatTrace, printTrace } from "./format-trace.ts";
import type { RecordedTrace } from "./recorded-trace.ts";

const right = { text: `right ${canary}` };
const wrong = { text: `wrong ${canary}` };

function textOf(trace: RecordedTrace): string {
  return formatTrace(trace).replaceAll(trace.traceId, "<trace>");
}

async function escalated(): Promise<RecordedTrace> {
  const lab = new Lab();
  await lab.run(replying(), "r1", { small: lab.slow(wrong), large: lab.slow(right), budget: { costUsd: 0.01 } });
  return lab.recorder.trace("r1");
}

describe("formatTrace", () => {
  it("shows who answered, why another was asked, and what it cost", async () => {
    expect(textOf(await escalated())).toMatchInlineSnapshot(`
      "invoke_workflow reply                  20.0 ms  ━━━━━━━━━━━━  completed, escalated, $0.00022
          run r1, trace <trace>
          budget $0.01; all on the dearest allowed endpoint $0.00011
          model calls 2, tool calls 0, tokens 200 + 20
        step answer                          20.0 ms  ━━━━━━━━━━━━  completed, escalated, $0.00022
            generation, public
            decided: generation on public{}: small (slm, on-prem), then large (llm, cloud)
          chat small-model                   10.0 ms  ━━━━━━······  initial, rejected, validator, $0.00011
              on small (slm, on-prem); validator 0, accepted from 0.85
          chat large-model                   10.0 ms  ······━━━━━━  escalation, accepted, $0.00011
              on large (llm, cloud); validator 1, accepted from 0.85"
    `);
  });

  it("shows where a run failed", async () => {
    const lab = new Lab();
    const down = new ProviderError(`down ${canary}`, { retryable: true, errorType: "503", status: 503 });
    await lab.run(replying(), "r1", { small: lab.slow({ error: down }), large: lab.slow({ error: down }) });
    expect(textOf(lab.recorder.trace("r1"))).toMatchInlineSnapshot(`
      "invoke_workflow reply                  20.0 ms  ━━━━━━━━━━━━  failed, $0
          run r1, trace <trace>
          all on the dearest allowed endpoint $0
          model calls 2, tool calls 0, tokens 0 + 0
          error: PROVIDER_ERROR
        step answer                          20.0 ms  ━━━━━━━━━━━━  failed, $0
            generation, public
            decided: generation on public{}: small (slm, on-prem), then large (llm, cloud)
            error: PROVIDER_ERROR
          chat small-model                   10.0 ms  ━━━━━━······  initial, failed, 503, $0
              on small (slm, on-prem)
          chat large-model                   10.0 ms  ······━━━━━━  fallback, failed, 503, $0
              on large (llm, cloud)"
    `);
  });

  it("shows the items of a list below their step", async () => {
    const lab = new Lab();
    await lab.run(overList(), "r1", { small: lab.slow(right, right) });
    expect(textOf(lab.recorder.trace("r1"))).toMatchInlineSnapshot(`
      "invoke_workflow drafts                 20.0 ms  ━━━━━━━━━━━━  completed, $0.00022
          run r1, trace <trace>
          all on the dearest allowed endpoint $0.00022
          model calls 2, tool calls 0, tokens 200 + 20
        step words                            0.0 ms  ━···········  completed
        fanout draft                         20.0 ms  ━━━━━━━━━━━━  completed, $0.00022
          step draft/write                   10.0 ms  ━━━━━━······  item 0, completed, $0.00011
              generation, public
              decided: generation on public{}: small (slm, on-prem), then large (llm, cloud)
            chat small-model                 10.0 ms  ━━━━━━······  initial, accepted, $0.00011
                on small (slm, on-prem)
          step draft/write                   10.0 ms  ······━━━━━━  item 1, completed, $0.00011
              generation, public
              decided: generation on public{}: small (slm, on-prem), then large (llm, cloud)
            chat small-model                 10.0 ms  ······━━━━━━  initial, accepted, $0.00011
                on small (slm, on-prem)"
    `);
  });

  it("shows what is under way, then that it was cancelled", async () => {
    const lab = new Lab();
    const run = await lab.start(replying(), "r1", { small: [{ hangs: true }] });
    const ended = run.result.catch(() => undefined);
    await new Promise((resolve) => run.on("attempt-start", resolve));
    lab.pass(5);
    expect(textOf(lab.recorder.trace(run))).toMatchInlineSnapshot(`
      "invoke_workflow reply                   5.0 ms  ━━━━━━━━━━━>  under way
          run r1, trace <trace>
        step answer                           5.0 ms  ━━━━━━━━━━━>  under way
            generation, public
            decided: generation on public{}: small (slm, on-prem), then large (llm, cloud)
          chat small-model                    5.0 ms  ━━━━━━━━━━━>  under way, initial
              on small (slm, on-prem)"
    `);
    run.cancel();
    await ended;
    expect(textOf(lab.recorder.trace(run))).toMatchInlineSnapshot(`
      "invoke_workflow reply                   5.0 ms  ━━━━━━━━━━━━  cancelled, $0.001358
          run r1, trace <trace>
          all on the dearest allowed endpoint $0.001358; some of the cost is not known
          model calls 1, tool calls 0, tokens 334 + 1024
          error: RUN_CANCELLED
        step answer                           5.0 ms  ━━━━━━━━━━━━  cancelled, $0.001358
            generation, public
            decided: generation on public{}: small (slm, on-prem), then large (llm, cloud)
          chat small-model                    5.0 ms  ━━━━━━━━━━━━  initial, cancelled, $0.001358
              on small (slm, on-prem)"
    `);
  });

  it("keeps within its width, from the narrowest on", async () => {
    for (const width of [10, 60, 80, 100, 140]) {
      const lines = formatTrace(await escalated(), { width, attributes: true }).split("\n");
      expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(Math.max(60, width));
    }
  });

  it("lists every attribute when asked", async () => {
    const trace = await escalated();
    const text = formatTrace(trace, { attributes: true, width: 1_000 });
    for (const [key, value] of trace.spans.flatMap(({ attributes }) => Object.entries(attributes)))
      expect(text).toContain(`${key} = ${typeof value === "object" ? value.join(", ") : String(value)}`);
  });

  it("writes no colour unless asked, and nothing that moves the cursor or hides", async () => {
    const trace = await escalated();
    const bad = "\u001b[2J\r\u202e\u200b\u0085\ud800";
    const spans = trace.spans.map((span) => ({ ...span, name: `${span.name}${bad}` }));
    const hostile = { ...trace, runId: bad, spans };
    expect(formatTrace(hostile, { attributes: true })).not.toMatch(/[^\P{C}\n]/u);
    expect(formatTrace(trace, { colour: true })).toContain("\u001b[33m    chat small-model");
  });

  it("never shows what a prompt or an answer says", async () => {
    expect(formatTrace(await escalated(), { attributes: true })).not.toContain(canary);
  });

  it("prints where it is told to", async () => {
    const trace = await escalated();
    const written: string[] = [];
    printTrace(trace, { write: (text) => written.push(text), colour: false, width: 100 });
    expect(written).toEqual([`${formatTrace(trace)}\n`]);
  });
});
