import { describe, expect, it } from "vitest";
import * as z from "zod";
import { InputError } from "../errors.ts";
import { graph } from "../graph/graph.ts";
import { checkInput } from "./check-input.ts";

function support() {
  const g = graph("support", {
    input: z.object({
      ticket: z.string(),
      urgency: z.int().default(1),
      at: z.string().transform((text) => text.trim()),
    }),
  });
  return g.output({ ticket: g.input.field("ticket") });
}

describe("the input of a graph", () => {
  it("is told as JSON Schema, as what a caller writes", () => {
    expect(support().inputSchema).toMatchObject({
      type: "object",
      properties: { ticket: { type: "string" }, urgency: { type: "integer" }, at: { type: "string" } },
      required: ["ticket", "at"],
    });
  });

  it("is handed back as it came when it fits, so that a run reads it once", () => {
    const body = { ticket: "t", at: " now " };
    const input: { ticket: string; at: string; urgency?: number | undefined } = checkInput(support(), body);
    expect(input).toBe(body);
    expect(body).toEqual({ ticket: "t", at: " now " });
  });

  it("is refused as a run refuses it, with every problem and no value", () => {
    const checked = (): unknown => checkInput(support(), { ticket: 1, urgency: "CANARY", at: "" });
    expect(checked).toThrow(InputError);
    expect(checked).toThrow(
      expect.objectContaining({
        code: "INPUT_INVALID",
        message: 'graph "support": the input does not fit its schema: "ticket" is not string; "urgency" is not number',
        problems: ['"ticket" is not string', '"urgency" is not number'],
      }) as Error,
    );
  });
});
