import { randomUUID } from "node:crypto";
import type { Patience } from "./patience.ts";

/** What is used of a pool of database connections: `pg`'s, or PGlite's through `pglitePool`. */
export interface DatabasePool {
  connect(): Promise<{ query(text: string): Promise<unknown>; release(): void }>;
  query(text: string, values?: unknown[]): Promise<{ rows: unknown[]; rowCount: number | null }>;
}

/** Tables beside those of DBOS. One schema, made at the first start; rows of a run go when the run is deleted. */
const ddl = `
CREATE SCHEMA IF NOT EXISTS tierwise;
CREATE TABLE IF NOT EXISTS tierwise.worker (
  executor_id text PRIMARY KEY,
  version text NOT NULL,
  beat_at timestamptz NOT NULL
);
CREATE TABLE IF NOT EXISTS tierwise.note (
  id bigserial PRIMARY KEY,
  nonce text NOT NULL UNIQUE,
  run_id text NOT NULL,
  key text NOT NULL,
  value text NOT NULL
);
CREATE INDEX IF NOT EXISTS note_by_run ON tierwise.note (run_id, id);
CREATE TABLE IF NOT EXISTS tierwise.signal (
  nonce text NOT NULL,
  run_id text NOT NULL,
  key text NOT NULL,
  value text NOT NULL,
  at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (run_id, key)
);
CREATE TABLE IF NOT EXISTS tierwise.question (
  run_id text NOT NULL,
  key text NOT NULL,
  value text NOT NULL,
  asked_at timestamptz NOT NULL DEFAULT now(),
  expires_at timestamptz,
  PRIMARY KEY (run_id, key)
);
CREATE TABLE IF NOT EXISTS tierwise.place (
  endpoint text NOT NULL,
  place integer NOT NULL,
  holder text NOT NULL,
  until timestamptz NOT NULL,
  PRIMARY KEY (endpoint, place)
);
CREATE TABLE IF NOT EXISTS tierwise.pace (
  endpoint text PRIMARY KEY,
  next_at timestamptz NOT NULL
);`;

/** Any number that nobody else takes: workers that start together make the tables one after the other. */
const migrationLock = 7_319_404_115;

export interface StoredRow {
  readonly runId: string;
  readonly key: string;
  readonly value: string;
}

export interface QuestionRow extends StoredRow {
  /** Milliseconds since the Unix epoch, by the database's clock. */
  readonly askedAtMs: number;
  readonly expiresAtMs: number | undefined;
}

const row = `run_id AS "runId", key, value`;

/** Every statement that Tierwise itself sends. */
export class Tables {
  readonly #pool: DatabasePool;
  readonly #patience: Patience;

  constructor(pool: DatabasePool, patience: Patience) {
    this.#pool = pool;
    this.#patience = patience;
  }

  async migrate(): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await client.query("BEGIN");
      await client.query(`SELECT pg_advisory_xact_lock(${migrationLock})`);
      for (const statement of ddl.split(";\n")) await client.query(statement);
      await client.query("COMMIT");
    } catch (error) {
      await client.query("ROLLBACK").catch(() => undefined);
      throw error;
    } finally {
      client.release();
    }
  }

  /** Not patient: who cannot beat must notice. */
  async beat(executorId: string, version: string): Promise<void> {
    await this.#pool.query(
      `INSERT INTO tierwise.worker VALUES ($1, $2, now()) ON CONFLICT (executor_id) DO UPDATE SET beat_at = now()`,
      [executorId, version],
    );
  }

  /** Of `executorIds`: whose lease is over, by the database's clock, and who never had one. */
  async withoutLease(
    executorIds: readonly string[],
    leaseMs: number,
  ): Promise<{ readonly dead: readonly string[]; readonly strangers: readonly string[] }> {
    const { rows } = await this.#query<{ id: string; known: boolean }>(
      `SELECT id, executor_id IS NOT NULL AS known FROM unnest($1::text[]) AS id
         LEFT JOIN tierwise.worker ON executor_id = id
       WHERE executor_id IS NULL OR beat_at <= now() - $2 * interval '1 millisecond'`,
      [executorIds, leaseMs],
    );
    const idsOf = (isKnown: boolean): string[] => rows.filter(({ known }) => known === isKnown).map(({ id }) => id);
    return { dead: idsOf(true), strangers: idsOf(false) };
  }

  /** Its row stays for a while: without one it would be taken for somebody who is about to join. */
  async leave(executorId: string): Promise<void> {
    const longAgo = `now() - interval '1 hour'`;
    await this.#pool.query(`UPDATE tierwise.worker SET beat_at = ${longAgo} WHERE executor_id = $1`, [executorId]);
  }

  /** Those that are gone for a day. Where runs of one are still there, it is then a stranger. */
  async forgetWorkers(): Promise<void> {
    await this.#query(`DELETE FROM tierwise.worker WHERE beat_at < now() - interval '1 day'`, []);
  }

  async note({ runId, key, value }: StoredRow): Promise<void> {
    await this.#query(
      `INSERT INTO tierwise.note (nonce, run_id, key, value) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
      [randomUUID(), runId, key, value],
    );
  }

  async notes(runId: string): Promise<readonly StoredRow[]> {
    const { rows } = await this.#query<StoredRow>(`SELECT ${row} FROM tierwise.note WHERE run_id = $1 ORDER BY id`, [
      runId,
    ]);
    return rows;
  }

  /** The first value for a key stays. */
  async signal({ runId, key, value }: StoredRow): Promise<boolean> {
    const nonce = randomUUID();
    await this.#query(
      `INSERT INTO tierwise.signal (nonce, run_id, key, value) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`,
      [nonce, runId, key, value],
    );
    // Asked, not counted: the answer to a first try may have been lost.
    const { rows } = await this.#query<{ nonce: string }>(
      `SELECT nonce FROM tierwise.signal WHERE run_id = $1 AND key = $2`,
      [runId, key],
    );
    return rows[0]?.nonce === nonce;
  }

  async signals(runIds: readonly string[]): Promise<readonly StoredRow[]> {
    const { rows } = await this.#query<StoredRow>(`SELECT ${row} FROM tierwise.signal WHERE run_id = ANY($1)`, [
      runIds,
    ]);
    return rows;
  }

  /** A question that is there already keeps its time. */
  async ask({ runId, key, value }: StoredRow, expiresMs: number | undefined): Promise<QuestionRow> {
    await this.#query(
      `INSERT INTO tierwise.question (run_id, key, value, expires_at)
       VALUES ($1, $2, $3, now() + $4::float8 * interval '1 millisecond') ON CONFLICT DO NOTHING`,
      [runId, key, value, expiresMs ?? null],
    );
    return (await this.question(runId, key))!;
  }

  async question(runId: string, key: string): Promise<QuestionRow | undefined> {
    return (await this.#questions(`q.run_id = $1 AND q.key = $2`, [runId, key]))[0];
  }

  /** Neither answered nor expired, oldest first. */
  async openQuestions(limit: number, offset: number): Promise<readonly QuestionRow[]> {
    return this.#questions(
      `(q.expires_at IS NULL OR q.expires_at > now()) AND NOT EXISTS (
         SELECT 1 FROM tierwise.signal s WHERE s.run_id = q.run_id AND s.key = 'answer ' || q.key)`,
      [],
      `${limit} OFFSET ${offset}`,
    );
  }

  async forgetQuestions(runId: string): Promise<void> {
    await this.#query(`DELETE FROM tierwise.question WHERE run_id = $1`, [runId]);
  }

  /** All of these runs. */
  async forget(runIds: readonly string[]): Promise<void> {
    for (const table of ["note", "signal", "question"])
      await this.#query(`DELETE FROM tierwise.${table} WHERE run_id = ANY($1)`, [runIds]);
  }

  async #query<R>(text: string, values: unknown[]): Promise<{ readonly rows: readonly R[] }> {
    return this.#patience.ask(async () => (await this.#pool.query(text, values)) as { rows: R[] });
  }

  async #questions(where: string, values: readonly unknown[], limit = "1"): Promise<readonly QuestionRow[]> {
    const millis = (column: string, name: string): string =>
      `(extract(epoch FROM ${column}) * 1000)::float8 AS "${name}"`;
    const { rows } = await this.#query<StoredRow & { askedAtMs: number; expiresAtMs: number | null }>(
      `SELECT ${row}, ${millis("asked_at", "askedAtMs")}, ${millis("expires_at", "expiresAtMs")}
       FROM tierwise.question q WHERE ${where} ORDER BY asked_at, run_id, key LIMIT ${limit}`,
      [...values],
    );
    return rows.map(({ expiresAtMs, ...question }) => ({ ...question, expiresAtMs: expiresAtMs ?? undefined }));
  }
}
