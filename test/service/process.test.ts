import { describe, expect, it } from "vitest";
import { faults, FaultServer } from "tierwise/testing";
import { ServiceProcess } from "../../bench/service/service-process.ts";
import { asTenant, readEvents, servedDesk, ticket } from "./service.ts";

function post(url: string, accept: string): Promise<{ status: number; body: string }> {
  const headers = { ...asTenant, accept };
  return fetch(`${url}/tickets`, { method: "POST", headers, body: JSON.stringify(ticket) }).then(async (response) => ({
    status: response.status,
    body: await response.text(),
  }));
}

function isAnswer({ status, body }: { status: number; body: string }): boolean {
  if (!body.startsWith("event:")) return [200, 503].includes(status);
  return ["result", "error"].includes(readEvents(body).at(-1)?.event ?? "");
}

describe("the service as a process", () => {
  it("answers every open request on SIGTERM, and ends with 0", async () => {
    await using server = await FaultServer.start((request) => ({
      ...servedDesk(request),
      delivery: { pieceBytes: 60, everyMs: 20 },
    }));
    await using service = await ServiceProcess.start(server.baseURL, { TENANTS: "acme=1000" });
    const open = Array.from({ length: 40 }, (_, index) =>
      post(service.url, index % 2 === 0 ? "application/json" : "text/event-stream"),
    );
    await Promise.race(open);
    const ended = service.terminate();
    const answers = await Promise.all(open);
    expect(answers.filter((answer) => !isAnswer(answer))).toEqual([]);
    expect(answers.filter(({ status }) => status === 200).length).toBeGreaterThan(0);
    expect(await ended).toBe(0);
    expect(service.lines().at(-1)?.["msg"]).toBe("all ended");
    await expect(fetch(`${service.url}/healthz`)).rejects.toThrow();
  });

  it("cancels on SIGTERM what does not end in time, answers it, and leaves no request at a model", async () => {
    await using server = await FaultServer.start(() => faults.hang());
    await using service = await ServiceProcess.start(server.baseURL, { TENANTS: "acme=1000", DRAIN_MS: "50" });
    const arrived = server.arrival();
    const open = [post(service.url, "application/json"), post(service.url, "text/event-stream")];
    await arrived;
    expect(await service.terminate()).toBe(0);
    const [json, events] = await Promise.all(open);
    expect([json?.status, JSON.parse(json?.body ?? "") as unknown]).toEqual([
      503,
      { code: "RUN_CANCELLED", message: "this instance is shutting down" },
    ]);
    expect(readEvents(events?.body ?? "").at(-1)).toMatchObject({ event: "error", data: { status: 503 } });
    await Promise.all(server.requests.map(({ closed }) => closed));
  });

  it("says in one line what is wrong with its environment, and ends with 1", async () => {
    const wrong = ServiceProcess.start("http://127.0.0.1:1/v1", { PORT: "x" });
    await expect(wrong).rejects.toThrow("service: PORT: expected a number from 0 to 65535");
  });
});
