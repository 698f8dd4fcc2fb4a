import { hostOf } from "./host.ts";
import { isFactory, isLabelModel, type EndpointModel } from "./model-like.ts";
import type { ListedModel } from "./price.ts";

/** The members of a LangChain chat model that name it; every one may be missing. */
interface NamedClient {
  readonly model?: unknown;
  readonly modelName?: unknown;
  readonly lc_namespace?: readonly unknown[];
  _llmType?(): unknown;
}

const instead = 'write { list: { provider: "…", model: "…" } }';

/**
 * How a price list names a chat model, read from its client without importing LangChain.
 * @param provider what the endpoint declares; else the client's type is taken (`openai` of `ChatOpenAI`)
 * @returns what is wrong and what to do, where it cannot be told for sure: a wrong price is worse than none
 */
export function clientListing(model: EndpointModel, provider: unknown): ListedModel | string {
  if (isLabelModel(model))
    return "a trained classifier runs in-process and is in no list; leave the price out: it costs 0";
  if (isFactory(model)) return `"list" cannot look into a factory for the name of its model; ${instead}`;
  const client = model as NamedClient;
  const name = textOf(client.model) ?? textOf(client.modelName);
  if (name === undefined) return `"list" finds no name on this chat model; ${instead}`;
  const declared = textOf(provider);
  const type = textOf(client._llmType?.()) ?? textOf(client.lc_namespace?.at(-1));
  const host = hostOf(model);
  // Servers of every kind are called with `ChatOpenAI`; what is not at OpenAI's own address is not billed by OpenAI.
  if (declared === undefined && type === "openai" && host.kind === "known" && host.name !== "api.openai.com")
    return `"list" cannot tell who bills for "${host.name}", an address that is not OpenAI's own; ${instead}, or declare the price`;
  const found = declared ?? type;
  if (found === undefined) return `"list" finds no provider on this chat model; ${instead}`;
  return Object.freeze({ provider: found, model: name });
}

function textOf(value: unknown): string | undefined {
  return typeof value === "string" && value.trim() !== "" ? value : undefined;
}
