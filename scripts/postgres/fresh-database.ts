import { randomBytes } from "node:crypto";
import pg from "pg";

export interface FreshDatabase {
  readonly url: string;
  /** Also where connections to it are still open. */
  readonly drop: () => Promise<void>;
}

/** An empty database on the server of `url`, for one test: nothing of another test is in it. */
export async function freshDatabase(url: string): Promise<FreshDatabase> {
  const name = `tierwise_${randomBytes(6).toString("hex")}`;
  await run(url, `CREATE DATABASE ${name}`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  return { url: own.href, drop: () => run(url, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`) };
}

async function run(url: string, statement: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}
