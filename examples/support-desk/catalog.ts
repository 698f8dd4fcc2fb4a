/** The desk's models: a classifier trained on the spot, and real endpoints where the environment names them. */
import { ChatOpenAI } from "@langchain/openai";
import { createCatalog, endpoint, type Catalog, type EndpointModel, type PriceSpec } from "tierwise";
import type { Classifier } from "tierwise/embedded";
import { largeStandIn, smallStandIn } from "./stand-ins.ts";

type Environment = Readonly<Record<string, string | undefined>>;

export interface DeskModels {
  readonly catalog: Catalog;
  /** Which text endpoints are scripted stand-ins. */
  readonly standIns: readonly string[];
  /** False when a real endpoint has no price: then no money budget can be kept. */
  readonly priced: boolean;
}

/** Prices of the stand-ins: those of a small model on own hardware and a large one in the cloud, as an example. */
const examplePrices = {
  small: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05, version: "example" },
  large: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10, version: "example" },
} as const;

export function deskModels(classifier: Classifier, environment: Environment): DeskModels {
  const small = smallModel(environment);
  const large = largeModel(environment);
  const smallPrice = small === undefined ? examplePrices.small : priceFrom("SLM_PRICE", environment);
  const largePrice = large === undefined ? examplePrices.large : priceFrom("LLM_PRICE", environment);
  const catalog = createCatalog([
    endpoint("intents", {
      class: "slm",
      location: "in-process",
      clearance: { level: "regulated", compartments: ["pii", "pci"] },
      model: classifier,
    }),
    endpoint("small", {
      class: "slm",
      location: "on-prem",
      clearance: { level: "regulated", compartments: ["pii", "pci"] },
      model: small ?? smallStandIn().factory,
      standIn: small === undefined,
      ...(smallPrice && { price: smallPrice }),
    }),
    endpoint("large", {
      class: "llm",
      location: "cloud",
      clearance: { level: "customer", compartments: ["pii"] },
      model: large ?? largeStandIn().factory,
      standIn: large === undefined,
      ...(largePrice && { price: largePrice }),
    }),
  ]);
  const standIns = [...(small === undefined ? ["small"] : []), ...(large === undefined ? ["large"] : [])];
  return { catalog, standIns, priced: smallPrice !== undefined && largePrice !== undefined };
}

function smallModel({
  SLM_BASE_URL: baseURL,
  SLM_MODEL: model,
  SLM_API_KEY: apiKey,
}: Environment): EndpointModel | undefined {
  if (baseURL === undefined || baseURL === "") return undefined;
  return new ChatOpenAI({
    model: required("SLM_MODEL", model),
    apiKey: apiKey ?? "none",
    configuration: { baseURL: url("SLM_BASE_URL", baseURL) },
  });
}

function largeModel(environment: Environment): EndpointModel | undefined {
  const { LLM_BASE_URL: baseURL, OPENAI_API_KEY: apiKey, LLM_MODEL: model } = environment;
  if (baseURL !== undefined && baseURL !== "") {
    const configuration = { baseURL: url("LLM_BASE_URL", baseURL) };
    return new ChatOpenAI({ model: required("LLM_MODEL", model), apiKey: apiKey ?? "none", configuration });
  }
  if (apiKey === undefined || apiKey === "") return undefined;
  return new ChatOpenAI({ model: required("LLM_MODEL", model), apiKey });
}

function required(name: string, value: string | undefined): string {
  if (value !== undefined && value !== "") return value;
  throw new Error(`${name} is not set; name the model that the endpoint serves`);
}

function url(name: string, value: string): string {
  if (URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)) return value;
  throw new Error(`${name} is not an http(s) address; write for example http://127.0.0.1:8000/v1`);
}

/** `0.05,0.20`: US dollars per million input and output tokens. */
function priceFrom(name: string, environment: Environment): PriceSpec | undefined {
  const text = environment[name];
  if (text === undefined || text === "") return undefined;
  const [input, output] = text.split(",").map(Number);
  if (input === undefined || output === undefined || !(input >= 0) || !(output >= 0)) {
    throw new Error(
      `${name} is not two prices; write US dollars per million input and output tokens, for example 0.05,0.20`,
    );
  }
  return { inputPerMillionTokensUsd: input, outputPerMillionTokensUsd: output, version: name };
}
