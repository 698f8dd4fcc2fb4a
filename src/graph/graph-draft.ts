import { deepFreeze } from "../common/freeze.ts";
import { isName, nameRule, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, TierwiseError, type Problem } from "../errors.ts";
import { clearanceFor, makeClearance, type Clearance, type ClearanceSpec } from "../tiers/clearance.ts";
import type { Demands } from "../tiers/demands.ts";
import {
  join,
  joinAll,
  labelMistake,
  makeLabel,
  privacyLevels,
  type Label,
  type LabelSpec,
  type Privacy,
} from "../tiers/label.ts";
import { flowsOf } from "./check/flow.ts";
import { checkOutput, checkPrivacy, type CheckedGraph } from "./check/privacy-rules.ts";
import { checkStreams } from "./check/streams.ts";
import type { GraphDefinition, StepDefinition } from "./definition.ts";
import type { StepSetting } from "./describe-steps.ts";
import { toMermaid } from "./mermaid.ts";
import { makeRef, nodeOf, ownerOf, type RefNode, type RefSource, type WhenSkipped } from "./ref.ts";
import { demandOptions, readDemands } from "./read-demands.ts";
import { openSchema, type Schema } from "./schema.ts";
import type { Ref } from "./types/values.ts";
import { versionOf } from "./version.ts";

type Describe = (spec: unknown, setting: StepSetting) => StepDefinition | undefined;

/** A graph while it is written: collects steps and mistakes; `finish` throws the mistakes or freezes the steps. */
export class GraphDraft {
  readonly owner = Symbol("tierwise.graph");
  readonly inputSource: RefSource = { kind: "input" };
  readonly #name: string;
  readonly #steps: StepDefinition[] = [];
  readonly #names = new Set<string>();
  readonly #problems: Problem[] = [];
  readonly #version: string;
  readonly #labelled: boolean;
  readonly #input: Schema | undefined;
  readonly #label: Label;
  readonly #fieldLabels: Readonly<Record<string, Label>>;
  readonly #privacy: Privacy;
  readonly #demands: Demands;
  #finished = false;

  constructor(name: unknown, options: unknown) {
    if (!isName(name)) this.#report("name", `expected ${nameRule}, found ${show(name)}`);
    this.#name = String(name);
    const reader = new OptionReader(options, "graph", this.#report);
    reader.only(["input", "version", "label", "fields", "privacy", "defaults"]);
    this.#version = reader.optionalText("version") ?? "0";
    const schema = openSchema(reader.get("input"), "input");
    if (typeof schema === "string") reader.mistake("input", schema);
    this.#input = typeof schema === "string" ? undefined : schema;
    this.#labelled = reader.get("label") !== undefined;
    const own = this.#labelFrom(reader);
    this.#fieldLabels = this.#fieldLabelsFrom(reader, own);
    this.#label = join(own, joinAll(Object.values(this.#fieldLabels)));
    this.#privacy = reader.oneOf("privacy", privacyLevels, this.#label.level);
    const defaults = new OptionReader(reader.get("defaults") ?? {}, "graph.defaults", this.#report);
    defaults.only(demandOptions);
    this.#demands = readDemands(defaults, { defaults: undefined, maxTurns: undefined, report: this.#report });
  }

  readonly #report: Report = (path, message) => void this.#problems.push({ code: "GRAPH_INVALID", path, message });

  #labelFrom(reader: OptionReader): Label {
    const spec = (reader.get("label") ?? "public") as Privacy | LabelSpec;
    const mistake = labelMistake(spec);
    if (mistake !== undefined) reader.mistake("label", mistake);
    return makeLabel(mistake === undefined ? spec : "public");
  }

  #fieldLabelsFrom(reader: OptionReader, own: Label): Record<string, Label> {
    // Every declared field, so that raising one does not raise what reads another.
    const labels = Object.fromEntries(Object.keys(this.#properties()).map((field) => [field, own]));
    for (const [field, override] of Object.entries(reader.get("fields") ?? {})) {
      const spec = { ...own, ...(override as Partial<LabelSpec> | undefined) };
      const mistake = this.#hasField(field) ? labelMistake(spec) : "the input has no field of that name";
      if (mistake === undefined) labels[field] = makeLabel(spec);
      else reader.mistake(`fields.${field}`, mistake);
    }
    return labels;
  }

  #properties(): object {
    return this.#input?.json["properties"] ?? {};
  }

  #hasField(field: string): boolean {
    return Object.hasOwn(this.#properties(), field);
  }

  fieldRef(field: string): Ref<unknown> {
    if (this.#input !== undefined && !this.#hasField(field)) this.#report("input", `there is no field ${show(field)}`);
    return makeRef({ kind: "field", field }, this.owner);
  }

  modifiedRef(ref: unknown, whenSkipped: WhenSkipped): Ref<unknown> {
    const node = nodeOf(ref);
    if (node === undefined || ownerOf(ref) !== this.owner) {
      this.#report("required/orElse", `expected a reference that this graph made, found ${show(ref)}`);
      return makeRef(this.inputSource, this.owner);
    }
    return makeRef(node.source, this.owner, whenSkipped);
  }

  /** Adds a step even if it is wrong, so that what reads it is checked too. */
  add(name: unknown, spec: unknown, describe: Describe): Ref<unknown> {
    if (this.#finished) {
      throw new TierwiseError(
        "GRAPH_INVALID",
        `graph "${this.#name}": step ${show(name)} was added after g.output(); add it before`,
      );
    }
    const path = `steps.${String(name)}`;
    if (!isName(name)) this.#report(path, `expected ${nameRule}, found ${show(name)}`);
    else if (this.#names.has(name)) this.#report(path, `there are two steps called "${name}"; names must differ`);
    const safeName = String(name);
    this.#names.add(safeName);
    const needs = this.#needsOf(spec, path);
    const step = describe(spec, {
      name: safeName,
      index: this.#steps.length,
      needs,
      privacy: this.#privacy,
      demands: this.#demands,
      report: this.#report,
    });
    if (step !== undefined) this.#steps.push(step);
    return makeRef({ kind: "step", step: safeName }, this.owner);
  }

  #needsOf(spec: unknown, path: string): Record<string, RefNode> {
    const needs: unknown = (spec as { needs?: unknown } | undefined)?.needs;
    if (typeof needs !== "object" || needs === null) {
      this.#report(`${path}.needs`, `expected named references such as { request: g.input }, found ${show(needs)}`);
      return {};
    }
    return this.#nodesOf(needs, `${path}.needs`);
  }

  #nodesOf(refs: object, path: string): Record<string, RefNode> {
    const nodes: Record<string, RefNode> = {};
    for (const [key, ref] of Object.entries(refs)) {
      const node = nodeOf(ref);
      if (node === undefined)
        this.#report(
          `${path}.${key}`,
          `expected a reference (what a step method returned, or g.input), found ${show(ref)}`,
        );
      else if (ownerOf(ref) !== this.owner)
        this.#report(
          `${path}.${key}`,
          "the reference belongs to another graph; use that graph as a step, or define the step here",
        );
      else nodes[key] = node;
    }
    return nodes;
  }

  finish(refs: unknown, options: unknown, single: RefNode | undefined): unknown {
    if (this.#finished) throw new TierwiseError("GRAPH_INVALID", `graph "${this.#name}": g.output() was called twice`);
    this.#finished = true;
    const output = single ? this.#nodesOf({ value: refs }, "output") : this.#outputNodes(refs);
    const sources = { inputLabel: this.#label, fieldLabels: this.#fieldLabels };
    const graph: CheckedGraph = { steps: this.#steps, sources, flows: flowsOf(this.#steps, sources) };
    const callerClearance = this.#callerClearance(options);
    const report = (path: string, message: string, code: Problem["code"]): void =>
      void this.#problems.push({ code, path, message });
    checkPrivacy(graph, report);
    checkOutput(output, callerClearance, { graph, report });
    checkStreams(callerClearance, { graph, report });
    if (this.#problems.length > 0 || this.#input === undefined)
      throw new DefinitionError(`graph "${this.#name}"`, this.#problems);
    return this.#freeze({ input: this.#input, graph, output, single, callerClearance });
  }

  #outputNodes(refs: unknown): Record<string, RefNode> {
    if (typeof refs !== "object" || refs === null || Object.keys(refs).length === 0) {
      this.#report("output", `expected a reference or named references, found ${show(refs)}`);
      return {};
    }
    return this.#nodesOf(refs, "output");
  }

  #callerClearance(options: unknown): Clearance {
    const reader = new OptionReader(options ?? {}, "output", this.#report);
    reader.only(["clearance"]);
    const spec = reader.get("clearance") as ClearanceSpec | undefined;
    if (spec === undefined) return clearanceFor(this.#label);
    const mistake = labelMistake(spec);
    if (mistake !== undefined) reader.mistake("clearance", mistake);
    return makeClearance(mistake === undefined ? spec : "public");
  }

  #freeze(parts: {
    input: Schema;
    graph: CheckedGraph;
    output: Record<string, RefNode>;
    single: RefNode | undefined;
    callerClearance: Clearance;
  }): unknown {
    const { input, graph, output, single, callerClearance } = parts;
    const labels = { json: input.json, label: this.#label, fields: this.#fieldLabels, caller: callerClearance };
    const definition: GraphDefinition = deepFreeze({
      name: this.#name,
      version: versionOf(this.#version, { steps: this.#steps, output, input: labels }),
      labelled: this.#labelled,
      input,
      inputLabel: this.#label,
      fieldLabels: this.#fieldLabels,
      steps: this.#steps,
      flows: graph.flows,
      output: single ? { kind: "one", ref: single } : { kind: "named", refs: output },
      callerClearance,
    });
    return Object.freeze({
      name: definition.name,
      version: definition.version,
      definition,
      inputSchema: input.json,
      toMermaid: () => toMermaid(definition),
    });
  }
}
