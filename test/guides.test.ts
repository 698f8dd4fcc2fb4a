import { AzureChatOpenAI, ChatOpenAI } from "@langchain/openai";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph, type Endpoint } from "tierwise";
import { FaultServer } from "tierwise/testing";
import { describe, expect, it } from "vitest";
import * as z from "zod";
import { azure, llamaCpp, ollama, together, vllm } from "../examples/snippets/endpoints.ts";

/** One question to the endpoint's model at a server of ours. */
async function ask(declared: Endpoint) {
  const runtime = createRuntime({ catalog: createCatalog([declared]), policy: defaultPolicy() });
  const g = graph("guide", { input: z.string() });
  const reply = g.model("reply", {
    needs: { text: g.input },
    complexity: "generation",
    maxOutputTokens: 50,
    output: z.string(),
    prompt: ({ text }) => text,
  });
  return (await runtime.run(g.output(reply), "hello")).output;
}

describe("the guide of endpoints", () => {
  it("shows endpoints that a runtime takes", () => {
    const endpoints = [vllm(), ollama(), llamaCpp(), azure(), together()];
    const runtime = createRuntime({ catalog: createCatalog(endpoints), policy: defaultPolicy() });
    expect(runtime.endpoints().map(({ name }) => name)).toEqual(["phi4", "qwen", "phi4-local", "gpt-eu", "llama"]);
  });

  it.each([
    ["ChatOpenAI", (baseURL: string) => new ChatOpenAI({ model: "phi-4", apiKey: "none", configuration: { baseURL } })],
    [
      "AzureChatOpenAI",
      (baseURL: string) =>
        new AzureChatOpenAI({
          azureOpenAIApiKey: "none",
          azureOpenAIBasePath: `${baseURL}/openai/deployments`,
          azureOpenAIApiDeploymentName: "gpt-4.1",
          azureOpenAIApiVersion: "2025-04-01-preview",
        }),
    ],
  ])("asks through %s once, with the output limit", async (_client, model) => {
    await using server = await FaultServer.start([{ content: "fine" }]);
    const declared = endpoint("asked", { class: "llm", location: "on-prem", model: model(server.baseURL) });
    expect(await ask(declared)).toBe("fine");
    expect(server.requests).toHaveLength(1);
    const { max_tokens: older, max_completion_tokens: limit = older } = server.requests[0]!.body;
    expect(limit).toBe(50);
  });
});
