import { ChatOpenAI } from "@langchain/openai";
import {
  createCatalog,
  createRuntime,
  defaultPolicy,
  endpoint,
  type Endpoint,
  type EndpointSpec,
  type Runtime,
  type RuntimeOptions,
} from "tierwise";

const price = { inputPerMillionTokensUsd: 1, outputPerMillionTokensUsd: 2 };

/** The real client before one of the far servers. */
export function served(name: string, baseURL: string, spec: Partial<EndpointSpec> = {}): Endpoint {
  const model = new ChatOpenAI({ model: name, apiKey: "none", configuration: { baseURL } });
  return endpoint(name, { class: "slm", location: "on-prem", price, model, ...spec });
}

/** A small model and a large one, with the limits and the retries that users get. */
export function soakRuntime([small = "", large = ""]: readonly string[], options: Partial<RuntimeOptions>): Runtime {
  const dearer = { inputPerMillionTokensUsd: 3, outputPerMillionTokensUsd: 6 };
  const catalog = createCatalog([
    served("small", small),
    served("large", large, { class: "llm", location: "cloud", price: dearer }),
  ]);
  return createRuntime({ catalog, policy: defaultPolicy(), ...options });
}
