import { show } from "../common/names.ts";
import { OptionReader, type Report } from "../common/option-reader.ts";
import { isRef, readOptions, type Inventory } from "./read-change.ts";
import { after, nothingActive, slotOf, type RegistryEntry, type Standing } from "./registry-history.ts";

/** The history as JSON: what is active follows from it. */
export interface RegistryState {
  readonly format: 1;
  readonly history: readonly RegistryEntry[];
}

/**
 * A history that another process wrote, checked as a whole.
 * @throws {DefinitionError} when it is damaged, or when what it makes active is not registered
 */
export function readState(state: unknown, registered: Inventory["registered"]): readonly RegistryEntry[] {
  return readOptions(state, "state", (reader, report) => {
    reader.only(["format", "history"]);
    if (reader.get("format") !== 1) reader.mistake("format", `expected 1, found ${show(reader.get("format"))}`);
    const listed = reader.get("history");
    if (!Array.isArray(listed)) {
      reader.mistake("history", `expected an array of changes, found ${show(listed)}`);
      return [];
    }
    const standings = new Map<string, Standing>();
    const entries = listed.flatMap((item: unknown, index) => {
      const entry = readEntry(new OptionReader(item, `state.history[${index}]`, report));
      if (entry === undefined) return [];
      const standing = standings.get(slotOf(entry)) ?? nothingActive;
      const mistake = impossible(entry, standing);
      if (mistake !== undefined) report(`state.history[${index}]`, mistake);
      standings.set(slotOf(entry), after(standing, entry));
      return [entry];
    });
    if (entries.length === listed.length) checkRegistered(standings, { registered, report });
    return entries;
  });
}

/** `undefined` when something in it is wrong; that is reported. */
function readEntry(reader: OptionReader): RegistryEntry | undefined {
  const wrong: string[] = [];
  const expect = (key: string, what: string, isFine: (found: unknown) => boolean): void => {
    if (isFine(reader.get(key))) return;
    wrong.push(key);
    reader.mistake(key, `expected ${what}, found ${show(reader.get(key))}`);
  };
  const isText = (found: unknown): boolean => typeof found === "string" && found !== "";
  expect("atMs", "milliseconds since the Unix epoch", Number.isFinite);
  expect("action", "activate, canary or rollback", (found) =>
    ["activate", "canary", "rollback"].includes(String(found)),
  );
  expect("what", "policy or model", (found) => found === "policy" || found === "model");
  expect("from", "name@version or nothing", (found) => found === undefined || isRef(found));
  expect("to", "name@version", isRef);
  expect("by", "a text", isText);
  expect("reason", "a text", isText);
  if (reader.get("action") === "canary") {
    expect("weight", "a number above 0 and below 1", (found) => typeof found === "number" && found > 0 && found < 1);
    expect("key", "a text", isText);
  }
  if (wrong.length > 0) return undefined;
  const keys = ["atMs", "action", "what", "from", "to", "weight", "key", "by", "reason"];
  const members = keys.map((key) => [key, reader.get(key)] as const).filter(([, value]) => value !== undefined);
  return Object.freeze(Object.fromEntries(members)) as unknown as RegistryEntry;
}

function impossible({ action, to }: RegistryEntry, { trail }: Standing): string | undefined {
  if (action === "rollback" && !trail.includes(to)) return `goes back to ${to}, which was not active before`;
  if (action === "canary" && trail.length === 0) return `makes ${to} a canary while nothing was active`;
  return undefined;
}

function checkRegistered(
  standings: ReadonlyMap<string, Standing>,
  { registered, report }: { readonly registered: Inventory["registered"]; readonly report: Report },
): void {
  for (const [slot, { trail, canary }] of standings) {
    const what = slot === "policy" ? "policy" : "model";
    const known = registered(what);
    for (const ref of [trail.at(-1), canary?.ref]) {
      if (ref === undefined || known.includes(ref)) continue;
      const found = `registered are ${known.join(", ") || "none"}`;
      report("state.history", `${what} ${ref} is active in it and not registered (${found}); add it before restore`);
    }
  }
}
