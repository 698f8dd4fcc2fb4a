import { EventEmitter } from "node:events";
import { expect, it } from "vitest";
import { guardConnections } from "./guard-connections.ts";

it("hears the error of a connection that nobody listens to yet, once however often it is handed out", () => {
  const pool = new EventEmitter();
  guardConnections(pool as never);
  const connection = new EventEmitter();
  for (let time = 0; time < 3; time += 1) pool.emit("acquire", connection);
  expect(() => connection.emit("error", new Error("terminating connection"))).not.toThrow();
  expect(connection.listenerCount("error")).toBe(1);
});
