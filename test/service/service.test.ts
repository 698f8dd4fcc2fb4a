import { once } from "node:events";
import { connect } from "node:net";
import { describe, expect, it } from "vitest";
import { faults, FaultServer, ScriptedModel } from "tierwise/testing";
import { readConfig } from "../../examples/service/config.ts";
import { problemOf } from "../../examples/service/errors.ts";
import { BudgetExceededError, NoEligibleEndpointError, TierwiseError, type ErrorCode } from "../../src/errors.ts";
import { openAi, readEvents, servedDesk, startService, ticket, until } from "./service.ts";

const events = { headers: { accept: "text/event-stream" } };
type Body = Record<string, unknown>;

function calls(service: Awaited<ReturnType<typeof startService>>): number {
  return service.runtime.endpoints().reduce((sum, { running, waiting }) => sum + running + waiting, 0);
}

describe("the service", () => {
  it("answers a ticket as JSON, with what it cost and where its trace is", async () => {
    await using service = await startService();
    const response = await service.post(ticket, { headers: { "x-request-id": "r-1" } });
    const body = (await response.json()) as Body;
    expect(response.status).toBe(200);
    expect(response.headers.get("x-request-id")).toBe("r-1");
    expect(body).toMatchObject({ topic: "unclear", action: "needs_person", letter: "Dear Tom, all is well." });
    expect(body["costUsd"]).toBeGreaterThan(0);
    expect(body["traceId"]).toMatch(/^[0-9a-f]{32}$/);
  });

  it("answers a ticket as events: the run, steps, the letter in pieces, one result at the end", async () => {
    await using service = await startService();
    const response = await service.post(ticket, events);
    const told = readEvents(await response.text());
    expect(response.headers.get("content-type")).toContain("text/event-stream");
    expect(told[0]?.event).toBe("run");
    expect(told.findIndex(({ event }) => event === "step")).toBe(1);
    const tokens = told.filter(({ event }) => event === "token");
    expect(tokens.map(({ data }) => data["text"])).toEqual(["Dear Tom, ", "all is ", "well."]);
    expect(told.filter(({ event }) => event === "result" || event === "error")).toEqual([told.at(-1)]);
    expect(told.at(-1)?.data["letter"]).toBe("Dear Tom, all is well.");
  });

  it("sends a comment when nothing was said for a while", async () => {
    await using server = await FaultServer.start(() => faults.hang());
    await using service = await startService({ model: openAi(server.baseURL), heartbeatMs: 1 });
    const controller = new AbortController();
    const response = await service.post(ticket, { ...events, signal: controller.signal });
    let text = "";
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) {
      text += decoder.decode(chunk as Uint8Array);
      if (text.includes(": still here\n\n")) break;
    }
    controller.abort();
    await until(() => calls(service) === 0);
  });

  it("tells of a failure after the head was sent as one error event", async () => {
    const refusing = new ScriptedModel(() => ({ error: Object.assign(new Error("CANARY"), { status: 400 }) }));
    await using service = await startService({ model: refusing.factory });
    const told = readEvents(await (await service.post(ticket, events)).text());
    expect(told.at(-1)).toMatchObject({ event: "error", data: { status: 502, code: "PROVIDER_ERROR" } });
    expect(JSON.stringify(told)).not.toContain("CANARY");
  });

  it.each([
    [{ ticket: "", customerId: "c-104" }, '"ticket" is below the least string of 1'],
    [{ ticket: "CANARY", customerId: "CANARY" }, '"customerId" fails a check of the schema'],
    [{ ...ticket, CANARY: 1 }, "the value has an unknown member"],
    [undefined, "the value is not object"],
  ])("answers 400 with the schema's problems and without values", async (input, problem) => {
    await using service = await startService();
    const response = await service.post(input ?? "null");
    const text = await response.text();
    expect(response.status).toBe(400);
    expect(JSON.parse(text)).toMatchObject({ code: "INPUT_INVALID", problems: [problem] });
    expect(text).not.toContain("CANARY");
  });

  it("answers 400 to a body that is no JSON, without quoting it", async () => {
    await using service = await startService();
    const response = await service.post("CANARY");
    expect(response.status).toBe(400);
    expect(await response.text()).not.toContain("CANARY");
    expect(service.logs.join("")).not.toContain("CANARY");
  });

  it.each([
    ["globex", 403, "TENANT_UNKNOWN"],
    ["", 400, "TENANT_MISSING"],
    ["__proto__", 400, "TENANT_MISSING"],
  ])("turns down the tenant %j with %d", async (tenant, status, code) => {
    await using service = await startService();
    const response = await service.post(ticket, { headers: { "x-tenant": tenant } });
    expect([response.status, ((await response.json()) as Body)["code"]]).toEqual([status, code]);
  });

  it("answers 402 when the request may not cost what it would, 429 when the tenant has spent its day", async () => {
    await using poor = await startService({ budget: { costUsd: 0.000_000_01 } });
    const request = await poor.post(ticket);
    expect(request.status).toBe(402);
    expect(await request.json()).toMatchObject({ code: "BUDGET_EXCEEDED", scope: "run" });
    await using broke = await startService({ tenants: new Map([["acme", 0.000_000_01]]) });
    const tenant = await broke.post(ticket);
    expect(tenant.status).toBe(429);
    expect(await tenant.json()).toMatchObject({ code: "BUDGET_EXCEEDED", scope: "tenant" });
    expect(Number(tenant.headers.get("retry-after"))).toBeGreaterThan(0);
  });

  it.each([{}, events])("cancels the run when the client leaves, and frees its call: %j", async (asked) => {
    await using server = await FaultServer.start(() => faults.hang());
    await using service = await startService({ model: openAi(server.baseURL) });
    const controller = new AbortController();
    const arrived = server.arrival();
    const answered = service.post(ticket, { ...asked, signal: controller.signal }).then((response) => response.text());
    await arrived;
    expect(calls(service)).toBe(1);
    controller.abort();
    await expect(answered).rejects.toThrow();
    await server.requests[0]!.closed;
    await until(() => calls(service) === 0);
    await until(() => service.logs.some((line) => line.includes('"outcome":"cancelled"')));
  });

  it("refuses a second request with the key of one that is under way, and takes it again afterwards", async () => {
    let isFirst = true;
    await using server = await FaultServer.start((request) => {
      const reply = isFirst ? faults.hang() : servedDesk(request);
      isFirst = false;
      return reply;
    });
    await using service = await startService({ model: openAi(server.baseURL) });
    const headers = { "idempotency-key": "k-1" };
    const controller = new AbortController();
    const arrived = server.arrival();
    const first = service.post(ticket, { headers, signal: controller.signal });
    await arrived;
    const second = await service.post(ticket, { headers });
    expect([second.status, ((await second.json()) as Body)["code"]]).toEqual([409, "RUN_EXISTS"]);
    controller.abort();
    await expect(first).rejects.toThrow();
    await until(() => service.logs.some((line) => line.includes('"outcome":"cancelled"')));
    const third = await service.post(ticket, { headers });
    expect([third.status, ((await third.json()) as Body)["runId"]]).toEqual([200, "acme:key:k-1"]);
  });

  it("is ready until the circuits of a class are open, and says for how long to stay away", async () => {
    await using server = await FaultServer.start(() => faults.status(500));
    await using service = await startService({ model: openAi(server.baseURL) });
    const ready = (): Promise<Response> => fetch(`${service.url}/readyz`);
    expect((await ready()).status).toBe(200);
    for (let failures = 0; failures < 6; failures += 1) await service.post(ticket);
    const response = await ready();
    expect(response.status).toBe(503);
    expect(response.headers.get("retry-after")).toBe("5");
    expect(((await response.json()) as Body)["outOfOrder"]).toContain("slm");
    const refused = await service.post(ticket);
    expect([refused.status, ((await refused.json()) as Body)["code"]]).toEqual([503, "NO_ELIGIBLE_ENDPOINT"]);
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect((await fetch(`${service.url}/healthz`)).status).toBe(200);
  });

  it("nests the run below the HTTP span, and that below its caller's", async () => {
    await using service = await startService();
    const traceId = "0af7651916cd43dd8448eb211c80319c";
    const response = await service.post(ticket, { headers: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } });
    expect(((await response.json()) as Body)["traceId"]).toBe(traceId);
    await until(() => service.exporter.getFinishedSpans().some(({ name }) => name === "POST /tickets"));
    const spans = service.exporter.getFinishedSpans();
    const http = spans.find(({ name }) => name === "POST /tickets")!;
    const run = spans.find(({ name }) => name === "invoke_workflow support-service")!;
    expect(http.parentSpanContext?.spanId).toBe("b7ad6b7169203331");
    expect(run.parentSpanContext?.spanId).toBe(http.spanContext().spanId);
    expect(new Set(spans.map((span) => span.spanContext().traceId))).toEqual(new Set([traceId]));
    expect(http.attributes["http.response.status_code"]).toBe(200);
  });

  it("writes its trace id and no content to its log", async () => {
    await using service = await startService();
    const response = await service.post({ ...ticket, ticket: "CANARY where is it" }, events);
    const { data } = readEvents(await response.text()).at(-1)!;
    await until(() => service.logs.some((line) => line.includes('"answered"')));
    const lines = service.logs.map((line) => JSON.parse(line) as Body).filter(({ reqId }) => reqId !== undefined);
    expect(lines.map(({ msg }) => msg)).toEqual(["run ended", "answered"]);
    expect(lines.map((line) => line["trace_id"])).toEqual([data["traceId"], data["traceId"]]);
    expect(service.logs.join("")).not.toMatch(/CANARY|Dear Tom|well/);
    expect(JSON.stringify(service.exporter.getFinishedSpans().map(({ attributes }) => attributes))).not.toMatch(
      /CANARY|Dear Tom/,
    );
  });

  it("answers what is open with 503 when it is closed and the time is over", async () => {
    await using server = await FaultServer.start(() => faults.hang());
    await using service = await startService({ model: openAi(server.baseURL), drainMs: 0 });
    const arrived = server.arrival();
    const open = service.post(ticket);
    await arrived;
    await service.app.close();
    const response = await open;
    expect([response.status, response.headers.get("connection")]).toEqual([503, "close"]);
    expect(await response.json()).toMatchObject({ code: "RUN_CANCELLED", message: "this instance is shutting down" });
  });

  it("closes at once although somebody has connected and asked nothing", async () => {
    await using service = await startService({ drainMs: 0 });
    const silent = connect(Number(new URL(service.url).port), "127.0.0.1");
    await once(silent, "connect");
    await service.app.close();
    await once(silent, "close");
  });

  it("shows the event loop's delay to this machine where it is asked to", async () => {
    await using service = await startService();
    const load = (await (await fetch(`${service.url}/debug/load`)).json()) as Body;
    expect(load).toMatchObject({ calls: 0, eventLoopDelayMs: { p50: expect.any(Number) as number } });
  });
});

describe("an error as an answer", () => {
  it.each<[ErrorCode, number]>([
    ["PRIVACY_FLOW_DENIED", 422],
    ["HUMAN_REQUIRED", 422],
    ["DEADLINE_EXCEEDED", 504],
    ["RUN_CANCELLED", 499],
    ["RUN_EXISTS", 409],
    ["BACKPRESSURE", 503],
    ["SHUTTING_DOWN", 503],
    ["INTERNAL", 500],
  ])("%s is a %d, and its message stays inside", (code, status) => {
    const problem = problemOf(new TierwiseError(code, "CANARY", { cause: new Error("CANARY") }));
    expect(problem).toMatchObject({ code, status });
    expect(JSON.stringify(problem)).not.toContain("CANARY");
    expect(problem.retryAfterSeconds !== undefined).toBe(status === 503);
  });

  it("rounds the wait up to whole seconds", () => {
    const details = { scope: "shared", account: "tenant:acme", retryAfterMs: 1_001 };
    expect(problemOf(new BudgetExceededError("BUDGET_EXCEEDED", "", { details })).retryAfterSeconds).toBe(2);
    expect(problemOf(new NoEligibleEndpointError("NO_ELIGIBLE_ENDPOINT", "")).status).toBe(422);
  });

  it("says nothing of what is no error of ours", () => {
    expect(problemOf(new Error("CANARY"))).toEqual({
      ...{ status: 500, code: "INTERNAL", message: "the request failed inside the service" },
    });
  });
});

describe("the environment of the service", () => {
  it("has a default for everything", () => {
    expect(readConfig({})).toMatchObject({ host: "127.0.0.1", port: 3_000, tenants: new Map([["demo", 5]]) });
  });

  it.each([
    [{ PORT: "CANARY" }, "PORT: expected a number from 0 to 65535"],
    [{ HOST: "CANARY" }, "HOST: expected an IP address, for example 127.0.0.1"],
    [{ HOST: "0.0.0.0", DEBUG_ROUTES: "1" }, "DEBUG_ROUTES: only on a loopback HOST"],
    [{ TENANTS: "acme" }, "TENANTS: expected names and US dollars a day, for example acme=5,globex=0.5"],
    [{ MAC_KEY: "CANARY" }, "MAC_KEY: expected at least 32 random characters"],
    [{ LOG_LEVEL: "loud" }, "LOG_LEVEL: expected one of fatal, error, warn, info, debug, trace, silent"],
  ])("is told what is wrong with %j, without its value", (environment, sentence) => {
    expect(() => readConfig(environment)).toThrow(new Error(sentence));
  });
});
