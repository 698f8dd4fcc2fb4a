import { spawn } from "node:child_process";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { readTextModels } from "../examples/support-desk/catalog.ts";
import { letterGraph } from "../examples/support-desk/letter-graph.ts";
import { purchaseGraph } from "../examples/support-desk/purchase-graph.ts";
import type { DeskReport } from "../examples/support-desk/report.ts";
import { customerById, heldOutTickets, trainingTickets } from "../examples/support-desk/shop.ts";
import { supportDesk, topics } from "../examples/support-desk/support-graph.ts";
import { FaultServer, type ServerRequest } from "../src/testing/fault-server.ts";
import type { ServerReply } from "../src/testing/server-reply.ts";

const main = join(resolve(import.meta.dirname, ".."), "examples/support-desk/main.ts");
const unset = ["SLM_BASE_URL", "LLM_BASE_URL", "OPENAI_API_KEY", "OTEL_EXPORTER_OTLP_ENDPOINT"];

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

/** The demo as its user starts it: a process of its own, so that this one can serve its models meanwhile. */
function demo(args: readonly string[], environment: Readonly<Record<string, string>> = {}): Promise<Ended> {
  const clean = Object.fromEntries(Object.entries(process.env).filter(([name]) => !unset.includes(name)));
  const child = spawn(process.execPath, [main, ...args], { env: { ...clean, ...environment } });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => (stdout += chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return new Promise((ended) => child.on("close", (code) => ended({ stdout, stderr, code })));
}

async function reportOf(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<DeskReport> {
  const { stdout, stderr, code } = await demo(["--json", ...args], environment);
  expect(code, stderr).toBe(0);
  return JSON.parse(stdout) as DeskReport;
}

/** What a real model might say: a topic, a final answer, a reply with the greeting that the step asks for. */
function modelReply({ body }: ServerRequest): ServerReply {
  const text = (body["messages"] as { content: string }[]).map(({ content }) => content).join("\n");
  if (body["tools"] !== undefined) return { content: '{"action":"answered","amountCents":0,"articleId":"none"}' };
  if (text.includes("Choose the one label")) return { content: "delivery" };
  return { content: `Hi ${/reply to (\S+) about/.exec(text)?.[1] ?? ""}, all is well.` };
}

describe.concurrent("the demo", () => {
  it("repeats everything but its timing for a seed, and shows accuracy, escalations, cost and no leak", async () => {
    const [report, second] = await Promise.all([reportOf(["--seed", "3"]), reportOf(["--seed", "3"])]);
    expect({ ...report, timing: undefined }).toEqual({ ...second, timing: undefined });
    expect(report.triage.trainingTickets).toBeGreaterThanOrEqual(400);
    expect(report.triage.heldOutTickets).toBeGreaterThanOrEqual(200);
    expect(report.triage.accuracyOnAccepted).toBeGreaterThan(report.triage.accuracyOnAll);
    const { plain, ...hard } = report.triage.byDifficulty;
    for (const { accuracyOnAll } of Object.values(hard)) expect(accuracyOnAll).toBeLessThan(plain!.accuracyOnAll);
    const { replies, signatures, recovered, cached } = report.handling;
    expect([replies.escalated, replies.rewritten, replies.fixedText].every((count) => count > 0)).toBe(true);
    expect(replies.failedCheck).toBe(0);
    expect(signatures.approved).toBeGreaterThan(0);
    expect(signatures.asked, "one refund was signed before").toBeGreaterThan(signatures.approved);
    expect([recovered["purchases/parcel"], cached["article"]]).toEqual([expect.any(Number), expect.any(Number)]);
    expect(report.cost.simulated).toBe(true);
    expect(report.received.map(({ sink }) => sink)).toEqual(
      expect.arrayContaining(["model intents", "model small", "model large", "tool issue_refund", "person"]),
    );
    expect(report.received.filter(({ within }) => !within)).toEqual([]);
    expect(report.received.find(({ sink }) => sink === "model large")?.highestLabel).toBe("customer{pii}");
  });

  it("says in its text which answers are scripted and that the cost is no saving", async () => {
    const { stdout } = await demo(["--limit", "8"]);
    expect(stdout).toContain("small and large: scripted stand-in");
    expect(stdout).toContain("person who signs refunds and the carrier are scripted stand-ins");
    expect(stdout).toContain("simulated, not a saving");
    expect(stdout).toMatch(
      /chat scripted-stand-in-\w+ +[\d.]+ ms [^\n]*\n(?: {8}[^\n]*\n)*? {8}on \w+ \([^)]*stand-in\)/,
    );
  });

  it("uses real endpoints through the OpenAI client when the environment names them", async () => {
    await using small = await FaultServer.start(modelReply);
    await using large = await FaultServer.start(modelReply);
    const report = await reportOf(["--limit", "6"], {
      SLM_BASE_URL: small.baseURL,
      SLM_MODEL: "phi-4",
      LLM_BASE_URL: large.baseURL,
      LLM_MODEL: "big",
      SLM_PRICE: "0.05,0.05",
      LLM_PRICE: "1.25,10",
    });
    expect(report.standIns).toEqual([]);
    expect(report.cost.simulated).toBe(false);
    expect(report.cost.usd).toBeGreaterThan(0);
    expect(report.triage.uncertain).toBe(0);
    expect(new Set(small.requests.map(({ body }) => body["model"]))).toEqual(new Set(["phi-4"]));
    expect(large.requests.length).toBeGreaterThan(0);
    const told = JSON.stringify(large.requests.map(({ body }) => body));
    expect(told, "no ticket text and no card data in the cloud").not.toMatch(/4242|where is it/);
  });

  it("runs without a money budget when a real endpoint has no price, and calls the cost incomplete", async () => {
    await using small = await FaultServer.start(modelReply);
    const { stdout, code } = await demo(["--limit", "3"], { SLM_BASE_URL: small.baseURL, SLM_MODEL: "phi-4" });
    expect(code).toBe(0);
    expect(stdout).toContain("unknown: an endpoint has no price");
  });

  it("exports its spans where OTEL_EXPORTER_OTLP_ENDPOINT says", async () => {
    const bodies: Buffer[] = [];
    const receiver = createServer((request, response) => {
      request.on("data", (chunk: Buffer) => bodies.push(chunk));
      request.on("end", () => response.writeHead(200, { "content-type": "application/x-protobuf" }).end());
    });
    await new Promise<void>((ready) => receiver.listen(0, "127.0.0.1", ready));
    const { port } = receiver.address() as AddressInfo;
    await reportOf(["--limit", "3"], { OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}` });
    receiver.closeAllConnections();
    await new Promise((closed) => receiver.close(closed));
    expect(Buffer.concat(bodies).toString("latin1")).toContain("invoke_workflow support-desk");
  });

  it("answers a wrong option by one line", async () => {
    const { stderr, stdout, code } = await demo(["--seed", "x"]);
    const line = "demo: --seed is not a whole number from 1; write for example --seed 7";
    expect({ stderr: stderr.trim(), stdout, code }).toEqual({ stderr: line, stdout: "", code: 1 });
  });
});

describe("the demo's graph and data", () => {
  it("has every kind of step once", () => {
    const inside = [supportDesk, letterGraph, purchaseGraph].flatMap(({ definition }) => definition.steps);
    const kinds = ["agent", "approve", "classify", "code", "firstOf", "loop", "map", "model", "redact", "subgraph"];
    expect([...new Set(inside.map(({ kind }) => kind))].sort()).toEqual(kinds);
    expect(supportDesk.definition.steps.length).toBeGreaterThanOrEqual(9);
    expect(inside.some((step) => "memo" in step && step.memo !== undefined)).toBe(true);
  });

  it("holds out at least 200 tickets, a quarter of them hard at most, none of them near a training ticket", () => {
    const hard = heldOutTickets.filter(({ difficulty }) => difficulty !== "plain");
    expect(hard.length / heldOutTickets.length).toBeGreaterThan(0.15);
    expect(hard.length / heldOutTickets.length).toBeLessThanOrEqual(0.25);
    expect(new Set(heldOutTickets.map(({ id }) => id)).size).toBe(heldOutTickets.length);
    expect(new Set(heldOutTickets.map(({ label }) => label))).toEqual(new Set(topics));
    for (const { customerId } of heldOutTickets) customerById(customerId);
    const training = trainingTickets.map(({ text }) => wordsOf(text));
    const near = heldOutTickets.filter(({ text }) => training.some((words) => shared(words, wordsOf(text)) > 0.5));
    expect(near.map(({ text }) => text)).toEqual([]);
  });
});

function wordsOf(text: string): ReadonlySet<string> {
  return new Set(text.toLowerCase().match(/[\p{L}\d]+/gu));
}

/** Of all words of both texts, the share that both have. */
function shared(a: ReadonlySet<string>, b: ReadonlySet<string>): number {
  const both = [...a].filter((word) => b.has(word)).length;
  return both / (a.size + b.size - both);
}

describe("the demo's environment", () => {
  it.each([
    [{ SLM_BASE_URL: "http://127.0.0.1:9" }, "SLM_MODEL is not set; name the model that the endpoint serves"],
    [
      { SLM_BASE_URL: "CANARY", SLM_MODEL: "m" },
      "SLM_BASE_URL is not an http(s) address; write for example http://127.0.0.1:8000/v1",
    ],
    [{ LLM_BASE_URL: "http://127.0.0.1:9" }, "LLM_MODEL is not set; name the model that the endpoint serves"],
    [
      { SLM_BASE_URL: "http://127.0.0.1:9", SLM_MODEL: "m", SLM_PRICE: "CANARY" },
      "SLM_PRICE is not two prices; write US dollars per million input and output tokens, for example 0.05,0.20",
    ],
  ])("is told in one sentence what is wrong with %j", (environment, sentence) => {
    expect(() => readTextModels(environment)).toThrow(new Error(sentence));
  });
});
