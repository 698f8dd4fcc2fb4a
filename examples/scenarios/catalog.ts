/**
 * One catalog for all eight scenarios. Addresses, prices and latencies are those of a made-up company; nothing is called, for
 * a plan needs no model. `locationClearance` caps what each may see by where it stands. The largest come first here, for the
 * order of a catalog means nothing: the policy's does.
 */
import { ChatOpenAI } from "@langchain/openai";
import { createCatalog, endpoint, locationClearance, type EndpointSpec } from "tierwise";

function served(model: string, baseURL: string) {
  return new ChatOpenAI({ model, apiKey: "unused", configuration: { baseURL } });
}

const flat = (usd: number) => ({ inputPerMillionTokensUsd: usd, outputPerMillionTokensUsd: usd });
const everything = { level: "classified", compartments: ["pii", "phi", "pci"] } as const;

/** Small models on the company's own servers and devices; each was trained for one field, but for phi4. */
function own(model: string, spec: Partial<EndpointSpec> & Pick<EndpointSpec, "location" | "latency">) {
  const baseURL = `http://${model}.models.internal:8000/v1`;
  return endpoint(model, {
    class: "slm",
    clearance: everything,
    price: flat(0.05),
    model: served(model, baseURL),
    ...spec,
  });
}

const agreement = { by: "legal@company.example", reason: "data processing agreement of 2026-03-01" };
const anonymiser = { name: "digits", redact: (text: string) => text.replaceAll(/\d{4,}/g, "#") };

/** Hosted models. They claim to be cleared for everything; the preset lets them see customer data at most. */
function hosted(model: string, spec: Pick<EndpointSpec, "class" | "price" | "latency" | "certified">) {
  const declared = { location: "cloud", clearance: everything, dataAgreement: agreement, anonymiser } as const;
  return endpoint(model, { ...declared, model: served(model, `https://${model}.provider.example/v1`), ...spec });
}

export const catalog = createCatalog(
  locationClearance([
    hosted("opus", {
      class: "llm",
      price: { inputPerMillionTokensUsd: 15, outputPerMillionTokensUsd: 75 },
      latency: { p95Ms: 6_000 },
    }),
    hosted("gpt-4o", {
      class: "llm",
      price: { inputPerMillionTokensUsd: 2.5, outputPerMillionTokensUsd: 10 },
      latency: { p95Ms: 1_400 },
    }),
    hosted("flash", {
      class: "slm",
      price: { inputPerMillionTokensUsd: 0.075, outputPerMillionTokensUsd: 0.3 },
      latency: { p95Ms: 800 },
      certified: { tiers: ["planning"], evidence: "evaluation of 2026-10-12, 412 rows, lower bound 0.96 of opus" },
    }),
    own("fraud-3b", { location: "edge", domains: ["fraud"], latency: { p95Ms: 30 } }),
    own("inspection-3b", { location: "edge", domains: ["manufacturing"], latency: { p95Ms: 60 } }),
    own("inspection-7b", {
      ...{ location: "on-prem", domains: ["manufacturing"] },
      // Cheaper than the one at the edge, and too slow for the line.
      ...{ price: flat(0.03), latency: { p95Ms: 250 } },
    }),
    own("legal-7b", { location: "on-prem", domains: ["legal"], latency: { p95Ms: 900 } }),
    own("medical-8b", { location: "on-prem", domains: ["medical"], latency: { p95Ms: 400 } }),
    own("phi4", { location: "on-prem", latency: { p95Ms: 350 } }),
    own("llama-70b", { class: "llm", location: "on-prem", price: flat(0.9), latency: { p95Ms: 1_500 } }),
  ]),
);
