/** What every process of the desk is made of: the same graph, catalog and secret, on one durable engine. */
import { ChatOpenAI } from "@langchain/openai";
import { createCatalog, createRuntime, defaultPolicy, endpoint, type Graph } from "tierwise";
import { dbosEngine, pglitePool } from "tierwise/dbos";
import { intents } from "../shared/intents.ts";

/** A demo's; yours comes from where you keep secrets, and is the same in every process. */
const macKey = "a-secret-of-32-bytes-for-the-demo";

export interface DeskPlace {
  /** Address of a PostgreSQL database, or a folder for PGlite. */
  readonly database: { readonly url: string } | { readonly folder: string };
  readonly modelUrl: string;
}

/** @param graphs whose runs this process takes over; without any it only answers questions */
export function deskRuntime({ database, modelUrl }: DeskPlace, graphs: readonly Graph<never, unknown>[]) {
  // #region engine
  const engine = dbosEngine({
    database: "url" in database ? database.url : pglitePool(database.folder),
    clearance: "customer", // what the database may hold
    leaseMs: 1_000, // a worker that is silent for so long is taken for dead; @default 15 s
  });
  // #endregion
  const model = new ChatOpenAI({ model: "stand-in", apiKey: "none", configuration: { baseURL: modelUrl } });
  const catalog = createCatalog([
    endpoint("intents", { class: "slm", location: "in-process", clearance: "customer", model: intents }),
    endpoint("writer", {
      ...{ class: "llm", location: "cloud", clearance: "customer", model, standIn: true },
      price: { inputPerMillionTokensUsd: 1.25, outputPerMillionTokensUsd: 10, version: "example" },
    }),
  ]);
  // #region runtime
  const runtime = createRuntime({
    catalog,
    policy: defaultPolicy(),
    engine,
    graphs,
    macKey,
    onHuman: { clearance: "customer", ask: engine.ask }, // stored, and answered from wherever somebody is
  });
  // #endregion
  return { engine, runtime };
}
