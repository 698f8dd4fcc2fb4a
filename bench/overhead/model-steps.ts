/**
 * One model step beside what one would write with LangChain alone, against a server in another process.
 * @module
 */
import { ChatOpenAI } from "@langchain/openai";
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import * as z from "zod";
import type { Subject } from "../measure.ts";

const answer = z.object({ answer: z.string() });

export function modelSubjects(baseURL: string): readonly Subject[] {
  const client = new ChatOpenAI({ model: "m", apiKey: "unused", maxRetries: 0, configuration: { baseURL } });
  const structured = client.withStructuredOutput(answer);
  const catalog = createCatalog([endpoint("small", { class: "slm", location: "edge", model: client })]);
  const runtime = createRuntime({ catalog, policy: defaultPolicy() });
  const prompt = "Say ok.";
  const g = graph("plain", { input: z.string() });
  const said = g.model("said", {
    ...{ needs: { text: g.input }, complexity: "generation", output: z.string() },
    prompt: ({ text }) => text,
  });
  const plain = g.output(said);
  const h = graph("structured", { input: z.string() });
  const parsed = h.model("parsed", {
    ...{ needs: { text: h.input }, complexity: "generation", output: answer },
    prompt: ({ text }) => text,
  });
  const object = h.output(parsed);
  const calls = 20;
  return [
    { name: "invoke", calls, call: () => client.invoke(prompt) },
    { name: "model step", calls, call: () => runtime.run(plain, prompt) },
    { name: "withStructuredOutput", calls, call: () => structured.invoke(prompt) },
    { name: "structured step", calls, call: () => runtime.run(object, prompt) },
  ];
}
