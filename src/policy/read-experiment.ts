import { isName, nameRule, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";

interface Arm {
  readonly name: string;
  readonly endpoints: readonly string[];
}

/** An experiment after its options were checked. */
export interface ExperimentDesign {
  readonly name: string;
  readonly version: string;
  readonly key: string;
  readonly salt: string;
  /** The last one is the control. */
  readonly arms: readonly Arm[];
  /** Of all arms, in their order. */
  readonly weights: readonly number[];
  /** By step; `false` leaves it out. */
  readonly steps: ReadonlyMap<string, readonly number[] | false>;
}

/** @throws {DefinitionError} with every mistake at once */
export function readExperiment(options: unknown): ExperimentDesign {
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "RUNTIME_INVALID", path, message });
  const reader = new OptionReader(options, "experiment", report);
  reader.only(["name", "version", "key", "arms", "steps", "salt"]);
  const name = reader.get("name");
  if (!isName(name)) reader.mistake("name", `expected ${nameRule}, found ${show(name)}`);
  const version = reader.text("version");
  const key = reader.text("key");
  const salt = reader.optionalText("salt") ?? "";
  const { arms, weights } = readArms(reader, report);
  const steps = readSteps(reader, report, arms);
  if (problems.length > 0) throw new DefinitionError(`experiment ${show(name)}`, problems, "RUNTIME_INVALID");
  return { name: String(name), version, key, salt, arms, weights, steps };
}

function readArms(reader: OptionReader, report: Report): Pick<ExperimentDesign, "arms" | "weights"> {
  const entries = entriesOf(reader.get("arms"));
  if (entries === undefined || entries.length < 2) {
    const found = entries === undefined ? show(reader.get("arms")) : entries.length;
    reader.mistake(
      "arms",
      `expected at least two arms, { canary: { weight, endpoints }, control: { weight, endpoints } }, found ${found}`,
    );
  }
  const armOf = new Map<string, string>();
  const read = (entries ?? []).map(([name, spec]) => {
    if (!isName(name)) reader.mistake("arms", `an arm is called ${show(name)}; expected ${nameRule}`);
    const arm = new OptionReader(spec, `${reader.path}.arms.${name}`, report);
    arm.only(["weight", "endpoints"]);
    return { name, weight: readWeight(arm, "weight"), endpoints: readEndpoints(arm, name, armOf) };
  });
  const weights = checkSum(
    reader,
    "arms",
    read.map(({ weight }) => weight),
  );
  return { arms: read.map(({ name, endpoints }) => ({ name, endpoints })), weights };
}

function readEndpoints(arm: OptionReader, name: string, armOf: Map<string, string>): readonly string[] {
  const endpoints = arm.optionalTexts("endpoints");
  if (endpoints === undefined && arm.get("endpoints") !== undefined) return [];
  if (endpoints === undefined || endpoints.length === 0) {
    arm.mistake("endpoints", "expected the name of at least one endpoint, found none");
    return [];
  }
  for (const endpoint of endpoints) {
    const other = armOf.get(endpoint);
    if (other !== undefined)
      arm.mistake("endpoints", `"${endpoint}" is listed in arm "${other}" already; list an endpoint once`);
    armOf.set(endpoint, name);
  }
  return endpoints;
}

function readSteps(reader: OptionReader, report: Report, arms: readonly Arm[]): ExperimentDesign["steps"] {
  const found = reader.get("steps") ?? {};
  const entries = entriesOf(found);
  if (entries === undefined)
    reader.mistake("steps", `expected weights by step, { reply: { canary: 0.5, … } }, found ${show(found)}`);
  const names = arms.map(({ name }) => name);
  const read = (entries ?? []).map(([step, spec]): [string, readonly number[] | false] => {
    if (!isName(step)) reader.mistake("steps", `a step is called ${show(step)}; expected ${nameRule}`);
    if (spec === false) return [step, false];
    if (entriesOf(spec) === undefined) {
      reader.mistake(
        `steps.${step}`,
        `expected the weights of its arms, or false to leave it out, found ${show(spec)}`,
      );
      return [step, []];
    }
    const weights = new OptionReader(spec, `${reader.path}.steps.${step}`, report);
    for (const arm of Object.keys(spec as object)) {
      if (!names.includes(arm)) weights.mistake(arm, `there is no such arm; arms are ${names.join(", ")}`);
    }
    const ofArms = names.map((arm) => (weights.get(arm) === undefined ? 0 : readWeight(weights, arm)));
    return [step, checkSum(reader, `steps.${step}`, ofArms)];
  });
  return new Map(read);
}

function readWeight(reader: OptionReader, key: string): number | undefined {
  if (reader.get(key) === undefined) reader.mistake(key, "expected a number from 0 to 1, found undefined");
  return reader.ratio(key);
}

/** Not asked where a weight is wrong itself. */
function checkSum(reader: OptionReader, key: string, weights: readonly (number | undefined)[]): readonly number[] {
  const known = weights.filter((weight) => weight !== undefined);
  const sum = known.reduce((total, weight) => total + weight, 0);
  if (known.length === weights.length && weights.length > 0 && Math.abs(sum - 1) > 1e-9)
    reader.mistake(key, `the weights must sum to 1; ${known.join(" + ")} is ${Number(sum.toPrecision(12))}`);
  return known;
}

function entriesOf(found: unknown): readonly [string, unknown][] | undefined {
  const isRecord = typeof found === "object" && found !== null && !Array.isArray(found);
  return isRecord ? Object.entries(found) : undefined;
}
