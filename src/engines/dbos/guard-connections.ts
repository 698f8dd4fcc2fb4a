import type { getExecutor } from "@dbos-inc/dbos-sdk/internal/dbos";

type Pool = ReturnType<typeof getExecutor>["systemDatabase"]["pool"];

/**
 * Somebody always listens to a connection's errors. `pg` hands a connection to the next who waits while it still reads what the
 * server sent last, before that one can listen; when the server cuts it in that moment, the error would end the process. Whoever
 * uses the connection hears of it all the same: what was asked on it fails.
 */
export function guardConnections(pool: Pool): void {
  const guarded = new WeakSet();
  const heard = (): void => undefined;
  pool.on("acquire", (client) => {
    if (guarded.has(client)) return;
    guarded.add(client);
    client.on("error", heard);
  });
}
