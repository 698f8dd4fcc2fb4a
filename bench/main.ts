/**
 * Runs one benchmark by name: `npm run bench -- embedded`. Exits 1 when a bar is missed.
 * @module
 */

/** Each is imported only when asked for, so that one benchmark's set-up is never part of another's measurement. */
const benches: Readonly<Record<string, () => Promise<{ run(): boolean | Promise<boolean> }>>> = {
  embedded: () => import("./embedded.ts"),
  routing: () => import("./routing.ts"),
  decide: () => import("./decide.ts"),
  overhead: () => import("./overhead.ts"),
  telemetry: () => import("./telemetry.ts"),
  durable: () => import("./durable.ts"),
};

const name = process.argv[2] ?? "";
const load = Object.hasOwn(benches, name) ? benches[name] : undefined;
if (load) {
  const passed = await (await load()).run();
  process.exitCode = passed ? 0 : 1;
} else {
  console.error(
    `Which benchmark? Known are: ${Object.keys(benches).join(", ")}. For example: npm run bench -- embedded`,
  );
  process.exitCode = 1;
}
