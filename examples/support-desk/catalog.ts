/** The desk's models: a classifier trained on the spot, and real endpoints where the environment names them. */
import { ChatOpenAI } from "@langchain/openai";
import { createCatalog, endpoint, type Catalog, type EndpointModel, type PriceSpec } from "tierwise";
import type { Classifier } from "tierwise/embedded";
import { largeStandIn, smallStandIn } from "./stand-ins.ts";

type Environment = Readonly<Record<string, string | undefined>>;

/** The two text models: real where the environment names them, else scripted stand-ins at example prices. */
export interface TextModels {
  readonly small: TextModel;
  readonly large: TextModel;
  /** Which of them are scripted stand-ins. */
  readonly standIns: readonly string[];
  /** False when a real endpoint has no price: then no money budget can be kept. */
  readonly priced: boolean;
}

interface TextModel {
  readonly model: EndpointModel;
  readonly standIn: boolean;
  readonly price?: PriceSpec;
}

/** Those of a small model on own hardware and of a large one in the cloud. */
const examplePrices = {
  small: { inputPerMillionTokensUsd: 0.05, outputPerMillionTokensUsd: 0.05, version: "example" },
  large: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10, version: "example" },
} as const;

/** @throws {Error} in one line when a variable is wrong */
export function readTextModels(environment: Environment): TextModels {
  const realSmall = smallModel(environment);
  const realLarge = largeModel(environment);
  const small = realSmall
    ? { model: realSmall, standIn: false, ...priceFrom("SLM_PRICE", environment) }
    : { model: smallStandIn().factory, standIn: true, price: examplePrices.small };
  const large = realLarge
    ? { model: realLarge, standIn: false, ...priceFrom("LLM_PRICE", environment) }
    : { model: largeStandIn().factory, standIn: true, price: examplePrices.large };
  const standIns = [...(small.standIn ? ["small"] : []), ...(large.standIn ? ["large"] : [])];
  return { small, large, standIns, priced: "price" in small && "price" in large };
}

export function deskCatalog(classifier: Classifier, { small, large }: TextModels): Catalog {
  const inHouse = { level: "regulated", compartments: ["pii", "pci"] } as const;
  return createCatalog([
    endpoint("intents", { class: "slm", location: "in-process", clearance: inHouse, model: classifier }),
    endpoint("small", { class: "slm", location: "on-prem", clearance: inHouse, ...small }),
    endpoint("large", {
      class: "llm",
      location: "cloud",
      clearance: { level: "customer", compartments: ["pii"] },
      ...large,
    }),
  ]);
}

function smallModel({
  SLM_BASE_URL: baseURL,
  SLM_MODEL: model,
  SLM_API_KEY: apiKey,
}: Environment): EndpointModel | undefined {
  if (baseURL === undefined || baseURL === "") return undefined;
  const configuration = { baseURL: url("SLM_BASE_URL", baseURL) };
  return new ChatOpenAI({ model: required("SLM_MODEL", model), apiKey: apiKey ?? "none", configuration });
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
function priceFrom(name: string, environment: Environment): { readonly price?: PriceSpec } {
  const text = environment[name];
  if (text === undefined || text === "") return {};
  const [input, output] = text.split(",").map(Number);
  if (input === undefined || output === undefined || !(input >= 0) || !(output >= 0)) {
    throw new Error(
      `${name} is not two prices; write US dollars per million input and output tokens, for example 0.05,0.20`,
    );
  }
  return { price: { inputPerMillionTokensUsd: input, outputPerMillionTokensUsd: output, version: name } };
}
