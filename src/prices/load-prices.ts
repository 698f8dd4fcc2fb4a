import { readFile } from "node:fs/promises";
import { findPackageJSON } from "node:module";
import type { PriceList } from "../catalog/price-list.ts";
import type { ListedModel, Price } from "../catalog/price.ts";
import { show } from "../common/names.ts";
import { stableHash } from "../common/stable-hash.ts";
import { TierwiseError } from "../errors.ts";
import { periodsOf, priceAt, type DatedRates } from "./price-at.ts";

const peer = "@pydantic/genai-prices";

/** What we use of the package, seen structurally: it is optional, so no type of it may stand in ours. */
interface PricePackage {
  /** Its data: built in, or what the host fed it last. */
  waitForUpdate(): Promise<readonly Provider[] | null>;
  findProvider(options: { providerId: string }): { readonly id: string } | undefined;
  calcPrice(usage: object, model: string, options: { provider: Provider; timestamp: Date }): Match | null;
}

interface Provider {
  readonly id: string;
  readonly models: readonly { readonly prices: DatedRates }[];
}

interface Match {
  /** Where the model was found; another one than was asked where a provider resells. */
  readonly provider: { readonly id: string };
  readonly model: { readonly id: string; readonly prices: DatedRates };
}

export interface LoadPricesOptions {
  /** The prices in force then. @default now */
  readonly at?: Date;
}

/**
 * The published prices of hosted models: the data of `@pydantic/genai-prices` at this moment. It comes with the package, so
 * nothing is fetched. The list is a snapshot; later updates of the package's data do not change it.
 *
 * Prices err upwards, so that budgets fail closed. Of several rates the dearest counts: of prices that rise with the size of the
 * request, that depend on the time of day, or of cache writes by how long they are kept. `undefined` is the price of what is not
 * counted in tokens alone: per request, page or hour, output in sound or pictures, or 0. Rates for sound and pictures going in,
 * and for searches by the provider, are passed over, for Tierwise sends text only.
 *
 * Its `version` names the package, its version, the day of the newest price in force and a hash of the data; every price adds the
 * entry that it was taken from.
 *
 * @throws {TierwiseError} `CATALOG_INVALID` when the optional peer is not installed or is another version, or `at` is no date
 * @example
 * ```ts
 * createCatalog([endpoint("gpt", { class: "llm", location: "cloud", model: new ChatOpenAI({ model: "gpt-5" }), price: "list" })], {
 *   prices: await loadPrices(),
 * });
 * ```
 */
export async function loadPrices({ at = new Date() }: LoadPricesOptions = {}): Promise<PriceList> {
  if (!(at instanceof Date) || Number.isNaN(at.getTime()))
    throw refuse(`expected "at" to be a valid Date, found ${show(at)}; leave it out for today's prices`);
  const found = await importPackage();
  const providers = (await found.waitForUpdate()) ?? [];
  const date = newestDate(providers, at);
  const version = `${peer} ${await installedVersion()}, data of ${date} (${stableHash(providers, 8)})`;
  const priceOf = (listed: ListedModel): Price | undefined => {
    const match = matchOf(found, providers, { ...listed, at });
    return match && priceAt(match.model.prices, at, `${version}: ${match.provider.id}/${match.model.id}`);
  };
  return Object.freeze({ version, date, priceOf });
}

function matchOf(
  found: PricePackage,
  providers: readonly Provider[],
  { provider, model, at }: ListedModel & { at: Date },
): Match | undefined {
  if (provider.trim() === "") return undefined;
  const id = aliases[provider.toLowerCase()] ?? provider;
  const known = found.findProvider({ providerId: id })?.id;
  const own = providers.find((item) => item.id === known);
  // Asked for no tokens: only how the package matches names and dates is wanted.
  return own && (found.calcPrice({}, model, { provider: own, timestamp: at }) ?? undefined);
}

/** Names that LangChain (`_llmType`) and OpenTelemetry (`gen_ai.provider.name`) use and the package would miss or mistake. */
const aliases: Readonly<Record<string, string>> = Object.assign(Object.create(null) as object, {
  azure_openai: "azure",
  "azure.ai.openai": "azure",
  "azure.ai.inference": "azure",
  "gcp.gen_ai": "google",
  togetherai: "together",
  x_ai: "x-ai",
});

/** The data carries no date of its own: it is at least as new as the newest price in it that is in force. */
function newestDate(providers: readonly Provider[], at: Date): string {
  const today = at.toISOString().slice(0, 10);
  let newest = "";
  for (const { prices } of providers.flatMap(({ models }) => models)) {
    for (const { constraint } of periodsOf(prices)) {
      const start = constraint?.start_date ?? "";
      if (start <= today && start > newest) newest = start;
    }
  }
  return newest === "" ? "undated" : newest;
}

async function importPackage(): Promise<PricePackage> {
  let found: Partial<PricePackage>;
  try {
    found = (await import("@pydantic/genai-prices")) as unknown as Partial<PricePackage>;
  } catch (cause) {
    throw refuse(`the optional package "${peer}" was not found; install it: npm install ${peer}@^0.1.8`, cause);
  }
  if ([found.waitForUpdate, found.findProvider, found.calcPrice].every((member) => typeof member === "function"))
    return found as PricePackage;
  throw refuse(`the package "${peer}" is another version than was expected; install it: npm install ${peer}@^0.1.8`);
}

/** Of the installed package; a bundle has none to read. */
async function installedVersion(): Promise<string> {
  try {
    const { version } = JSON.parse(await readFile(findPackageJSON(peer, import.meta.url) ?? "", "utf8")) as {
      version: string;
    };
    return version;
  } catch {
    return "of unknown version";
  }
}

function refuse(reason: string, cause?: unknown): TierwiseError {
  return new TierwiseError("CATALOG_INVALID", `Prices cannot be loaded: ${reason}.`, { cause });
}
