/** What docs/guides/migrate-a-langchain-agent.md shows: one agent twice. Nothing is called when this is loaded. */
import { ChatOpenAI } from "@langchain/openai";
import { createAgent } from "langchain";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import type { ScriptedModel } from "tierwise/testing";
import * as z from "zod";
import { searchHelp } from "./own-tools.ts";

const large = () => new ChatOpenAI({ model: "gpt-5", apiKey: process.env["OPENAI_API_KEY"] ?? "none" });
const small = () =>
  new ChatOpenAI({ model: "phi-4", apiKey: "none", configuration: { baseURL: "http://127.0.0.1:8000/v1" } });

const Answer = z.object({ text: z.string(), articles: z.array(z.string()) });

export async function before(question: string) {
  // #region before
  const agent = createAgent({
    model: large(),
    tools: [searchHelp],
    systemPrompt: "You answer questions of customers from our help pages.",
    responseFormat: Answer,
  });
  const { structuredResponse } = await agent.invoke({ messages: [{ role: "user", content: question }] });
  return structuredResponse;
  // #endregion
}

export function after(models = { small: small(), large: large() } as { small: ModelOf; large: ModelOf }) {
  // #region graph
  const g = graph("help", { input: z.object({ question: z.string() }), label: "customer" });
  const answer = g.agent("answer", {
    needs: { input: g.input },
    tools: [{ tool: searchHelp, effect: "read", accepts: "customer" }],
    system: "You answer questions of customers from our help pages.",
    output: Answer,
    maxTurns: 6,
    prompt: ({ input }) => input.question,
  });
  const help = g.output(answer);
  // #endregion

  // #region runtime
  const catalog = createCatalog([
    endpoint("phi4", { class: "slm", location: "on-prem", clearance: "customer", model: models.small }),
    endpoint("gpt", { class: "llm", location: "cloud", clearance: "customer", model: models.large }),
  ]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy() });
  // #endregion

  const run = async (question: string) => {
    // #region run
    const { output, ledger } = await runtime.run(help, { question }, { budget: { durationMs: 20_000 } });
    console.log(`${ledger.attempts} model calls by ${ledger.endpoints.join(", ")}`);
    return output;
    // #endregion
  };
  return { help, runtime, run };
}

type ModelOf = ChatOpenAI | ScriptedModel["factory"];
