import { readdirSync } from "node:fs";
import { tmpdir } from "node:os";
import { describe, expect, it } from "vitest";
import { expectOneRefund, runDurableDemo } from "./support/durable-demo.ts";

describe("the durable demo", () => {
  it("refunds once, asks no model twice and leaves nothing behind, though its worker is killed in the refund", async () => {
    const folders = () => readdirSync(tmpdir()).filter((name) => name.startsWith("tierwise-durable-"));
    const before = folders();
    const { stderr, stdout } = await runDurableDemo({});
    expect(stderr).toBe("");
    expectOneRefund(stdout);
    expect(folders()).toEqual(before);
  });
});
