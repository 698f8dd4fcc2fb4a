import { deepFreeze } from "../common/freeze.ts";
import { isName, nameRule, show } from "../common/names.ts";
import type { OptionReader } from "../common/option-reader.ts";
import type { Policy } from "../policy/policy.ts";
import { readOptions } from "./read-change.ts";
import type { RegisteredVersion } from "./registry.ts";
import { refOf, type VersionRef } from "./registry-history.ts";
import { isRegistryRule, longestModelName } from "./served-policy.ts";

/** A version of a model as it was added. */
export type RegisteredModel = Omit<Extract<RegisteredVersion, { what: "model" }>, "status">;

/** @throws {DefinitionError} when it is no policy, or its name and version are taken */
export function readPolicy(policy: unknown, registered: ReadonlyMap<VersionRef, unknown>): Policy {
  return readOptions(policy, "policy", (reader) => {
    const rules = reader.get("rules");
    if (!Array.isArray(rules) || reader.get("identity") === undefined) {
      reader.mistake("rules", `expected what createPolicy(...) or defaultPolicy() returns, found ${show(rules)}`);
      return policy as Policy;
    }
    const found = policy as Policy;
    checkNew(reader, registered, refOf(found.name, found.version));
    const taken = found.rules.find(({ name }) => isRegistryRule(name));
    if (taken !== undefined)
      reader.mistake("rules", `"${taken.name}" is a name of the registry's own rules; rename it`);
    return found;
  });
}

/** @throws {DefinitionError} with every mistake at once */
export function readModel(version: unknown, registered: ReadonlyMap<VersionRef, RegisteredModel>): RegisteredModel {
  return readOptions(version, "model", (reader) => {
    reader.only(["model", "version", "endpoint", "class", "tags"]);
    const name = reader.get("model");
    if (!isName(name) || name.length > longestModelName)
      reader.mistake("model", `expected ${nameRule}, at most ${longestModelName} in all, found ${show(name)}`);
    const text = reader.text("version");
    checkNew(reader, registered, refOf(String(name), text));
    const endpoint = reader.text("endpoint");
    const other = [...registered.values()].find((model) => model.endpoint === endpoint);
    if (other !== undefined)
      reader.mistake(
        "endpoint",
        `"${endpoint}" serves ${refOf(other.name, other.version)}; each version needs its own`,
      );
    const size = reader.oneOf("class", ["slm", "llm"]);
    return deepFreeze({
      what: "model",
      name: String(name),
      version: text,
      endpoint,
      class: size,
      tags: tagsOf(reader),
    });
  });
}

function checkNew(reader: OptionReader, registered: ReadonlyMap<VersionRef, unknown>, ref: VersionRef): void {
  if (registered.has(ref))
    reader.mistake("version", `${ref} is registered already; versions never change, name a new one`);
}

function tagsOf(reader: OptionReader): Readonly<Record<string, string>> {
  const found = reader.get("tags") ?? {};
  const isTexts = typeof found === "object" && Object.values(found).every((value) => typeof value === "string");
  if (isTexts && !Array.isArray(found)) return { ...found };
  reader.mistake("tags", `expected texts by name, found ${show(found)}`);
  return {};
}
