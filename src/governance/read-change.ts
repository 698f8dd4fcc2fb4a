import { isName, show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { DefinitionError, type Problem } from "../errors.ts";
import {
  nameIn,
  refOf,
  slotOf,
  versionIn,
  type RegistryEntry,
  type Standing,
  type VersionRef,
} from "./registry-history.ts";

/** What a change is checked against. */
export interface Inventory {
  readonly registered: (what: RegistryEntry["what"]) => readonly VersionRef[];
  readonly standing: (slot: string) => Standing;
}

/** A change before it has a time. */
export type Change = Omit<RegistryEntry, "atMs">;

/** Reads options, and reports every mistake at once. @throws {DefinitionError} `RUNTIME_INVALID` */
export function readOptions<T>(options: unknown, path: string, read: (reader: OptionReader, report: Report) => T): T {
  const problems: Problem[] = [];
  const report: Report = (where, message) => void problems.push({ code: "RUNTIME_INVALID", path: where, message });
  const result = read(new OptionReader(options, path, report), report);
  if (problems.length > 0) throw new DefinitionError("registry", problems, "RUNTIME_INVALID");
  return result;
}

/** @throws {DefinitionError} with every mistake at once */
export function readActivation(options: unknown, inventory: Inventory): Change {
  return readOptions(options, "activate", (reader) => {
    reader.only(["policy", "model", "version", "weight", "key", "by", "reason"]);
    const { what, name } = readSubject(reader, inventory);
    const version = reader.text("version");
    const to = refOf(name, version);
    const known = versionsOf(name, inventory.registered(what));
    if (version !== "" && known.length > 0 && !known.includes(version))
      reader.mistake("version", `"${to}" is not registered; registered are ${known.join(", ")}`);
    const standing = inventory.standing(slotOf({ what, to }));
    const canary = readCanary(reader, standing, to);
    const action = canary === undefined ? "activate" : "canary";
    return { action, what, ...fromOf(standing), to, ...canary, ...readSigned(reader) };
  });
}

/** @throws {DefinitionError} with every mistake at once */
export function readRollback(options: unknown, inventory: Inventory): Change {
  return readOptions(options, "rollback", (reader) => {
    reader.only(["policy", "model", "to", "by", "reason"]);
    const { what, name } = readSubject(reader, inventory);
    const version = reader.optionalText("to");
    const { trail, canary } = inventory.standing(slotOf({ what, to: refOf(name, "") }));
    const back = canary === undefined ? trail.slice(0, -1) : trail;
    const from = canary?.ref ?? trail.at(-1);
    const to = version === undefined ? back.at(-1) : refOf(name, version);
    const inPlay = [trail.at(-1), canary?.ref].filter((ref) => ref !== undefined);
    if (name !== "" && !inPlay.some((ref) => nameIn(ref) === name))
      reader.mistake(
        what,
        `"${name}" is not active; ${inPlay.length === 0 ? "nothing is" : `${inPlay.join(", ")} is`}`,
      );
    else if (to === undefined) {
      if (name !== "") reader.mistake(what, `nothing was active before ${from}; activate another version`);
    } else if (!back.includes(to))
      reader.mistake(
        "to",
        `${to} was not active before; there is ${back.join(", ") || "nothing"}. Activate it instead.`,
      );
    else if (!inventory.registered(what).includes(to))
      reader.mistake("to", `${to} was active before, and is not registered now; add it, or name another version`);
    return { action: "rollback", what, ...(from && { from }), to: to ?? refOf(name, ""), ...readSigned(reader) };
  });
}

function readSubject(reader: OptionReader, { registered }: Inventory): { what: "policy" | "model"; name: string } {
  const what = reader.get("model") === undefined ? "policy" : "model";
  if ((reader.get("policy") === undefined) === (reader.get("model") === undefined)) {
    reader.mistake("policy", "expected the name of either a policy or a model");
    return { what, name: "" };
  }
  const name = reader.text(what);
  const known = new Set(registered(what).map(nameIn));
  if (name === "" || known.has(name)) return { what, name };
  reader.mistake(what, `no ${what} ${show(name)} is registered; registered are ${[...known].join(", ") || "none"}`);
  return { what, name: "" };
}

function readCanary(reader: OptionReader, { trail }: Standing, to: VersionRef) {
  const weight = reader.get("weight");
  const key = reader.optionalText("key");
  if (weight === undefined) {
    if (key !== undefined) reader.mistake("key", "belongs to a canary; give it a weight, or leave out the key");
    return undefined;
  }
  if (typeof weight !== "number" || !(weight > 0 && weight < 1)) {
    const end = "For everybody, leave it out; for nobody, roll back.";
    reader.mistake("weight", `expected a number above 0 and below 1, found ${show(weight)}. ${end}`);
    return undefined;
  }
  const active = trail.at(-1);
  if (active === undefined) reader.mistake("weight", "nothing is active that could serve the rest; leave it out");
  if (active === to) reader.mistake("weight", `${to} is active for everybody already`);
  return { weight, key: key ?? "runId" };
}

function readSigned(reader: OptionReader): Pick<Change, "by" | "reason"> {
  return { by: reader.text("by"), reason: reader.text("reason") };
}

/** A canary leaves the version for everybody in place: that is what the next change starts from, too. */
function fromOf({ trail }: Standing): { readonly from?: VersionRef } {
  const from = trail.at(-1);
  return from === undefined ? {} : { from };
}

function versionsOf(name: string, refs: readonly VersionRef[]): readonly string[] {
  return refs.filter((ref) => nameIn(ref) === name).map(versionIn);
}

export function isRef(found: unknown): found is VersionRef {
  if (typeof found !== "string") return false;
  const at = found.indexOf("@");
  return at > 0 && at < found.length - 1 && isName(found.slice(0, at));
}
