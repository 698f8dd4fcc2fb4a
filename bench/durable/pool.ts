import { Pool } from "pg";
import { poolSize } from "./subject.ts";

/** Opens no connection before it is used. */
export function poolOf(url: string): Pool {
  const pool = new Pool({ connectionString: url, max: poolSize });
  // A server that stops before its clients is no failure of a benchmark.
  pool.on("error", () => undefined);
  return pool;
}
