import { createHmac } from "node:crypto";
import { inspect } from "node:util";
import { describe, expect, it } from "vitest";
import { idempotencyKey, readMacKey } from "./idempotency-key.ts";

const secret = "0123456789abcdef0123456789abcdef";
const key = readMacKey(secret)!;
const call = { runId: "run-1", workKey: "work#0/1/tool0", tool: "pay" };

describe("the idempotency key", () => {
  it("is the HMAC-SHA-256 of run, work and tool, as 32 hexadecimal digits", () => {
    const expected = createHmac("sha256", secret).update('["run-1","work#0/1/tool0","pay"]').digest("hex");
    expect(idempotencyKey(key, call)).toBe(expected.slice(0, 32));
  });

  it.each([
    ["run", { runId: "run-2" }],
    ["step", { workKey: "other#0/1/tool0" }],
    ["iteration", { workKey: "work#1/1/tool0" }],
    ["turn", { workKey: "work#0/2/tool0" }],
    ["place in the turn", { workKey: "work#0/1/tool1" }],
    ["tool", { tool: "refund" }],
    ["border between two of them", { runId: "run-1,work", workKey: "#0/1/tool0" }],
  ])("is another for another %s", (_what, other) => {
    expect(idempotencyKey(key, { ...call, ...other })).not.toBe(idempotencyKey(key, call));
  });

  it("is another under another secret, and the same under the same", () => {
    expect(idempotencyKey(readMacKey(`${secret}x`)!, call)).not.toBe(idempotencyKey(key, call));
    expect(idempotencyKey(readMacKey(Buffer.from(secret))!, call)).toBe(idempotencyKey(key, call));
  });
});

describe("its secret", () => {
  it("is one for all runtimes of the process that are given none, drawn at random", () => {
    const own = readMacKey(undefined)!;
    expect(own.symmetricKeySize).toBe(32);
    expect(readMacKey(undefined)).toBe(own);
    expect(own.equals(readMacKey(Buffer.alloc(32))!)).toBe(false);
  });

  it.each([
    ["a text of 31 bytes", "x".repeat(31)],
    ["31 bytes", new Uint8Array(31)],
    ["a number", 32],
    ["null", null],
  ])("is not %s", (_what, given) => {
    expect(readMacKey(given)).toBeUndefined();
  });

  it("counts bytes, not characters", () => {
    expect(readMacKey("é".repeat(16))).toBeDefined();
  });

  it("is not shown by whoever prints it", () => {
    expect(`${inspect(key)} ${JSON.stringify(key)}`).not.toContain("0123");
  });
});
