/** What docs/guides/endpoints.md shows. Nothing here is called when it is loaded; keys and addresses come from the environment. */
import { AzureChatOpenAI, ChatOpenAI } from "@langchain/openai";
import { applyProbe, createCatalog, endpoint, probe } from "tierwise";
import { loadPrices } from "tierwise/prices";

const { VLLM_URL, OPENAI_API_KEY, TOGETHER_API_KEY, AZURE_OPENAI_API_KEY } = process.env;

export function vllm() {
  // #region vllm
  // vllm serve microsoft/phi-4 --max-logprobs 5
  return endpoint("phi4", {
    class: "slm",
    location: "on-prem",
    clearance: { level: "regulated", compartments: ["pii"] },
    model: new ChatOpenAI({
      model: "microsoft/phi-4",
      apiKey: "none",
      configuration: { baseURL: VLLM_URL ?? "http://127.0.0.1:8000/v1" },
    }),
    capabilities: { logprobs: true, jsonSchema: true, contextTokens: 16_384 },
    limits: { concurrency: 32 },
  });
  // #endregion
}

export function ollama() {
  // #region ollama
  // ollama pull qwen3:8b
  return endpoint("qwen", {
    class: "slm",
    location: "on-prem",
    clearance: { level: "customer", compartments: ["pii"] },
    model: new ChatOpenAI({
      model: "qwen3:8b",
      apiKey: "ollama",
      configuration: { baseURL: "http://127.0.0.1:11434/v1" },
    }),
    limits: { concurrency: 2 },
  });
  // #endregion
}

export function llamaCpp() {
  // #region llama-cpp
  // llama-server -m phi-4-Q4_K_M.gguf --port 8080 --jinja
  return endpoint("phi4-local", {
    class: "slm",
    location: "on-prem",
    clearance: { level: "customer", compartments: ["pii"] },
    model: new ChatOpenAI({
      model: "phi-4",
      apiKey: "none",
      configuration: { baseURL: "http://127.0.0.1:8080/v1" },
    }),
    limits: { concurrency: 4 },
  });
  // #endregion
}

export async function openAi() {
  // #region openai
  const gpt = endpoint("gpt", {
    class: "llm",
    location: "cloud",
    clearance: "internal",
    model: new ChatOpenAI({ model: "gpt-4.1", apiKey: OPENAI_API_KEY ?? "none" }),
    price: "list",
  });
  return createCatalog([gpt], { prices: await loadPrices() });
  // #endregion
}

export function azure() {
  // #region azure
  return endpoint("gpt-eu", {
    class: "llm",
    location: "cloud",
    clearance: { level: "customer", compartments: ["pii", "region:eu"] },
    model: new AzureChatOpenAI({
      azureOpenAIApiKey: AZURE_OPENAI_API_KEY ?? "none",
      azureOpenAIApiInstanceName: "my-instance",
      azureOpenAIApiDeploymentName: "gpt-4.1",
      azureOpenAIApiVersion: "2025-04-01-preview",
    }),
    price: { inputPerMillionTokensUsd: 2, outputPerMillionTokensUsd: 8 },
  });
  // #endregion
}

export function together() {
  // #region together
  return endpoint("llama", {
    class: "llm",
    location: "cloud",
    clearance: "public",
    model: new ChatOpenAI({
      model: "meta-llama/Llama-3.3-70B-Instruct-Turbo",
      apiKey: TOGETHER_API_KEY ?? "none",
      configuration: { baseURL: "https://api.together.xyz/v1" },
    }),
    price: { inputPerMillionTokensUsd: 0.88, outputPerMillionTokensUsd: 0.88 },
  });
  // #endregion
}

export async function probed() {
  // #region probe
  const declared = vllm();
  const report = await probe(declared);
  const found = applyProbe(declared, report);
  return createCatalog([found]);
  // #endregion
}
