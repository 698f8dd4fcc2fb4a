import { createSecretKey } from "node:crypto";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { propertyRuns } from "../../test/support/property-runs.ts";
import { Seal, SealedLog } from "./seal.ts";

const canary = "CANARY-4711";
const key = createSecretKey("a key for tests, long enough to be", "utf8");
const otherKey = createSecretKey("another key for tests, as long as", "utf8");
const seal = new Seal(key, "run-1");
const text = `{"a":"${canary}\\n.tw1."}`;
const row = seal.close("note a", text);

/** How a row is refused: never with what it holds. */
function refusalOf(open: () => unknown): string {
  try {
    open();
  } catch (error) {
    const { code, message } = error as { code?: string; message: string };
    expect(message).not.toContain(canary);
    return `${code}: ${message}`;
  }
  return "it was opened";
}

const altered = "its code does not match: it was altered, or written under another macKey";
const otherFormat = "its format is not tw1";

describe("a sealed row", () => {
  it("opens at its place, under its key, for its run", () => {
    expect(seal.open("note a", row)).toBe(text);
    expect(new Seal(key, "run-1").open("note a", row)).toBe(text);
  });

  const refused: readonly [string, () => unknown, string][] = [
    ["its text was altered", () => seal.open("note a", row.replace("4711", "4712")), altered],
    ["its text was truncated", () => seal.open("note a", row.slice(0, -1)), altered],
    ["something was added", () => seal.open("note a", `${row} `), altered],
    ["its code is missing", () => seal.open("note a", `tw1..${text}`), altered],
    ["its code is another one", () => seal.open("note a", seal.close("note a", "{}").replace("{}", text)), altered],
    ["it stands at another place", () => seal.open("note b", row), altered],
    ["it is read as something else", () => seal.open("signal a", row), altered],
    ["it is of another run", () => new Seal(key, "run-2").open("note a", row), altered],
    ["it was written under another key", () => new Seal(otherKey, "run-1").open("note a", row), altered],
    ["place and text are divided otherwise", () => seal.open("note", seal.close("note\na", "b")), altered],
    ["its format is another one", () => seal.open("note a", row.replace("tw1", "tw2")), otherFormat],
    ["it has no format", () => seal.open("note a", text), otherFormat],
    ["it is empty", () => seal.open("note a", ""), otherFormat],
    ["it is missing", () => seal.open("note a", null), otherFormat],
    ["it is no text", () => seal.open("note a", { row }), otherFormat],
  ];
  it.each(refused)("is refused when %s", (_what, open, why) => {
    const found = refusalOf(open);
    expect(found).toMatch(/^CHECKPOINT_INVALID: run run-[12]: what is stored as "\w+( \w)?" cannot be used: /);
    expect(found).toContain(`cannot be used: ${why}. Nothing of it was used`);
  });

  it("is refused after any change of any character", () => {
    const changed = fc.tuple(fc.nat({ max: row.length - 1 }), fc.string({ maxLength: 2 }));
    fc.assert(
      fc.property(changed, ([at, put]) => {
        const edited = row.slice(0, at) + put + row.slice(at + 1);
        if (edited !== row) expect(refusalOf(() => seal.open("note a", edited))).toMatch(/^CHECKPOINT_INVALID/);
      }),
      propertyRuns,
    );
  });
});

describe("a sealed log", () => {
  const start = seal.close("start", "{}");
  const texts = ["[0]", `["${canary}"]`, "[2]", "[3]"];
  const write = (first = start): string[] => {
    const log = new SealedLog(seal, first);
    return texts.map((batch) => {
      const closed = log.close(batch);
      log.open(closed);
      return closed;
    });
  };
  const rows = write();
  const read = (found: readonly unknown[], first = start, by = seal): string[] => {
    const log = new SealedLog(by, first);
    return found.map((batch) => log.open(batch));
  };

  it("opens batch by batch in its order, and what is closed twice is the same", () => {
    expect(read(rows)).toEqual(texts);
    expect(write()).toEqual(rows);
    expect(read(rows.slice(0, 2))).toEqual(texts.slice(0, 2));
  });

  it("goes on after what was read, as if one process had written all", () => {
    const log = new SealedLog(seal, start);
    for (const batch of rows.slice(0, 2)) log.open(batch);
    expect(log.close(texts[2]!)).toBe(rows[2]);
  });

  const reread = (kept: (row: string) => readonly string[]): string[] => {
    const log = new SealedLog(seal, start);
    return kept(log.close(texts[1]!)).map((row) => log.open(row));
  };
  const [a, b, c, d] = rows;
  const otherStart = seal.close("start", "[]");
  const refused: readonly [string, () => unknown][] = [
    ["one was altered", () => read([a, b!.replace("4711", "4712"), c, d])],
    ["one was dropped", () => read([a, c, d])],
    ["the first was dropped", () => read([b, c, d])],
    ["two were swapped", () => read([a, c, b, d])],
    ["one stands twice", () => read([a, a, b])],
    ["one was truncated", () => read([a, b!.slice(0, -3)])],
    ["one is of a run with another start", () => read([write(otherStart)[0]])],
    ["all are of a run with another start", () => read(write(otherStart))],
    ["they are of another run", () => read(rows, start, new Seal(key, "run-2"))],
    ["they were written under another key", () => read(rows, start, new Seal(otherKey, "run-1"))],
    ["one is of another format", () => read([a!.replace(/^tw1/, "tw0")])],
    ["one that was written here comes back altered", () => reread((row) => [row.replace("4711", "4712")])],
    ["one that was written here comes back twice", () => reread((row) => [row, row])],
  ];
  it.each(refused)("is refused when %s", (_what, open) => {
    expect(refusalOf(open)).toMatch(/^CHECKPOINT_INVALID: /);
  });
});
