/**
 * `npm run load -- --seconds 60`: 200 clients at once against the service of `examples/service`, whose models answer wrongly once in
 * a hundred times; two clients in a hundred leave on the way. Then all leave at once while every model hangs. Then SIGTERM while
 * they ask on: of a service that has time to finish, and of one that has not, because the models hang. At last the log of each
 * service is held against what its clients saw. The services and their models are processes of their own. Exits 1 if a check
 * fails; times are only shown. `--clients`, `--seed`.
 * @module
 */
import { parseArgs } from "node:util";
import { accountChecks } from "./service/account.ts";
import { ModelProcess } from "./service/model-process.ts";
import { terminated, underLoad, whenAllLeave, type Phase } from "./service/phases.ts";
import { ServiceProcess } from "./service/service-process.ts";
import { printTable, type Check } from "./soak/checks.ts";
import { randomOf } from "./soak/random.ts";

const { values } = parseArgs({
  options: { seconds: { type: "string" }, clients: { type: "string" }, seed: { type: "string" } },
});
const seconds = Number(values.seconds ?? 60);
const clients = Number(values.clients ?? 200);
const seed = Number(values.seed ?? 1);
if (!(seconds > 0 && clients > 0 && Number.isInteger(seed)))
  throw new RangeError("load: --seconds and --clients above 0, --seed a whole number");

const random = randomOf(seed);
using models = await ModelProcess.start(seed);
const checks = [...(await withTime(20_000)), ...(await withoutTime(500))];

console.log(`${seconds} seconds, ${clients} clients, seed ${seed}`);
printTable(checks);
const wrong = checks.filter(({ ok }) => ok === false);
console.log(wrong.length === 0 ? "\nall checks hold" : `\n${wrong.length} checks do not hold`);
process.exitCode = wrong.length === 0 ? 0 : 1;

async function withTime(drainMs: number): Promise<Check[]> {
  await using service = await serviceWith(drainMs);
  const site = { models, service, random, clients };
  const load = await underLoad({ ...site, seconds });
  const left = await whenAllLeave(site);
  const end = await terminated({ ...site, drainMs, mood: "be good" });
  return held(service, [load, left, end]);
}

async function withoutTime(drainMs: number): Promise<Check[]> {
  await using service = await serviceWith(drainMs);
  return held(service, [await terminated({ models, service, random, clients, drainMs, mood: "hang" })]);
}

function serviceWith(drainMs: number): Promise<ServiceProcess> {
  return ServiceProcess.start(models.baseURL, { TENANTS: "load=100000", DRAIN_MS: String(drainMs) });
}

function held(service: ServiceProcess, phases: readonly Phase[]): Check[] {
  const answers = phases.flatMap((phase) => phase.answers);
  return [...phases.flatMap((phase) => phase.checks), ...accountChecks(service.lines(), answers)];
}
