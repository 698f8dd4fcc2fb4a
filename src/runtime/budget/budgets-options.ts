import { show } from "../../common/names.ts";
import { OptionReader, type Report } from "../../common/option-reader.ts";
import { DefinitionError, TierwiseError, type Problem } from "../../errors.ts";
import { capOptions, readCaps } from "../../graph/read-budget.ts";
import type { SharedAccount } from "./account-window.ts";
import type { BudgetPort } from "./budget-port.ts";
import { memoryBudgets } from "./memory-budgets.ts";

/** What is known of a run when it is asked which accounts it draws on. */
export interface AccountsQuestion {
  readonly graph: string;
  /** As the run was started with. */
  readonly tags: Readonly<Record<string, string>>;
}

export interface BudgetsOptions {
  /**
   * The accounts of a run, at most 8, none for a run that shares nothing. Asked when a run starts and when it is planned; a run
   * whose accounts cannot be told is not admitted.
   */
  readonly accounts: (run: AccountsQuestion) => readonly SharedAccount[];
  /** Where they are kept. @default memoryBudgets(), in this process */
  readonly port?: BudgetPort;
  /** How long the port may take to answer, in milliseconds, 1 to 60,000; then no call is made. @default 2_000 */
  readonly timeoutMs?: number;
}

export function readBudgetsOptions(found: unknown, report: Report): Required<BudgetsOptions> | undefined {
  if (found === undefined) return undefined;
  const reader = new OptionReader(found, "runtime.budgets", report);
  reader.only(["accounts", "port", "timeoutMs"]);
  const accounts = reader.fn<BudgetsOptions["accounts"]>("accounts");
  const port = (reader.get("port") ?? memoryBudgets()) as Partial<BudgetPort>;
  const isPort = typeof port === "object" && typeof port.reserve === "function" && typeof port.settle === "function";
  if (!isPort) reader.mistake("port", `expected { reserve, settle } such as memoryBudgets(), found ${show(port)}`);
  const timeoutMs = reader.integer("timeoutMs", { fallback: 2_000, min: 1, max: 60_000 });
  return accounts && { accounts, port: port as BudgetPort, timeoutMs };
}

const maxAccounts = 8;

/**
 * The accounts of one run, checked: they come from code that may read anything.
 * @throws {TierwiseError} `RUNTIME_INVALID` when they cannot be told
 */
export function accountsOf({ accounts }: BudgetsOptions, run: AccountsQuestion): readonly SharedAccount[] {
  let found: unknown;
  try {
    found = accounts(run);
  } catch (cause) {
    throw new TierwiseError("RUNTIME_INVALID", "budgets.accounts threw, so the run is not admitted; see cause", {
      cause,
    });
  }
  const problems: Problem[] = [];
  const report: Report = (path, message) => void problems.push({ code: "RUNTIME_INVALID", path, message });
  const list: readonly unknown[] = Array.isArray(found) ? found : [];
  if (!Array.isArray(found) || list.length > maxAccounts)
    report("budgets.accounts", `expected an array of at most ${maxAccounts} accounts, found ${show(found)}`);
  const read = list
    .slice(0, maxAccounts)
    .map((account, index) => accountOf(account, `budgets.accounts[${index}]`, report));
  const names = new Set(read.map(({ name }) => name));
  if (names.size < read.length) report("budgets.accounts", "two accounts have the same name; names must differ");
  if (problems.length > 0) throw new DefinitionError("accounts of the run", problems, "RUNTIME_INVALID");
  return read;
}

function accountOf(found: unknown, path: string, report: Report): SharedAccount {
  const reader = new OptionReader(found, path, report);
  reader.only(["name", "per", ...capOptions]);
  const name = reader.get("name");
  const isName = typeof name === "string" && name.trim() !== "" && name.length <= 128;
  if (!isName) reader.mistake("name", `expected 1 to 128 characters, found ${show(name)}`);
  const per = reader.oneOf("per", ["hour", "day", "month", "forever"]);
  const caps = readCaps(reader);
  if (capOptions.every((cap) => reader.get(cap) === undefined))
    report(path, "expected at least one of costUsd, tokens, calls");
  return Object.freeze({ name: String(name), per, ...caps });
}
