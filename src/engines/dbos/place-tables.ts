import type { Patience } from "./patience.ts";
import type { DatabasePool } from "./tables.ts";

/** Who holds which place at which endpoint, and when the next request may start. */
export class PlaceTables {
  readonly #pool: DatabasePool;
  readonly #patience: Patience;

  constructor(pool: DatabasePool, patience: Patience) {
    this.#pool = pool;
    this.#patience = patience;
  }

  /**
   * Takes a place that is free, or whose holder has not been heard of for its lease. Two who want the same one meet at its
   * primary key, and the second finds it taken.
   */
  async take(
    endpoint: string,
    holder: string,
    { places, leaseMs }: { places: number; leaseMs: number },
  ): Promise<boolean> {
    const { rows } = await this.#query(
      `INSERT INTO tierwise.place AS held (endpoint, place, holder, until)
       SELECT $1::text, place, $2::text, clock_timestamp() + $4::float8 * interval '1 millisecond'
         FROM generate_series(1, $3::integer) AS place
        WHERE NOT EXISTS (SELECT 1 FROM tierwise.place taken
                           WHERE taken.endpoint = $1 AND taken.place = place.place AND taken.until > clock_timestamp())
        ORDER BY random() LIMIT 1
       ON CONFLICT (endpoint, place) DO UPDATE SET holder = excluded.holder, until = excluded.until
        WHERE held.until <= clock_timestamp()
       RETURNING place`,
      [endpoint, holder, places, leaseMs],
    );
    return rows.length > 0;
  }

  async renew(holders: readonly string[], leaseMs: number): Promise<void> {
    await this.#query(
      `UPDATE tierwise.place SET until = clock_timestamp() + $2::float8 * interval '1 millisecond' WHERE holder = ANY($1)`,
      [holders, leaseMs],
    );
  }

  async giveBack(holder: string): Promise<void> {
    await this.#query(`DELETE FROM tierwise.place WHERE holder = $1`, [holder]);
  }

  /**
   * The next start of a request, each `everyMs` after the one before.
   * @returns in how many milliseconds it is; `undefined`, and nothing is taken, when that is more than `withinMs`
   */
  async reserve(
    endpoint: string,
    { everyMs, withinMs }: { everyMs: number; withinMs: number },
  ): Promise<number | undefined> {
    const every = `$2::float8 * interval '1 millisecond'`;
    const { rows } = await this.#query<{ waitMs: number }>(
      `INSERT INTO tierwise.pace AS pace (endpoint, next_at) VALUES ($1, clock_timestamp() + ${every})
       ON CONFLICT (endpoint) DO UPDATE SET next_at = greatest(pace.next_at, clock_timestamp()) + ${every}
        WHERE pace.next_at <= clock_timestamp() + $3::float8 * interval '1 millisecond'
       RETURNING (extract(epoch FROM next_at - ${every} - clock_timestamp()) * 1000)::float8 AS "waitMs"`,
      [endpoint, everyMs, withinMs],
    );
    return rows[0] === undefined ? undefined : Math.max(0, rows[0].waitMs);
  }

  async #query<R>(text: string, values: unknown[]): Promise<{ readonly rows: readonly R[] }> {
    return this.#patience.ask(async () => (await this.#pool.query(text, values)) as { rows: R[] });
  }
}
