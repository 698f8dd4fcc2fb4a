import type { DLogger } from "@dbos-inc/dbos-sdk";
import { systemClock, type Clock } from "../../common/clock.ts";
import { show } from "../../common/names.ts";
import { OptionReader } from "../../common/option-reader.ts";
import { DefinitionError, type Problem } from "../../errors.ts";
import { makeClearance, publicClearance, type Clearance, type ClearanceSpec } from "../../tiers/clearance.ts";
import { labelMistake } from "../../tiers/label.ts";
import type { DatabasePool } from "./tables.ts";

export interface DbosEngineOptions {
  /** Address of a PostgreSQL database, or a pool over one: of `pg`, or of PGlite with `pglitePool`. */
  readonly database: string | DatabasePool;
  /** What the database may hold: input, results and drafts of every graph that runs on it. @default "public" */
  readonly clearance?: ClearanceSpec;
  /** How long a silent process keeps its runs, in milliseconds, 1,000 to 600,000. @default 15_000 */
  readonly leaseMs?: number;
  /** How often signals of other processes are looked for, in milliseconds, 10 to 60,000. @default 100 */
  readonly pollMs?: number;
  /** UTF-8 bytes of one stored row at most, 1 KiB to 256 MiB: a batch of results. @default 8 MiB */
  readonly maxRowBytes?: number;
  /** How long a question to a person stays open, in milliseconds, 1 to 31,536,000,000 (a year). @default as long as its run */
  readonly questionExpiresMs?: number;
  /**
   * Who may take over whose runs: processes of the same version. @default a hash of the graphs' versions, so that a process
   * with changed graphs leaves old runs to processes that have the old ones
   */
  readonly version?: string;
  /** How often a run is taken over before it counts as stuck (`find`, `resume`), 1 to 1,000. @default 20 */
  readonly maxRecoveries?: number;
  /** DBOS's log. @default warnings and errors to the console */
  readonly logger?: DLogger;
  readonly clock?: Clock;
}

const known = [
  ...["database", "clearance", "leaseMs", "pollMs", "maxRowBytes", "questionExpiresMs", "version", "maxRecoveries"],
  ...["logger", "clock"],
];

const yearMs = 365 * 24 * 3_600_000;

export interface CheckedDbosOptions extends Required<
  Omit<DbosEngineOptions, "clearance" | "version" | "logger" | "questionExpiresMs">
> {
  readonly clearance: Clearance;
  readonly version: string | undefined;
  readonly logger: DLogger | undefined;
  readonly questionExpiresMs: number | undefined;
}

/** @throws {DefinitionError} `RUNTIME_INVALID`, with every mistake at once; an address is never shown: it may hold a password */
export function checkDbosOptions(options: DbosEngineOptions): CheckedDbosOptions {
  const problems: Problem[] = [];
  const reader = new OptionReader(options, "dbosEngine", (path, message) => {
    problems.push({ code: "RUNTIME_INVALID", path, message });
  });
  reader.only(known);
  const database = reader.get("database");
  if (!isAddress(database) && !isPool(database))
    reader.mistake(
      "database",
      `expected the address of a PostgreSQL database (postgres://...), or a pool (of pg, or pglitePool()), found ${typeof database === "string" ? "another text" : show(database)}`,
    );
  const mistake = reader.get("clearance") === undefined ? undefined : labelMistake(reader.get("clearance"));
  if (mistake !== undefined) reader.mistake("clearance", mistake);
  const checked = {
    leaseMs: reader.integer("leaseMs", { fallback: 15_000, min: 1_000, max: 600_000 }),
    pollMs: reader.integer("pollMs", { fallback: 100, min: 10, max: 60_000 }),
    maxRowBytes: reader.integer("maxRowBytes", { fallback: 8 * 1024 ** 2, min: 1024, max: 256 * 1024 ** 2 }),
    maxRecoveries: reader.integer("maxRecoveries", { fallback: 20, min: 1, max: 1_000 }),
    version: reader.optionalText("version"),
    questionExpiresMs:
      reader.get("questionExpiresMs") === undefined
        ? undefined
        : reader.integer("questionExpiresMs", { fallback: 1, min: 1, max: yearMs }),
  };
  if (problems.length > 0) throw new DefinitionError("dbosEngine", problems, "RUNTIME_INVALID");
  const { clearance, logger, clock = systemClock } = options;
  return {
    ...checked,
    database: options.database,
    clearance: clearance === undefined ? publicClearance : makeClearance(clearance),
    logger,
    clock,
  };
}

function isAddress(found: unknown): boolean {
  return typeof found === "string" && /^postgres(ql)?:\/\//.test(found);
}

function isPool(found: unknown): boolean {
  const pool = found as Partial<DatabasePool> | null | undefined;
  return typeof pool === "object" && typeof pool?.connect === "function" && typeof pool.query === "function";
}
