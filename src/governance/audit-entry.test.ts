import { describe, expect, it } from "vitest";
import * as z from "zod";
import {
  auditEntry,
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  graph,
  type AuditEntry,
  type RunEvent,
} from "../index.ts";
import { ScriptedModel } from "../testing/index.ts";

const canary = "CANARY-ticket-4711";

async function eventsOfARun(): Promise<RunEvent[]> {
  const g = graph("desk", {
    input: z.object({ ticket: z.string() }),
    label: { level: "customer", compartments: ["pii"] },
  });
  const triage = g.classify("triage", {
    needs: { request: g.input },
    labels: ["refund", "bug"],
    text: ({ request }) => request.ticket,
    endorse: { reason: "closed enum" },
  });
  const topic = g.redact("topic", {
    from: triage,
    output: z.object({ topic: z.enum(["refund", "bug", "none"]) }),
    map: ({ label }) => ({ topic: label ?? ("none" as const) }),
    removes: ["pii"],
    to: "internal",
    reason: "a topic names nobody",
  });
  const model = new ScriptedModel([{ text: "refund" }]);
  const clearance = { level: "customer", compartments: ["pii"] } as const;
  const catalog = createCatalog([
    endpoint("small", { class: "slm", location: "on-prem", clearance, model: model.factory }),
  ]);
  const run = await createRuntime({ catalog, policy: defaultPolicy() }).start(g.output(topic), { ticket: canary });
  const events: RunEvent[] = [];
  for await (const event of run) events.push(event);
  return events;
}

describe("auditEntry", () => {
  it("keeps placements, endorsements, declassifications and the end, each with its reason", async () => {
    const entries = (await eventsOfARun()).flatMap(
      (event): readonly AuditEntry[] | AuditEntry => auditEntry(event) ?? [],
    );
    expect(entries.map(({ step, action, what }) => [step, action, what])).toEqual([
      ["triage", "placed", "data customer{pii} may go to small (on-prem)"],
      ["triage", "endorsed", "untrusted label accepted as trusted"],
      ["topic", "declassified", "customer{pii} became internal{}"],
      [undefined, "run-end", "completed, at least 0 USD"],
    ]);
    expect(entries.map(({ reason }) => reason)).toEqual([
      expect.stringMatching(/^default@2 [0-9a-f]{16}: classification on customer\{pii\}: small \(slm, on-prem\)$/),
      "closed enum",
      "a topic names nobody",
      undefined,
    ]);
  });

  it("holds nothing of what was said", async () => {
    const entries = (await eventsOfARun()).map(auditEntry);
    expect(JSON.stringify(entries)).not.toContain(canary);
  });
});
