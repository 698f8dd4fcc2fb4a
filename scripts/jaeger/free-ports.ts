import { createServer, type AddressInfo, type Server } from "node:net";

/**
 * One free port of the loopback interface for each name: the wished one where it is free, any other else. They are held until
 * all are known, so no two are the same; who uses them must be ready to find one taken meanwhile.
 */
export async function freePorts<T extends string>(
  wished: Readonly<Record<T, number | undefined>>,
): Promise<Record<T, number>> {
  const held: [string, Server][] = [];
  for (const [name, port] of Object.entries<number | undefined>(wished))
    held.push([name, await hold(port ?? 0).catch(() => hold(0))]);
  const ports = held.map(([name, server]) => [name, (server.address() as AddressInfo).port] as const);
  await Promise.all(held.map(([, server]) => new Promise((closed) => server.close(closed))));
  return Object.fromEntries(ports) as Record<T, number>;
}

function hold(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, "127.0.0.1", () => resolve(server));
  });
}
