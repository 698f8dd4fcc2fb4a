import { utf8Bytes } from "../../common/utf8.ts";
import type { NeedValues, PlacedStep } from "../../graph/definition.ts";
import type { Workload } from "../../tiers/demands.ts";

/** One input, parsed, from which the sizes of requests are read. */
export interface Sample {
  readonly input: unknown;
}

/**
 * UTF-8 bytes a token: 4 is the common rule of thumb for English text with byte-pair encodings; dense text such as code,
 * numbers or other scripts goes down to about 2, long plain words up to 6.
 */
const bytesPerToken = { low: 2, high: 6 };

/**
 * The workload of one request for the sample: input by the size of the prompt that the author's own function makes of it,
 * output from one token to the step's limit. `undefined` where a step reads other steps, whose values no plan knows, where it
 * would be skipped for a field that is missing, or where the author's function throws on what it is given.
 */
export function sampleWorkload(step: PlacedStep, { input }: Sample): Workload | undefined {
  const values = valuesOf(step, input);
  if (values === undefined) return undefined;
  try {
    const prompt = step.kind === "classify" ? step.text(values) : step.prompt(values);
    const bytes = utf8Bytes(prompt) + utf8Bytes(step.system ?? "");
    return {
      inputTokens: { low: Math.ceil(bytes / bytesPerToken.high), high: Math.ceil(bytes / bytesPerToken.low) },
      outputTokens: { low: 1, high: step.maxOutputTokens },
      turns: { low: 1, high: step.kind === "agent" ? step.maxTurns : 1 },
    };
  } catch {
    return undefined;
  }
}

function valuesOf(step: PlacedStep, input: unknown): NeedValues | undefined {
  const values: Record<string, unknown> = {};
  for (const [key, { source, whenSkipped }] of Object.entries(step.needs)) {
    if (source.kind === "step") return undefined;
    const found = source.kind === "input" ? input : (input as Record<string, unknown>)[source.field];
    if (found === undefined && whenSkipped.kind === "skip") return undefined;
    values[key] = found === undefined && whenSkipped.kind === "value" ? whenSkipped.value : found;
  }
  return values;
}
