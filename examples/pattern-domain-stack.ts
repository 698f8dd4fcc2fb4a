import { createCatalog, createRuntime, defaultPolicy, domainStack, endpoint, graph } from "tierwise";
import { trainClassifier } from "tierwise/embedded";
import * as z from "zod";
import { large, small } from "./models.ts";

// P5: a detector and a small trained model a domain; the large model where it is not clear which domain is meant.
const g = graph("advice", { input: z.object({ request: z.string() }) });
const { domain, detected, answer } = domainStack(g, {
  text: g.input.field("request"),
  domains: ["legal", "medical"],
  output: z.string(),
  prompt: ({ text, domain }) => `Answer as a ${domain ?? "general"} expert: ${text}`,
});
const advice = g.output({ domain, detected, answer });

const requests = {
  legal: [
    "my landlord keeps the deposit after the contract ended",
    "is this clause of the contract valid",
    "can I sue the seller in court",
    "the court has sent me a letter about a contract",
    "what does the law say about the deposit",
    "my landlord wants to end the contract",
  ],
  medical: [
    "my knee hurts when I climb stairs",
    "which dose of the pill for a child with fever",
    "a red rash on my arm since monday",
    "is fever after the vaccine normal",
    "how long does the pain in the knee last",
    "the doctor gave me a pill against the rash",
  ],
  neither: [
    "which train goes to the coast on sunday",
    "how do I get red wine out of a shirt",
    "a good recipe for soup with beans",
    "when does the shop open on monday",
    "what is a nice name for a cat",
    "how do I grow beans on a balcony",
  ],
};

/** A detector learns its own domain against everything else: the embedded classifier, trained on the spot. */
function detector(own: "legal" | "medical") {
  const rows = Object.entries(requests).flatMap(([name, texts]) =>
    texts.map((text) => ({ text, label: name === own ? own : `not ${own}` })),
  );
  return endpoint(`${own}-detector`, { class: "slm", location: "in-process", model: trainClassifier(rows) });
}

const catalog = createCatalog([
  detector("legal"),
  detector("medical"),
  endpoint("law-7b", { class: "slm", location: "on-prem", model: small(), domains: ["legal"] }),
  endpoint("med-7b", { class: "slm", location: "on-prem", model: small(), domains: ["medical"] }),
  endpoint("small", { class: "slm", location: "on-prem", model: small() }),
  endpoint("large", { class: "llm", location: "cloud", model: large() }),
]);
const runtime = createRuntime({ catalog, policy: defaultPolicy() });
console.log(runtime.plan(advice).toTable());

for (const request of [
  "my landlord says the contract has ended and keeps the deposit",
  "my knee hurts since monday, which pill may I take",
  "can I sue the doctor in court who gave me the wrong pill",
]) {
  const { output, ledger } = await runtime.run(advice, { request });
  const { certain, uncertain } = output.detected;
  const chosenBy = ledger.steps["disambiguate"]?.endpoints.join() ?? "the detectors";
  console.log(`\n"${request}"`);
  console.log(`  certain: ${certain.join() || "-"}; uncertain: ${uncertain.join() || "-"}`);
  console.log(`  ${output.domain}, chosen by ${chosenBy}, answered by ${ledger.endpoints.at(-1)}: ${output.answer}`);
}
