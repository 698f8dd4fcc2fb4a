import { isName, nameRule, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { makeClearance, publicClearance, type ClearanceSpec } from "../tiers/clearance.ts";
import { labelMistake, makeLabel, type LabelSpec, type Privacy } from "../tiers/label.ts";
import type { BoundTool, NeedValues } from "./definition.ts";
import { openSchema, type JsonSchema, type Schema } from "./schema.ts";
import type { ToolLike } from "./types/values.ts";

const bindingOptions = [
  ...["tool", "effect", "idempotency", "accepts", "returns", "pin", "max", "untrustedArguments"],
  ...["approve", "maxArgumentBytes", "maxResultBytes", "cost"],
];
/** Tools are asked for texts and records, not for files; what is longer is not walked through at all. */
const mostBytes = 16 * 1024 * 1024;

/** Every tool of an agent step, with defaults filled in; mistakes are reported and the tool left out. */
export function bindTools(step: OptionReader, report: Report): readonly BoundTool[] {
  const listed = step.get("tools");
  if (!Array.isArray(listed)) {
    step.mistake("tools", `expected an array of tools, found ${show(listed)}`);
    return [];
  }
  const bound = listed.flatMap((item: unknown, index) => bindTool(item, `${step.path}.tools[${index}]`, report) ?? []);
  const names = bound.map((tool) => tool.name);
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice !== undefined) step.mistake("tools", `two tools are called "${twice}"`);
  return bound;
}

function bindTool(item: unknown, path: string, report: Report): BoundTool | undefined {
  const bag = typeof item === "object" && item !== null && "tool" in item ? item : { tool: item };
  const reader = new OptionReader(bag, path, report);
  reader.only(bindingOptions);
  const tool = toolOf(reader);
  if (tool === undefined) return undefined;
  const opened = parametersOf(tool, reader);
  if (opened === undefined) return undefined;
  const parameters = opened.json;
  const pin = functionsOf<(values: NeedValues) => unknown>(reader, "pin", parameters);
  const max = functionsOf<(values: NeedValues) => number>(reader, "max", parameters);
  for (const argument of Object.keys(max)) checkBoundIsNumeric(reader, argument, parameters);
  const effect = reader.oneOf("effect", ["read", "write", "irreversible"], "write");
  const approve = approveOf(reader, report);
  if (approve !== undefined && effect === "read")
    reader.mistake("approve", 'a tool with effect "read" changes nothing to approve; declare its effect, or drop it');
  return {
    name: tool.name,
    description: tool.description ?? "",
    invoke: (args, config) => tool.invoke(args, config),
    effect,
    idempotency: reader.oneOf("idempotency", ["idempotent", "keyed", "unsafe"], "unsafe"),
    accepts: acceptsOf(reader),
    returns: returnsOf(reader),
    pin,
    max,
    untrustedArguments: reader.reason("untrustedArguments"),
    approve,
    maxArgumentBytes: reader.integer("maxArgumentBytes", { fallback: 65_536, min: 1, max: mostBytes }),
    maxResultBytes: reader.integer("maxResultBytes", { fallback: 65_536, min: 256, max: mostBytes }),
    costUsd: costOf(reader, report),
    parameters,
    parse: opened.parse,
    shownParameters: without(parameters, Object.keys(pin)),
  };
}

function toolOf(reader: OptionReader): ToolLike | undefined {
  const tool = reader.get("tool") as Partial<ToolLike> | null | undefined;
  if (typeof tool !== "object" || tool === null || typeof tool.invoke !== "function") {
    reader.mistake(
      "tool",
      `expected a tool with name, schema and invoke (LangChain's tool() makes one), found ${show(tool)}`,
    );
    return undefined;
  }
  if (isName(tool.name)) return tool as ToolLike;
  reader.mistake("tool.name", `expected ${nameRule}, found ${show(tool.name)}`);
  return undefined;
}

/** A tool's schema is a zod schema or plain JSON Schema of an object. */
function parametersOf(tool: ToolLike, reader: OptionReader): (Pick<Schema, "json"> & Partial<Schema>) | undefined {
  const { schema } = tool;
  const isPlainJson = typeof schema === "object" && schema !== null && !("_zod" in schema);
  const opened = isPlainJson ? copyOf(schema) : openSchema(schema, "input");
  if (typeof opened === "string") {
    reader.mistake("tool.schema", opened);
    return undefined;
  }
  if (opened.json["type"] === "object") return opened;
  reader.mistake("tool.schema", "expected the schema of an object: a tool's arguments have names");
  return undefined;
}

/** A copy, because the definition is frozen and the author's validator may write into its own schema. */
function copyOf(schema: object): { json: JsonSchema } | string {
  try {
    return { json: JSON.parse(JSON.stringify(schema)) as JsonSchema };
  } catch {
    return "expected plain JSON Schema or a schema of zod 4, found an object that is not JSON";
  }
}

function propertiesOf(parameters: JsonSchema): Readonly<Record<string, unknown>> {
  return (parameters["properties"] ?? {}) as Record<string, unknown>;
}

function functionsOf<T>(reader: OptionReader, key: string, parameters: JsonSchema): Readonly<Record<string, T>> {
  const found = reader.get(key);
  if (found === undefined) return {};
  const inner = new OptionReader(found, `${reader.path}.${key}`, (_path, message) => reader.mistake(key, message));
  const result: Record<string, T> = {};
  for (const argument of Object.keys(found ?? {})) {
    if (!Object.hasOwn(propertiesOf(parameters), argument)) {
      reader.mistake(
        `${key}.${argument}`,
        `the tool has no argument of that name; it has ${Object.keys(propertiesOf(parameters)).join(", ") || "none"}`,
      );
      continue;
    }
    const fn = inner.fn<T>(argument);
    if (fn !== undefined) result[argument] = fn;
  }
  return result;
}

function checkBoundIsNumeric(reader: OptionReader, argument: string, parameters: JsonSchema): void {
  const { type } = (propertiesOf(parameters)[argument] ?? {}) as { type?: unknown };
  if (type !== "number" && type !== "integer")
    reader.mistake(`max.${argument}`, "only a number can have an upper bound; pin it instead");
}

function approveOf(reader: OptionReader, report: Report): BoundTool["approve"] {
  const found = reader.get("approve");
  if (found === undefined) return undefined;
  if (found === true) return { clearance: undefined, reason: undefined };
  const inner = new OptionReader(found, `${reader.path}.approve`, report);
  inner.only(["clearance", "reason"]);
  const clearance = inner.get("clearance") as ClearanceSpec | undefined;
  const mistake = clearance === undefined ? undefined : labelMistake(clearance);
  if (mistake !== undefined) inner.mistake("clearance", mistake);
  return {
    // A clearance that cannot be read admits nothing but public data; its mistake is reported.
    clearance: clearance && makeClearance(mistake === undefined ? clearance : "public"),
    reason: inner.optionalText("reason"),
  };
}

const mostUsd = 1_000_000;

function costOf(reader: OptionReader, report: Report): number | undefined {
  const found = reader.get("cost");
  if (found === undefined) return undefined;
  const inner = new OptionReader(found, `${reader.path}.cost`, report);
  inner.only(["perCallUsd"]);
  const usd = inner.get("perCallUsd");
  // Money is counted in whole pico-dollars: an amount with more decimals would not be the one on the books.
  if (typeof usd === "number" && usd >= 0 && usd <= mostUsd && Number(usd.toFixed(12)) === usd) return usd;
  inner.mistake("perCallUsd", `expected a number from 0 to ${mostUsd} with at most 12 decimals, found ${show(usd)}`);
  return undefined;
}

function acceptsOf(reader: OptionReader) {
  const found = reader.get("accepts") as ClearanceSpec | undefined;
  if (found === undefined) return publicClearance;
  const mistake = labelMistake(found);
  if (mistake === undefined) return makeClearance(found);
  reader.mistake("accepts", mistake);
  return publicClearance;
}

function returnsOf(reader: OptionReader) {
  const found = reader.get("returns") as Privacy | LabelSpec | undefined;
  if (found === undefined) return undefined;
  const mistake = labelMistake(found);
  if (mistake === undefined) return makeLabel(found);
  reader.mistake("returns", mistake);
  return undefined;
}

/** The schema without pinned arguments: the model neither sees nor chooses them. */
function without(parameters: JsonSchema, hidden: readonly string[]): JsonSchema {
  if (hidden.length === 0) return parameters;
  const properties = Object.fromEntries(
    Object.entries(propertiesOf(parameters)).filter(([name]) => !hidden.includes(name)),
  );
  const required = (parameters["required"] ?? []) as readonly string[];
  return { ...parameters, properties, required: required.filter((name) => !hidden.includes(name)) };
}
