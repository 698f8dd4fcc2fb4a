import { spawn } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { DeskReport } from "../../examples/support-desk/report.ts";
import { JaegerQuery } from "../../scripts/jaeger/jaeger-query.ts";
import { preparedSearches, searchLink, type FoundSearch } from "../../scripts/jaeger/searches.ts";
import type { ReadSpan } from "../../scripts/jaeger/otlp-json.ts";
import { jaeger, needsJaeger } from "./jaeger.ts";
import { expectContract, rootOf } from "./trace-properties.ts";

needsJaeger();

const desk = join(import.meta.dirname, "..", "..", "examples", "support-desk");
const service = "searched-desk";

/** As its user starts it, with scripted stand-ins whatever the machine has configured. */
function run(script: string, args: readonly string[] = []): Promise<string> {
  const unset = ["SLM_BASE_URL", "LLM_BASE_URL", "OPENAI_API_KEY"];
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !unset.includes(name)));
  const env = { ...clean, OTEL_EXPORTER_OTLP_ENDPOINT: jaeger().otlpHttp, OTEL_SERVICE_NAME: service };
  const child = spawn(process.execPath, [join(desk, script), ...args], { env, stdio: ["ignore", "pipe", "ignore"] });
  let said = "";
  child.stdout.on("data", (chunk: Buffer) => (said += chunk.toString()));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve(said) : reject(new Error(`${script} ended with ${code}`))));
  });
}

function titled(searches: readonly FoundSearch[], start: string): readonly string[] {
  return searches.find(({ title }) => title.startsWith(start))!.traceIds;
}

const costOf = (trace: readonly ReadSpan[]): number => Number(rootOf(trace).attributes["tierwise.cost.usd"]);

describe("the demo in Jaeger", () => {
  it("is found by each prepared search, and every trace of it keeps the contract", async () => {
    const report = JSON.parse(await run("main.ts", ["--json", "--seed", "3"])) as DeskReport;
    await run("refused-flow.ts");
    const query = new JaegerQuery(jaeger().query);
    const searches = await preparedSearches(query, service);

    const escalated = titled(searches, "escalated runs");
    const others = await query.search({ service, tags: { "tierwise.run.escalated": "false" } });
    const refused = titled(searches, "refused flows");
    expect(escalated.length).toBeGreaterThanOrEqual(report.handling.replies.escalated);
    expect(escalated.length + others.length).toBe(report.triage.heldOutTickets + refused.length);

    const all = await Promise.all([...escalated, ...others].map((id) => query.trace(id)));
    for (const trace of all) expectContract(trace);
    for (const trace of all.slice(0, escalated.length))
      expect(rootOf(trace).attributes["tierwise.run.escalated"]).toBe(true);

    expect(refused).toHaveLength(1);
    const denied = rootOf(await query.trace(refused[0]!));
    expect([denied.name, denied.status]).toEqual(["invoke_workflow support-desk-payout", "ERROR"]);
    expect(denied.attributes["error.type"]).toBe("policy_denied");

    const dearest = all.toSorted((a, b) => costOf(b) - costOf(a))[0]!;
    expect(titled(searches, "dearest runs")).toContain(dearest[0]!.traceId);
    const runs = all.filter((trace) => !refused.includes(trace[0]!.traceId));
    const totalUsd = runs.reduce((sum, trace) => sum + costOf(trace), 0);
    expect(totalUsd).toBeCloseTo(report.cost.usd, 10);
  });

  it("is opened by links that hold the search as the UI writes it", () => {
    const link = new URL(searchLink("http://127.0.0.1:16686", { service: "s", tags: { "a.b": "c d" } }, 1e12));
    expect(link.pathname).toBe("/search");
    expect(Object.fromEntries(link.searchParams)).toEqual({
      service: "s",
      tags: '{"a.b":"c d"}',
      lookback: "custom",
      start: "999996400000000",
      end: "1000003600000000",
      limit: "200",
    });
  });
});
