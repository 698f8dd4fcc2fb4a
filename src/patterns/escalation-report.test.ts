import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  createCatalog,
  createRuntime,
  endpoint,
  escalationReport,
  graph,
  ProviderError,
  slmWithEscalation,
  type EscalationReport,
  type RunEvent,
} from "../index.ts";
import { ScriptedModel, type ScriptedReply } from "../testing/index.ts";

const good = { text: '{"ok":true}' };
const weak = { text: "not JSON" };
const broken = { error: new ProviderError("down", { retryable: true, errorType: "500", status: 500 }) };

/** Events of one run whose only step is answered by these, small models before large ones. */
async function eventsOf(answers: { small: ScriptedReply; large?: readonly ScriptedReply[] }): Promise<RunEvent[]> {
  const { small, large = [] } = answers;
  const g = graph("one", { input: z.object({}) });
  const output = z.object({ ok: z.boolean() });
  const built = g.output(g.model("reply", { needs: {}, complexity: "generation", output, prompt: () => "p" }));
  const catalog = createCatalog([
    endpoint("small", { class: "slm", location: "on-prem", model: new ScriptedModel([small]) }),
    ...large.map((reply, index) =>
      endpoint(`large-${index}`, { class: "llm", location: "cloud", model: new ScriptedModel([reply]) }),
    ),
  ]);
  const run = await createRuntime({ catalog, policy: slmWithEscalation(), retry: { maxAttempts: 1 } }).start(built, {});
  const events: RunEvent[] = [];
  run.on("*", (event) => events.push(event));
  await run.result.catch(() => undefined);
  return events;
}

describe("escalationReport", () => {
  it("counts answers by class and runs that escalated", async () => {
    let report: EscalationReport | undefined;
    report = escalationReport(await eventsOf({ small: good, large: [good] }), report);
    report = escalationReport(await eventsOf({ small: weak, large: [good] }), report);
    report = escalationReport(await eventsOf({ small: weak }), report);
    report = escalationReport(await eventsOf({ small: good }), report);
    expect(report.steps).toEqual({
      reply: {
        asked: 4,
        escalated: 1,
        escalationRate: 0.25,
        slm: { accepted: 2, rejected: 2, failed: 0 },
        llm: { accepted: 1, rejected: 0, failed: 0 },
      },
    });
    expect(report.total).toEqual(report.steps["reply"]);
  });

  it("counts a run that climbs two rungs once, and a fallback not at all", async () => {
    const climbed = escalationReport(await eventsOf({ small: weak, large: [weak, good] }));
    expect(climbed.total).toMatchObject({ asked: 1, escalated: 1, llm: { accepted: 1, rejected: 1 } });
    const fallen = escalationReport(await eventsOf({ small: broken, large: [good] }));
    expect(fallen.total).toMatchObject({ asked: 1, escalated: 0, escalationRate: 0, slm: { failed: 1 } });
  });

  it("has no rate where nothing was asked", () => {
    expect(escalationReport([])).toMatchObject({ total: { asked: 0, escalationRate: undefined }, steps: {} });
  });

  it("leaves the report before as it was, and stays as large as the graph", async () => {
    const events = await eventsOf({ small: weak, large: [good] });
    const first = escalationReport(events);
    let report = first;
    for (let run = 0; run < 100; run += 1) report = escalationReport(events, report);
    expect(first.total.asked).toBe(1);
    expect(report.total).toMatchObject({ asked: 101, escalated: 101 });
    expect(Object.keys(report.steps)).toEqual(["reply"]);
  });
});
