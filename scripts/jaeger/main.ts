/** `npm run jaeger`: the demo in a real Jaeger, with the searches to begin with. Option: `--minutes N`. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { findJaeger } from "./find-jaeger.ts";
import { JaegerQuery } from "./jaeger-query.ts";
import { preparedSearches, searchLink } from "./searches.ts";
import { startJaeger, type JaegerAddresses } from "./start-jaeger.ts";

const service = "support-desk";
const desk = join(import.meta.dirname, "..", "..", "examples", "support-desk");
/** Those of Jaeger's own documentation, so that a host's default exporter finds it. */
const wishedPorts = { otlpHttp: 4318, otlpGrpc: 4317, queryHttp: 16_686 };

const instructions = `There is no Jaeger on this machine. With Docker:

  docker run --rm -p 16686:16686 -p 4318:4318 cr.jaegertracing.io/jaegertracing/jaeger:2.20.0
  OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4318 npm run demo    # then open http://127.0.0.1:16686

Without Docker, with Go 1.24.6 or newer (4 to 7 minutes, a placeholder in place of the UI):

  npm run jaeger:build && npm run jaeger

A binary of yours: TIERWISE_JAEGER=/path/to/jaeger npm run jaeger`;

async function main(): Promise<void> {
  const lifetimeMs = readMinutes() * 60_000;
  const found = findJaeger(process.env);
  if (found === undefined) {
    console.log(instructions);
    return;
  }
  const jaeger = await startJaeger(found.path, { lifetimeMs, wishedPorts });
  try {
    console.log(`Jaeger runs at ${jaeger.query} and takes OTLP at ${jaeger.otlpHttp} (${found.from}: ${found.path})`);
    await runDesk("main.ts", jaeger);
    await runDesk("refused-flow.ts", jaeger);
    console.log(await linksTo(jaeger));
    console.log(`\nIt stops with Ctrl-C, or after ${lifetimeMs / 60_000} minutes (--minutes N).`);
    await Promise.race([jaeger.ended, untilInterrupted()]);
  } finally {
    await jaeger.stop();
  }
}

async function linksTo({ query }: JaegerAddresses): Promise<string> {
  const searches = await preparedSearches(new JaegerQuery(query), service);
  const lines = searches.map(
    ({ title, tags, traceIds }) =>
      `\n${title}: ${traceIds.length}\n  ${searchLink(query, { service, tags }, Date.now())}`,
  );
  const hint = (await hasPlaceholder(query))
    ? "\n\nThis Jaeger was built without its UI: the links show a placeholder, only its API answers."
    : "";
  return `${lines.join("\n")}${hint}`;
}

async function hasPlaceholder(query: string): Promise<boolean> {
  const page = await fetch(query, { signal: AbortSignal.timeout(5_000) });
  return (await page.text()).includes("placeholder for the Jaeger UI");
}

/** A process of its own, as a user starts it. Its report is told by `npm run demo`; here only its traces count. */
function runDesk(script: string, { otlpHttp }: JaegerAddresses): Promise<void> {
  const env = { ...process.env, OTEL_EXPORTER_OTLP_ENDPOINT: otlpHttp, OTEL_SERVICE_NAME: service };
  const child = spawn(process.execPath, [join(desk, script)], { env, stdio: ["ignore", "ignore", "inherit"] });
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => (code === 0 ? resolve() : reject(new Error(`${script} ended with ${code}`))));
  });
}

function untilInterrupted(): Promise<void> {
  return new Promise((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
}

function readMinutes(): number {
  const { values } = parseArgs({ options: { minutes: { type: "string", default: "30" } } });
  const minutes = Number(values.minutes);
  if (minutes > 0 && minutes <= 24 * 60) return minutes;
  throw new Error("--minutes is not a number above 0 and up to 1440; write for example --minutes 30");
}

try {
  await main();
} catch (error) {
  console.error(`jaeger: ${error instanceof Error ? error.message : String(error)}`);
  process.exitCode = 1;
}
