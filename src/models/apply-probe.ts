import type { CapabilitySpec, Endpoint } from "../catalog/endpoint.ts";
import { isLabelModel } from "../catalog/model-like.ts";
import { show } from "../common/names.ts";
import { OptionReader } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import { buildClient, targetOf } from "./chat-client.ts";
import type { ProbeReport } from "./probe.ts";

const probed = ["tools", "jsonSchema", "logprobs", "toolsWithLogprobs"] as const;

/**
 * The endpoint with the capabilities that a probe found in place of declared and assumed ones; what the author declared
 * `false` stays so, and the context and the languages are as declared. Frozen. The report may come from a file: it is
 * checked, except for whether the same server still stands behind the address.
 *
 * Give it the endpoint as it was declared, not the result of an earlier report, whose `false` it could not tell from the
 * author's.
 * @throws {DefinitionError} when the report is malformed, or is of another endpoint or model
 */
export function applyProbe(endpoint: Endpoint, report: ProbeReport): Endpoint {
  const problems: Problem[] = [];
  const reader = new OptionReader(report, "report", (path, message) => {
    problems.push({ code: "CATALOG_INVALID", path, message });
  });
  checkOrigin(endpoint, reader);
  const found = readCapabilities(reader);
  if (problems.length > 0)
    throw new DefinitionError(`applyProbe to endpoint "${endpoint.name}"`, problems, "CATALOG_INVALID");
  const narrowed = probed.map((key) => [key, endpoint.capabilities[key] !== false && found[key]] as const);
  const capabilities: CapabilitySpec = { ...endpoint.capabilities, ...Object.fromEntries(narrowed) };
  return Object.freeze({ ...endpoint, capabilities: Object.freeze(capabilities) });
}

function checkOrigin(endpoint: Endpoint, reader: OptionReader): void {
  reader.oneOf("format", ["tierwise-probe"]);
  if (reader.get("version") !== 1)
    reader.mistake("version", `this release reads version 1 only, found ${show(reader.get("version"))}; probe again`);
  if (reader.get("endpoint") !== endpoint.name)
    reader.mistake(
      "endpoint",
      `expected "${endpoint.name}", found ${show(reader.get("endpoint"))}; apply it to that one`,
    );
  if (isLabelModel(endpoint.model)) {
    reader.mistake("endpoint", `"${endpoint.name}" is a classifier now, which cannot be probed; leave the report out`);
    return;
  }
  const { model } = targetOf(endpoint, buildClient(endpoint, { maxOutputTokens: 1, logprobs: false }));
  if (reader.get("model") !== model)
    reader.mistake("model", `expected ${show(model)}, found ${show(reader.get("model"))}; probe the endpoint again`);
}

function readCapabilities(reader: OptionReader): Pick<ProbeReport["capabilities"], (typeof probed)[number]> {
  const bag = reader.get("capabilities") as Readonly<Record<string, unknown>> | null | undefined;
  const entries = probed.map((key) => {
    const found = bag?.[key];
    if (typeof found !== "boolean")
      reader.mistake(`capabilities.${key}`, `expected true or false, found ${show(found)}; probe the endpoint again`);
    return [key, found === true] as const;
  });
  return Object.fromEntries(entries) as Record<(typeof probed)[number], boolean>;
}
