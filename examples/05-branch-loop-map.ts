/**
 * Branch, loop, map: `when` decides whether a step runs and `firstOf` joins the branches; `loop` runs a graph until a condition
 * holds; `map` runs a graph for every item of a list, several at once. Look at the names of the steps in the ledger.
 */
import { createCatalog, createRuntime, defaultPolicy, endpoint, graph } from "tierwise";
import * as z from "zod";
import { smallText } from "./models.ts";
import { intents, topics } from "./shared/intents.ts";

// Branch: a graph for one message. A step that is not needed does not run, and is not paid for.
const one = graph("message", { input: z.string() });
const topic = one.classify("topic", { needs: { text: one.input }, labels: topics, text: ({ text }) => text });
const standard = one.code("standard", {
  needs: { topic },
  when: ({ topic }) => topic.label === "delivery",
  run: () => "Parcels take three days.",
});
const written = one.model("written", {
  needs: { text: one.input, topic },
  when: ({ topic }) => topic.label !== "delivery",
  complexity: "generation",
  output: z.string(),
  prompt: ({ text }) => `Answer in two sentences: ${text}`,
});
const answer = one.firstOf("answer", [standard, written]);
const message = one.output({ topic, answer });

// Loop: from a letter to a shorter letter.
const letterSchema = z.object({ text: z.string() });
const round = graph("shorten", { input: letterSchema });
const shorter = round.model("shorter", {
  needs: { letter: round.input },
  complexity: "generation",
  output: letterSchema,
  prompt: ({ letter }) => `Say the same with fewer words: ${letter.text}`,
});
const shorten = round.output(shorter);

// Map: all messages of the day, then one letter about them.
const g = graph("day", { input: z.object({ messages: z.array(z.string()) }) });
const answers = g.map("answers", { over: g.input.field("messages"), each: message, concurrency: 2 });
const draft = g.code("draft", {
  needs: { answers },
  run: (values) => ({ text: values.answers.map(({ topic, answer }) => `${topic.label}: ${answer}`).join("\n") }),
});
const isShort = ({ text }: { text: string }) => text.length < 40;
const letter = g.loop("letter", { start: draft, body: shorten, until: isShort, maxIterations: 4, onLimit: "accept" });
const day = g.output({ answers, letter });

const catalog = createCatalog([
  endpoint("intents", { class: "slm", location: "in-process", model: intents }),
  endpoint("small", { class: "slm", location: "on-prem", ...smallText }),
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });
const messages = ["Where is my parcel?", "The lamp flickers and does not light up", "Please refund my order"];
const { output, ledger } = await runtime.run(day, { messages });
console.log(JSON.stringify(output, null, 2));
for (const [step, { attempts, endpoints }] of Object.entries(ledger.steps))
  console.log(`${step}: ${attempts} calls, ${[...new Set(endpoints)].join(", ")}`);
