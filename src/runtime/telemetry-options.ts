import type { MeterProvider, TracerProvider } from "@opentelemetry/api";
import { OptionReader, type Report } from "../common/option-reader.ts";
import type { TraceSettings } from "../telemetry/trace-settings.ts";
import { makeClearance, type ClearanceSpec } from "../tiers/clearance.ts";
import { labelMistake } from "../tiers/label.ts";

export interface TelemetryOptions {
  /** @default the global one that the host registered */
  readonly tracerProvider?: TracerProvider;
  /** Metrics count every run, whatever a sampler drops. @default the global one that the host registered */
  readonly meterProvider?: MeterProvider;
  /**
   * `on`: prompts, answers, arguments and results of tools are span attributes, each cut at 64 KiB, as far as their label is
   * within `clearance`; a span with content above it says `tierwise.content.suppressed`. @default "off"
   */
  readonly content?: "off" | "on";
  /** The highest label that whoever reads the host's traces may see. Required with `content: "on"`, where it has no default. */
  readonly clearance?: ClearanceSpec;
  /**
   * `provider`: the host instruments its model clients already. The span of an attempt is then `attempt {model}` without any
   * `gen_ai.*`, content included, so that no request is counted twice. @default "tierwise"
   */
  readonly modelSpans?: "tierwise" | "provider";
  /**
   * The cost of each attempt also under the names by which other back ends add it up (`gen_ai.usage.cost.total`,
   * `operation.cost`, `llm.cost.total`). Not with `modelSpans: "provider"`. @default false
   */
  readonly costAliases?: boolean;
}

const known = ["tracerProvider", "meterProvider", "content", "clearance", "modelSpans", "costAliases"];

export function readTelemetryOptions(found: unknown, report: Report): TraceSettings {
  const reader = new OptionReader(found ?? {}, "runtime.telemetry", report);
  reader.only(known);
  const isOn = reader.oneOf("content", ["off", "on"], "off") === "on";
  const clearance = reader.get("clearance");
  const mistake = clearance === undefined ? undefined : labelMistake(clearance);
  if (mistake !== undefined) reader.mistake("clearance", mistake);
  if (isOn && clearance === undefined)
    reader.mistake("clearance", 'content: "on" needs the highest label that your traces may hold, found undefined');
  const isCleared = isOn && clearance !== undefined && mistake === undefined;
  return Object.freeze({
    modelSpans: reader.oneOf("modelSpans", ["tierwise", "provider"], "tierwise"),
    costAliases: reader.optionalFlag("costAliases") ?? false,
    content: isCleared ? makeClearance(clearance as ClearanceSpec) : undefined,
  });
}
